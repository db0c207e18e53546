// The conformance scenario with the C++ client.

#include "api/ContainersApi.h"
#include "api/DockerContainersApi.h"
#include "api/HttpClientImpl.h"

#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <regex>
#include <stdexcept>
#include <string>

using namespace synapse::agent::api;
namespace json = boost::json;
using Object = std::map<std::string, json::value>;

namespace {

const std::string RELEASE = "my_plugin@1.0.0";

void ensure(bool condition, const std::string& what) {
    if (!condition) throw std::runtime_error("it is not so that " + what);
}

/// An API that sends a token with every call.
template <class Api>
class With : public Api {
public:
    With(std::shared_ptr<HttpClient> http, std::string token) : Api(std::move(http)), token(std::move(token)) {}

    void applyOperationSecurity(const std::string&, const std::vector<SecurityRequirementGroup>&, std::string&,
                                std::map<std::string, std::string>& headers) override {
        if (!token.empty()) headers["Authorization"] = token;
    }

private:
    const std::string token;
};

/// The client of an agent.
struct Agent {
    With<DockerContainersApi> docker;
    With<ContainersApi> records;

    Agent(const std::string& url, const std::string& token) : Agent(http(url), token) {}

private:
    Agent(const std::shared_ptr<HttpClient>& http, const std::string& token) : docker(http, token), records(http, token) {}

    static std::shared_ptr<HttpClient> http(const std::string& url) {
        std::smatch parts;
        ensure(std::regex_match(url, parts, std::regex("http://([^:/]+):([0-9]+)/?")), url + " is a URL");
        const auto limit = std::chrono::minutes(10);
        return std::make_shared<HttpClientImpl>(parts[1], parts[2], HttpClientImpl::Transport::Http, 11, limit);
    }
};

/// Returns what was answered, which is no error.
template <class Response>
auto answered(const Response& response) {
    if (const auto error = std::get_if<std::shared_ptr<ErrorBody>>(&response.body))
        throw std::runtime_error(std::to_string(static_cast<unsigned>(response.status)) + (*error)->toJsonString());
    return std::get<0>(response.body);
}

/// Returns what went wrong in an answer that has this status.
template <class Response>
ErrorBody_detail refused(const Response& response, unsigned status) {
    const auto found = static_cast<unsigned>(response.status);
    ensure(found == status, std::to_string(found) + " is " + std::to_string(status));
    return std::get<std::shared_ptr<ErrorBody>>(response.body)->getDetail();
}

/// The checks, counted and printed.
class Checks {
public:
    void operator()(const std::string& name, const std::function<void()>& check) {
        try {
            check();
            ++passed;
            std::cout << "ok " << name << std::endl;
        } catch (const std::exception& error) {
            ++failed;
            std::cout << "FAILED " << name << ": " << error.what() << std::endl;
        }
    }

    int close() const {
        std::cout << "conformance: " << passed << " passed, " << failed << " failed" << std::endl;
        return failed ? 1 : 0;
    }

private:
    int passed = 0, failed = 0;
};

Object object(const std::string& text) { return json::value_to<Object>(json::parse(text)); }

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    ensure(value, std::string(name) + " is set");
    return value;
}

