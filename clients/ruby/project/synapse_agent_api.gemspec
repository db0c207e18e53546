# frozen_string_literal: true

require_relative "lib/synapse_agent_api/version"

Gem::Specification.new do |spec|
  spec.name = "synapse_agent_api"
  spec.version = SynapseAgentAPI::VERSION
  spec.authors = ["Synapse SDK"]
  spec.summary = "A client of the Synapse Agent API"
  spec.description = "Runs plugin releases as containers on a Synapse agent, and reads the agent's records of them."
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir["lib/**/*.rb", "docs/*.md", "README.md", "LICENSE"]

  spec.add_runtime_dependency "faraday", ">= 1.0.1", "< 3"
  # Faraday 1 has it inside.
  spec.add_runtime_dependency "faraday-multipart", "~> 1.0"
  spec.add_runtime_dependency "marcel", "~> 1.0"
end
