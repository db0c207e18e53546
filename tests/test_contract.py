"""The contract says what it must, and the check of requests against it can fail."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from openapi_core.exceptions import OpenAPIError
from openapi_schema_validator import OAS30Validator

from synapse_sdk import AgentClient
from tests.contract import check_request, document

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

OPERATIONS = {
    "list_docker_containers": ("get", "/containers/docker/", "docker-containers"),
    "create_docker_container": ("post", "/containers/docker/", "docker-containers"),
    "get_docker_container": ("get", "/containers/docker/{container_id}", "docker-containers"),
    "delete_docker_container": ("delete", "/containers/docker/{container_id}", "docker-containers"),
    "stop_docker_container": ("post", "/containers/docker/{container_id}/stop/", "docker-containers"),
    "start_docker_container": ("post", "/containers/docker/{container_id}/start/", "docker-containers"),
    "get_docker_container_logs": ("get", "/containers/docker/{container_id}/logs/", "docker-containers"),
    "health_check": ("get", "/health/", "agent"),
    "list_containers": ("get", "/containers/", "containers"),
    "get_container": ("get", "/containers/{container_id}", "containers"),
    "update_container": ("patch", "/containers/{container_id}", "containers"),
    "delete_container": ("delete", "/containers/{container_id}", "containers"),
}
VERBS = {"get", "post", "patch", "put", "delete"}


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        item[verb]["operationId"]: (verb, path, item[verb])
        for path, item in document()["paths"].items()
        for verb in VERBS & item.keys()
    }


def test_the_contract_has_the_twelve_operations_of_the_wire_and_a_method_of_the_client_for_each() -> None:
    found = {name: (verb, path, *operation["tags"]) for name, (verb, path, operation) in operations().items()}
    assert found == OPERATIONS
    for name in OPERATIONS:
        assert callable(getattr(AgentClient, name))


def test_every_operation_names_every_answer_its_security_and_what_it_does() -> None:
    for name, (_, _, operation) in operations().items():
        assert {"401", "403", "404", "409", "422", "429", "503", "default"} < operation["responses"].keys(), name
        assert {} in operation["security"], name
        assert operation["security"] == document()["security"], name
        assert operation["summary"], name
        assert operation["description"], name


def test_requests_are_closed_and_answers_open_and_nothing_is_an_enumeration() -> None:
    for name, schema in document()["components"]["schemas"].items():
        if schema["type"] == "object":
            assert schema["additionalProperties"] is not name.endswith("Request"), name
    assert "enum" not in json.dumps(document())


def test_no_query_parameter_has_a_default_and_the_open_filters_come_last() -> None:
    parameters = operations()["list_containers"][2]["parameters"]
    assert [parameter["name"] for parameter in parameters] == [
        "status",
        "plugin_release",
        "page",
        "page_size",
        "filters",
    ]
    assert not any("default" in parameter["schema"] for parameter in parameters)


@pytest.mark.parametrize("name", sorted(document()["components"]["examples"]))
def test_every_example_is_valid_where_it_stands(name: str) -> None:
    reference = {"$ref": f"#/components/examples/{name}"}
    schemas = [media["schema"] for media in media_types(document()) if reference in media.get("examples", {}).values()]
    assert schemas, "the example stands nowhere"
    for schema in schemas:
        rooted = {"allOf": [schema], "components": document()["components"]}
        OAS30Validator(rooted).validate(document()["components"]["examples"][name]["value"])


def test_every_tag_of_an_operation_is_described_and_every_described_tag_has_an_operation() -> None:
    assert {tag["name"] for tag in document()["tags"]} == {tag for _, _, tag in OPERATIONS.values()}


def test_only_logs_are_no_json() -> None:
    for name, (_, _, operation) in operations().items():
        kinds = {kind for answer in operation["responses"].values() for kind in answer.get("content", {})}
        assert kinds <= ({"text/plain"} if name == "get_docker_container_logs" else {"application/json"}), name


def test_every_body_has_an_example() -> None:
    for media in media_types(document()):
        assert "example" in media or "examples" in media, media


def media_types(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [media for item in node for media in media_types(item)]
    if not isinstance(node, dict):
        return []
    found = [media for key, item in node.items() for media in media_types(item)]
    return found + list(node.get("content", {}).values())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/containers/docker/", {}),
        ("POST", "/containers/docker/", {"plugin_release": "a@1", "unknown": 1}),
        ("POST", "/containers/docker/", {"plugin_release": "no version"}),
        ("GET", "/containers/docker/..%2F42", None),
        ("GET", "/containers/docker", None),
        ("GET", "/containers/?page=0", None),
        ("GET", "/containers/docker/abc123def456/logs/?tail=-1", None),
        ("GET", "/containers/docker/abc123def456/logs", None),
        ("GET", "/containers/docker/abc123def456/stop/", None),
        ("POST", "/containers/docker/42/start/", None),
        ("PATCH", "/containers/0", {"status": "stopped"}),
        ("PUT", "/containers/42", {"status": "stopped"}),
    ],
)
def test_a_request_off_the_contract_is_found_out(httpserver: HTTPServer, method: str, path: str, body: Any) -> None:
    httpx.request(method, httpserver.url_for(path), json=body)
    [(request, _)] = httpserver.log
    with pytest.raises(OpenAPIError):
        check_request(request)
