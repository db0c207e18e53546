"""The documented calls, one for each operation: what they send, and what comes back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from synapse_sdk.exceptions import ResponseDecodeError
from tests.contract import example

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_httpserver import HTTPServer

    from synapse_sdk import AgentClient
    from tests.kinds import Connect

DOCKER_ID = "abc123def456"
LOGS = f"/containers/docker/{DOCKER_ID}/logs/"


@frozen
class Call:
    """A call through the SDK, and the request that it must be."""

    name: str
    make: Callable[[AgentClient], Any]
    method: str
    path: str
    answer: Any = None
    query: str = ""
    body: Any = None
    status: int = 200


CALLS = [
    Call(
        "list_docker_containers",
        lambda client: client.list_docker_containers(),
        "GET",
        "/containers/docker/",
        example("DockerContainers"),
    ),
    Call(
        "create_docker_container",
        lambda client: client.create_docker_container(plugin_release="ocr_processor@2.0.0"),
        "POST",
        "/containers/docker/",
        example("DockerContainer"),
        body=example("CreateMinimal"),
        status=201,
    ),
    Call(
        "create_docker_container with every optional argument",
        lambda client: client.create_docker_container(
            plugin_release="my_plugin@1.0.0",
            params={"input": "data"},
            envs={"DEBUG": "true"},
            metadata={"created_by": "automation"},
            labels=["production", "ml-model"],
        ),
        "POST",
        "/containers/docker/",
        example("DockerContainer"),
        body=example("CreateFull"),
        status=201,
    ),
    Call(
        "create_docker_container with empty optional arguments",
        lambda client: client.create_docker_container("my_plugin@1.0.0", params={}, envs={}, metadata={}, labels=[]),
        "POST",
        "/containers/docker/",
        example("DockerContainer"),
        body={"plugin_release": "my_plugin@1.0.0", "params": {}, "envs": {}, "metadata": {}, "labels": []},
        status=201,
    ),
    Call(
        "get_docker_container",
        lambda client: client.get_docker_container(DOCKER_ID),
        "GET",
        f"/containers/docker/{DOCKER_ID}",
        example("DockerContainer"),
    ),
    Call(
        "delete_docker_container",
        lambda client: client.delete_docker_container(DOCKER_ID),
        "DELETE",
        f"/containers/docker/{DOCKER_ID}",
        status=204,
    ),
    Call(
        "stop_docker_container",
        lambda client: client.stop_docker_container(DOCKER_ID),
        "POST",
        f"/containers/docker/{DOCKER_ID}/stop/",
        example("StoppedDockerContainer"),
    ),
    Call(
        "start_docker_container",
        lambda client: client.start_docker_container(DOCKER_ID),
        "POST",
        f"/containers/docker/{DOCKER_ID}/start/",
        example("DockerContainer"),
    ),
    Call(
        "get_docker_container_logs",
        lambda client: client.get_docker_container_logs(DOCKER_ID),
        "GET",
        LOGS,
        example("Logs"),
    ),
    Call(
        "get_docker_container_logs of some lines",
        lambda client: client.get_docker_container_logs(DOCKER_ID, tail=2),
        "GET",
        LOGS,
        example("Logs"),
        query="tail=2",
    ),
    Call(
        "get_docker_container_logs of no line",
        lambda client: client.get_docker_container_logs(DOCKER_ID, tail=0),
        "GET",
        LOGS,
        "",
        query="tail=0",
    ),
    Call(
        "wait_for_container",
        lambda client: client.wait_for_container(DOCKER_ID),
        "GET",
        f"/containers/docker/{DOCKER_ID}",
        example("DockerContainer"),
    ),
    Call(
        "health_check",
        lambda client: client.health_check(),
        "GET",
        "/health/",
        example("Degraded"),
    ),
    Call(
        "list_containers",
        lambda client: client.list_containers(),
        "GET",
        "/containers/",
        example("ContainerPage"),
    ),
    Call(
        "list_containers with filters",
        lambda client: client.list_containers(
            params={"status": "running", "page": 2, "page_size": 50, "owner": None, "docker_id": "a&b=c"}
        ),
        "GET",
        "/containers/",
        example("ContainerPage"),
        query="status=running&page=2&page_size=50&docker_id=a%26b%3Dc",
    ),
    Call(
        "get_container",
        lambda client: client.get_container(42),
        "GET",
        "/containers/42",
        example("Container"),
    ),
    Call(
        "update_container",
        lambda client: client.update_container(42, status="stopped"),
        "PATCH",
        "/containers/42",
        example("StoppedContainer"),
        body=example("UpdateStopped"),
    ),
    Call(
        "delete_container",
        lambda client: client.delete_container(42),
        "DELETE",
        "/containers/42",
        status=204,
    ),
]

each_call = pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])


def answer(server: HTTPServer, call: Call) -> None:
    handler = server.expect_ordered_request(call.path, method=call.method, query_string=call.query)
    if call.answer is None:
        handler.respond_with_data("", status=call.status)
    elif isinstance(call.answer, str):
        handler.respond_with_data(call.answer, status=call.status, content_type="text/plain; charset=utf-8")
    else:
        handler.respond_with_json(call.answer, status=call.status)


@each_call
def test_a_call_is_one_request_of_the_documented_method_path_query_and_body(
    server: HTTPServer, client: AgentClient, call: Call
) -> None:
    answer(server, call)
    assert call.make(client) == call.answer
    [(request, _)] = server.log
    assert (request.method, request.environ["RAW_URI"].partition("?")[0]) == (call.method, call.path)
    assert request.query_string.decode() == call.query
    assert (request.get_json() if request.get_data() else None) == call.body
    assert (request.mimetype == "application/json") is (call.body is not None)


@pytest.mark.parametrize("call", [call for call in CALLS if call.method == "POST"], ids=lambda call: call.name)
def test_a_post_says_how_long_its_body_is_and_of_what_type_where_there_is_one(
    server: HTTPServer, client: AgentClient, call: Call
) -> None:
    answer(server, call)
    call.make(client)
    [(request, _)] = server.log
    assert request.headers["Content-Length"] == str(len(request.get_data()))
    assert "Transfer-Encoding" not in request.headers
    assert ("Content-Type" in request.headers) is (len(request.get_data()) > 0) is (call.body is not None)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("Ladevorgang läuft\r\n\x1b[1mfertig\0".encode(), "text/plain; charset=utf-8", None),
        ("läuft".encode(), "text/plain", None),
        ("läuft".encode(), "TEXT/PLAIN ; Charset=UTF-8", None),
        ("läuft".encode("latin-1"), "text/plain; charset=iso-8859-1", "läuft"),
        ("läuft".encode("utf-16"), 'text/plain; charset="utf-16"', "läuft"),
        (b"l\xe4uft", "text/plain; charset=utf-8", "l\ufffduft"),
        (b"l\xe4uft", "text/plain", "l\ufffduft"),
        ("läuft".encode(), "text/plain; charset=klingon", None),
        (b"6c", "text/plain; charset=hex", None),
        (b"x", "text/plain; charset=undefined", None),
        ("läuft".encode(), "application/octet-stream", None),
        (b"x", "", None),
        (b"x", "nonsense", None),
        (b'{"level": "info"}', "text/plain", None),
        (b'{"level": "info"}\n', "application/x-ndjson", None),
        (b"<html>printed by the program</html>", "text/plain", None),
        (b'"one\\ntwo\\n"', "application/json", "one\ntwo\n"),
        (b"one\ntwo\n", "application/json", None),
        (b"", "text/plain", ""),
        (b"", "application/json", ""),
        (b"", "text/html", ""),
    ],
)
def test_logs_are_the_text_that_came_in_whatever_encoding(
    server: HTTPServer, client: AgentClient, body: bytes, kind: str, text: str | None
) -> None:
    handler = server.expect_request(LOGS)
    handler.respond_with_data(body, content_type=kind)
    assert client.get_docker_container_logs(DOCKER_ID) == (body.decode() if text is None else text)


def test_logs_without_a_body_are_empty(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request(LOGS).respond_with_data("", status=204)
    assert client.get_docker_container_logs(DOCKER_ID) == ""


@pytest.mark.parametrize(
    ("body", "kind", "told"),
    [
        ("<title>Sign in</title>", "text/html; charset=utf-8", "text/html; charset=utf-8, .*'Sign in'"),
        ("<html/>", "application/xhtml+xml", "application/xhtml.xml"),
        ('{"lines": []}', "application/json", "JSON of another kind"),
        ("[]", "application/json", "JSON of another kind"),
        ("null", "application/json", "JSON of another kind"),
    ],
)
def test_what_cannot_be_logs_is_an_error(
    server: HTTPServer, client: AgentClient, body: str, kind: str, told: str
) -> None:
    server.expect_request(LOGS).respond_with_data(body, content_type=kind)
    with pytest.raises(ResponseDecodeError, match=f"text was due, and {told}"):
        client.get_docker_container_logs(DOCKER_ID)


@each_call
def test_a_call_carries_the_token_verbatim_and_the_user_and_tenant_as_tokens(
    connect: Connect, server: HTTPServer, client: AgentClient, call: Call
) -> None:
    answer(server, call)
    answer(server, call)
    with connect(client.base_url, "s3cret", user_token="u5er", tenant="acme") as other:
        other_answer = call.make(other)
    with connect(client.base_url) as anonymous:
        assert call.make(anonymous) == other_answer
    (full, _), (bare, _) = server.log
    assert full.headers["Authorization"] == "s3cret"
    assert full.headers["SYNAPSE-User"] == "Token u5er"
    assert full.headers["SYNAPSE-Tenant"] == "Token acme"
    assert not {"Authorization", "Synapse-User", "Synapse-Tenant"} & set(bare.headers.keys())


@each_call
def test_a_call_accepts_any_status_of_success(server: HTTPServer, client: AgentClient, call: Call) -> None:
    for status in (200, 201, 202):
        handler = server.expect_ordered_request(call.path, method=call.method, query_string=call.query)
        handler.respond_with_json({"deleted": True} if call.answer is None else call.answer, status=status)
        assert call.make(client) == call.answer


def test_what_the_agent_sent_comes_back_equal_with_unknown_fields_nanoseconds_and_unknown_statuses(
    server: HTTPServer, client: AgentClient
) -> None:
    sent = {
        "id": DOCKER_ID,
        "docker_id": DOCKER_ID,
        "status": "hibernating",
        "running": False,
        "created_at": "2026-02-17T09:30:00.123456789+09:00",
        "labels": None,
        "gpu": {"count": 2, "memory": 1.5e11, "ids": [1, None, "x"]},
    }
    server.expect_request(f"/containers/docker/{DOCKER_ID}").respond_with_json(sent)
    server.expect_request("/containers/docker/").respond_with_json([sent, {}])
    server.expect_request("/containers/7").respond_with_json({"id": 7, "status": "?", "was": "2026-02-17"})
    assert client.get_docker_container(DOCKER_ID) == sent
    assert client.list_docker_containers() == [sent, {}]
    assert client.get_container(7) == {"id": 7, "status": "?", "was": "2026-02-17"}


@pytest.mark.off_contract("the id is no Docker id: the escaping is what is tested")
@pytest.mark.parametrize(
    ("container_id", "segment"),
    [
        ("../42", "..%2F42"),
        ("a/b", "a%2Fb"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("a b", "a%20b"),
        ("%2e%2e", "%252e%252e"),
        ("...", "..."),
        ("é", "%C3%A9"),
        ("a\r\nX: y", "a%0D%0AX%3A%20y"),
    ],
)
def test_a_docker_id_is_sent_as_one_escaped_segment_of_the_path(
    server: HTTPServer, client: AgentClient, container_id: str, segment: str
) -> None:
    server.expect_request(re.compile(".*"), method="DELETE").respond_with_data("", status=204)
    client.delete_docker_container(container_id)
    [(request, _)] = server.log
    assert request.environ["RAW_URI"] == f"/containers/docker/{segment}"