int scenario() {
    const auto url = variable("SYNAPSE_AGENT_URL");
    Agent agent(url, variable("SYNAPSE_AGENT_TOKEN")), scripted(variable("SYNAPSE_SCRIPTED_URL"), "");
    const Object params = object(R"({"input": "data", "nested": {"list": [1, 2.5, true, null]}, "text": "ä漢🚀"})");
    const Object metadata = object(R"({"created_by": "conformance"})");
    const std::vector<std::string> labels{"production", "ml-model"};
    // What later checks need of earlier ones. Without it they are answered with errors.
    DockerContainer first, second;
    Checks check;

    const auto created = [&](const std::string& release) {
        auto request = std::make_shared<CreateDockerContainerRequest>();
        request->setPluginRelease(release);
        return request;
    };
    const auto records = [&](boost::optional<std::string> status, boost::optional<std::string> release,
                             boost::optional<int> page, boost::optional<int> size, boost::optional<Object> filters) {
        return answered(agent.records.listContainers(status, release, page, size, filters));
    };
    const auto only = [&] {
        const auto containers = answered(scripted.docker.listDockerContainers());
        ensure(containers.size() == 1, "there is one container");
        return *containers[0];
    };

    check("no token", [&] { refused(Agent(url, "").docker.listDockerContainers(), 401); });

    check("wrong token", [&] {
        const auto detail = refused(Agent(url, "wrong").docker.listDockerContainers(), 401);
        ensure(!std::get<std::string>(detail).empty(), "the detail is a text");
    });

    check("list", [&] { ensure(answered(agent.docker.listDockerContainers()).empty(), "the list is empty"); });

    check("create", [&] {
        auto request = created(RELEASE);
        request->setParams(params);
        request->setEnvs({{"DEBUG", "true"}});
        request->setMetadata(metadata);
        request->setLabels(labels);
        first = *answered(agent.docker.createDockerContainer(request));
        ensure(first.getDockerId() == first.getId(), "the docker_id is the id");
        ensure(first.getPluginRelease().value() == RELEASE, "the plugin_release is as sent");
        ensure(first.getLabels().value() == labels, "the labels are as sent");
    });

    check("get", [&] {
        const auto found = answered(agent.docker.getDockerContainer(first.getDockerId()));
        ensure(found->isRunning() && found->getStatus() == "running", "it runs");
        ensure(found->getEndpoint().value().rfind("http://127.0.0.1:", 0) == 0, "it has an endpoint");
    });

    check("record", [&] {
        const auto record = answered(agent.records.getContainer(first.getRecordId().value()));
        ensure(record->getParams().value() == params, "the params are as sent");
        ensure(record->getMetadata().value() == metadata, "the metadata are as sent");
        ensure(record->getLabels().value() == labels, "the labels are as sent");
    });

    check("one segment", [&] {
        const std::string name = "a/b?c#d é漢";
        const auto detail = std::get<std::string>(refused(agent.docker.getDockerContainer(name), 404));
        ensure(detail.find(name) != std::string::npos, "the name is in " + detail);
    });

    check("two pages", [&] {
        second = *answered(agent.docker.createDockerContainer(created(RELEASE)));
        auto page = records({}, RELEASE, 1, 1, {});
        ensure(page->getResults().size() == 1, "page 1 has one record");
        ensure(page->getResults()[0].getId() == second.getRecordId().value(), "it is the second's");
        ensure(page->getCount() == 2 && page->getNext().hasValue(), "there is another page");
        page = records({}, RELEASE, 2, 1, {});
        ensure(page->getResults().size() == 1, "page 2 has one record");
        ensure(page->getResults()[0].getId() == first.getRecordId().value(), "it is the first's");
        ensure(page->getNext().isNull(), "there is no other page");
    });

    check("filter", [&] {
        ensure(records(std::string("running"), {}, {}, {}, {})->getResults().size() == 2, "two run");
        ensure(records(std::string("stopped"), {}, {}, {}, {})->getResults().empty(), "none is stopped");
    });

    check("another filter", [&] {
        const auto found = records({}, {}, {}, {}, Object{{"docker_id", json::string(first.getDockerId())}})->getResults();
        ensure(found.size() == 1 && found[0].getId() == first.getRecordId().value(), "it is the first's alone");
    });

    check("update", [&] {
        auto request = std::make_shared<UpdateContainerRequest>();
        request->setStatus("stopped");
        const auto id = second.getRecordId().value();
        ensure(answered(agent.records.updateContainer(id, request))->getStatus() == "stopped", "the answer has it");
        ensure(answered(agent.records.getContainer(id))->getStatus() == "stopped", "the record has it");
    });

    check("invalid", [&] {
        const auto detail = refused(agent.docker.createDockerContainer(created("no-version")), 422);
        const auto field = std::get<std::vector<FieldError>>(detail).at(0);
        ensure(field.getLoc() == std::vector<FieldError_loc_inner>{"body", "plugin_release"}, "it is the plugin_release");
        ensure(!field.getType().empty() && !field.getMsg().empty(), "it has a type and a msg");
    });

    check("logs", [&] { const std::string text = answered(agent.docker.getDockerContainerLogs(first.getDockerId(), 1)); });

    check("unknown fields", [&] {
        ensure(only().getDockerId() == "0123456789ab" && !only().isRunning(), "it is the scripted one");
    });

    check("unknown status", [&] { ensure(only().getStatus() == "hibernating", "it hibernates"); });

    check("null optionals", [&] {
        const auto container = only();
        ensure(container.getName().isNull() && container.getImage().isNull() && container.getEndpoint().isNull() &&
                   container.getPluginRelease().isNull() && container.getLabels().isNull() &&
                   container.getCreatedAt().isNull() && container.getRecordId().isNull() &&
                   container.getExitCode().isNull(),
               "all of the container's are null");
        const auto record = answered(scripted.records.getContainer(7));
        ensure(record->getDockerId().isMissing() && record->getStatusReason().isMissing() &&
                   record->getExitCode().isMissing() && record->getEndedAt().isMissing() &&
                   record->getEndpoint().isMissing() && record->getHostPort().isMissing() &&
                   record->getParams().isMissing() && record->getMetadata().isMissing() &&
                   record->getLabels().isMissing() && record->getCreatedAt().isMissing() &&
                   record->getUpdatedAt().isMissing(),
               "all of the record's are left out");
    });

    check("unknown fields in a page", [&] {
        const auto page = answered(scripted.records.listContainers({}, {}, {}, {}, {}));
        // getCount() has no way to say that there is none.
        ensure(!page->toJsonValue().as_object().contains("count"), "there is no count");
        ensure(page->getResults().size() == 1 && page->getResults()[0].getStatus() == "hibernating", "one hibernates");
    });

    check("too many requests", [&] {
        const auto response = scripted.docker.getDockerContainer("0123456789ab");
        ensure(std::get<std::string>(refused(response, 429)) == "Too many requests.", "it says so");
        ensure(response.headers.at("Retry-After") == "7", "it says when to try again");
    });

    check("delete", [&] { answered(agent.docker.deleteDockerContainer(first.getDockerId())); });

    check("delete again", [&] { refused(agent.docker.deleteDockerContainer(first.getDockerId()), 404); });

    check("delete record", [&] {
        const auto id = second.getRecordId().value();
        answered(agent.records.deleteContainer(id));
        refused(agent.records.getContainer(id), 404);
    });

    return check.close();
}

}  // namespace

int main() {
    try {
        return scenario();
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
