# frozen_string_literal: true

# The conformance scenario with the Ruby client.

require "synapse_agent_api"
require "uri"

RELEASE = "my_plugin@1.0.0"
# The client reads the names in a free object as texts, and those further inside as symbols.
PARAMS = { "input" => "data", "nested" => { list: [1, 2.5, true, nil] }, "text" => "ä漢🚀" }.freeze
METADATA = { "created_by" => "conformance" }.freeze
LABELS = %w[production ml-model].freeze

# Makes checks, prints a line for each, and counts them.
class Checks
  def initialize
    @passed = @failed = 0
  end

  # A check fails if its block raises.
  def check(name)
    yield
    puts "ok #{name}"
    @passed += 1
  rescue StandardError => e
    warn e.full_message
    puts "FAILED #{name}: #{e.message.inspect}"
    @failed += 1
  end

  # Prints how many passed, and returns whether all did.
  def close
    puts "conformance: #{@passed} passed, #{@failed} failed"
    @failed.zero?
  end
end

def same(expected, actual)
  raise "#{actual.inspect} is not #{expected.inspect}" unless actual == expected
end

def sure(truth)
  raise "it is not so" unless truth
end

# Returns the error that the block ends with, which has this status.
def refused(code)
  yield
rescue SynapseAgentAPI::ApiError => e
  same(code, e.code)
  e
else
  raise "it was answered"
end

def api_client(url, token = nil)
  uri = URI.parse(url)
  config = SynapseAgentAPI::Configuration.new do |c|
    c.scheme = uri.scheme
    c.host = "#{uri.host}:#{uri.port}"
    c.base_path = uri.path
    c.api_key["Authorization"] = token
    # What is no Docker id is for the agent to refuse.
    c.client_side_validation = false
  end
  SynapseAgentAPI::ApiClient.new(config)
end

def docker_containers(...) = SynapseAgentAPI::DockerContainersApi.new(api_client(...))

url, token, scripted_url = %w[AGENT_URL AGENT_TOKEN SCRIPTED_URL].map { |name| ENV.fetch("SYNAPSE_#{name}") }
docker = docker_containers(url, token)
records = SynapseAgentAPI::ContainersApi.new(docker.api_client)
scripted = docker_containers(scripted_url)
scripted_records = SynapseAgentAPI::ContainersApi.new(scripted.api_client)
checks = Checks.new
first = second = nil

checks.check("no token") do
  refused(401) { docker_containers(url).list_docker_containers }
end

checks.check("wrong token") do
  error = refused(401) { docker_containers(url, "wrong").list_docker_containers }
  same(String, error.error_body.detail.class)
  sure(!error.error_body.detail.empty?)
end

checks.check("list") do
  same([], docker.list_docker_containers)
end

checks.check("create") do
  first = docker.create_docker_container(
    SynapseAgentAPI::CreateDockerContainerRequest.new(
      plugin_release: RELEASE, params: PARAMS, envs: { "DEBUG" => "true" }, metadata: METADATA, labels: LABELS
    )
  )
  same(first.id, first.docker_id)
  same([RELEASE, LABELS], [first.plugin_release, first.labels])
end

checks.check("get") do
  found = docker.get_docker_container(first.docker_id)
  same([true, "running"], [found.running, found.status])
  sure(found.endpoint.start_with?("http://127.0.0.1:"))
end

checks.check("record") do
  record = records.get_container(first.record_id)
  same([PARAMS, METADATA, LABELS], [record.params, record.metadata, record.labels])
end

checks.check("one segment") do
  name = "a/b?c#d é漢"
  sure(refused(404) { docker.get_docker_container(name) }.error_body.detail.include?(name))
end

checks.check("two pages") do
  second = docker.create_docker_container(
    SynapseAgentAPI::CreateDockerContainerRequest.new(plugin_release: RELEASE)
  )
  page = records.list_containers(plugin_release: RELEASE, page: 1, page_size: 1)
  same([second.record_id], page.results.map(&:id))
  same(2, page.count)
  sure(page._next)
  page = records.list_containers(plugin_release: RELEASE, page: 2, page_size: 1)
  same([first.record_id], page.results.map(&:id))
  same(nil, page._next)
end

checks.check("filter") do
  same(2, records.list_containers(status: "running").results.length)
  same([], records.list_containers(status: "stopped").results)
end

checks.check("another filter") do
  page = records.list_containers(filters: { docker_id: first.docker_id })
  same([first.record_id], page.results.map(&:id))
end

checks.check("update") do
  update = SynapseAgentAPI::UpdateContainerRequest.new(status: "stopped")
  same("stopped", records.update_container(second.record_id, update).status)
  same("stopped", records.get_container(second.record_id).status)
end

checks.check("invalid") do
  # The request's own class refuses this; a hash is sent as it is.
  error = refused(422) { docker.create_docker_container({ plugin_release: "no-version" }) }
  field = error.error_body.detail.first
  same(SynapseAgentAPI::FieldError, field.class)
  same(%w[body plugin_release], field.loc)
  sure(!field.type.empty? && !field.msg.empty?)
end

checks.check("logs") do
  same(String, docker.get_docker_container_logs(first.docker_id, tail: 1).class)
end

checks.check("unknown fields") do
  same([["0123456789ab", false]], scripted.list_docker_containers.map { |found| [found.docker_id, found.running] })
end

checks.check("unknown status") do
  same(%w[hibernating], scripted.list_docker_containers.map(&:status))
end

checks.check("null optionals") do
  found = scripted.list_docker_containers.first
  names = %i[name image endpoint plugin_release labels created_at record_id exit_code]
  same([nil] * names.length, names.map { |name| found.public_send(name) })
  record = scripted_records.get_container(7)
  optional = SynapseAgentAPI::Container.openapi_types.keys - %i[id plugin_release status]
  same([nil] * 11, optional.map { |name| record.public_send(name) })
end

checks.check("unknown fields in a page") do
  page = scripted_records.list_containers
  same(nil, page.count)
  same(%w[hibernating], page.results.map(&:status))
end

checks.check("too many requests") do
  error = refused(429) { scripted.get_docker_container("0123456789ab") }
  same("7", error.response_headers["Retry-After"])
  same("Too many requests.", error.error_body.detail)
end

checks.check("delete") do
  same([nil, 204], docker.delete_docker_container_with_http_info(first.docker_id).first(2))
end

checks.check("delete again") do
  refused(404) { docker.delete_docker_container(first.docker_id) }
end

checks.check("delete record") do
  records.delete_container(second.record_id)
  refused(404) { records.get_container(second.record_id) }
end

exit checks.close
