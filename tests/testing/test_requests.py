"""What an agent for tests was asked, and how it fails when it is to."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import attrs
import httpx
import pytest

from synapse_sdk import AgentClient
from synapse_sdk.exceptions import AuthenticationError, ClientError, NotFoundError, RateLimitError, ServerError
from synapse_sdk.testing import ScriptedAgent, SeenRequest
from tests.contract import document
from tests.local_agent.support import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

ID = "0123456789ab"
CALLS: dict[str, Callable[[AgentClient], Any]] = {
    "list_docker_containers": lambda client: client.list_docker_containers(),
    "create_docker_container": lambda client: client.create_docker_container("sample@1.0.0"),
    "get_docker_container": lambda client: client.get_docker_container(ID),
    "stop_docker_container": lambda client: client.stop_docker_container(ID),
    "start_docker_container": lambda client: client.start_docker_container(ID),
    "delete_docker_container": lambda client: client.delete_docker_container(ID),
    "get_docker_container_logs": lambda client: client.get_docker_container_logs(ID),
    "list_containers": lambda client: client.list_containers(),
    "get_container": lambda client: client.get_container(7),
    "update_container": lambda client: client.update_container(7, status="stopped"),
    "delete_container": lambda client: client.delete_container(7),
    "health_check": lambda client: client.health_check(),
}


def operations(agent: ScriptedAgent) -> list[str | None]:
    return [request.operation for request in agent.requests]


def test_these_are_all_operations_of_the_contract() -> None:
    paths = document()["paths"].values()
    assert {each["operationId"] for path in paths for each in path.values() if "operationId" in each} == CALLS.keys()


@pytest.mark.parametrize("operation", CALLS)
def test_every_operation_is_seen_by_its_name_and_fails_when_it_is_to(
    synapse_agent: ScriptedAgent, operation: str
) -> None:
    synapse_agent.fail_next(operation, 418)
    with pytest.raises(ClientError) as caught:
        CALLS[operation](synapse_agent.client)
    assert (caught.value.status_code, caught.value.operation) == (418, operation)
    [request] = synapse_agent.requests
    assert (request.operation, request.status) == (operation, 418)


def test_requests_are_kept_in_order_with_all_that_they_hold(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    made = client.create_docker_container("sample@1.0.0", params={"n": 1}, labels=["é"])
    client.list_containers({"status": "running", "mine": "a b"})
    client.update_container(1, status="stopped")
    client.get_docker_container(made["docker_id"])
    assert synapse_agent.requests == [
        SeenRequest(
            operation="create_docker_container",
            method="POST",
            path="/containers/docker/",
            path_parameters={},
            query={},
            body={"plugin_release": "sample@1.0.0", "params": {"n": 1}, "labels": ["é"]},
            status=201,
        ),
        SeenRequest("list_containers", "GET", "/containers/", {}, {"status": "running", "mine": "a b"}, None, 200),
        SeenRequest(
            "update_container", "PATCH", "/containers/1", {"container_id": "1"}, {}, {"status": "stopped"}, 200
        ),
        SeenRequest(
            "get_docker_container",
            "GET",
            f"/containers/docker/{made['docker_id']}",
            {"container_id": made["docker_id"]},
            {},
            None,
            200,
        ),
    ]


def test_a_request_shows_what_it_is_and_cannot_be_changed(synapse_agent: ScriptedAgent) -> None:
    synapse_agent.client.health_check()
    [request] = synapse_agent.requests
    assert repr(request) == (
        "SeenRequest(operation='health_check', method='GET', path='/health/', "
        "path_parameters={}, query={}, body=None, status=200)"
    )
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.status = 500  # type: ignore[misc]


def test_what_was_returned_is_not_changed_by_later_requests(synapse_agent: ScriptedAgent) -> None:
    before = synapse_agent.requests
    synapse_agent.client.health_check()
    assert before == []


def test_what_a_test_says_itself_is_no_request(synapse_agent: ScriptedAgent) -> None:
    added = synapse_agent.add_container()
    synapse_agent.transition(added["docker_id"], "exited")
    synapse_agent.set_logs(added["docker_id"], "x")
    assert synapse_agent.requests == []


def test_requests_that_are_refused_are_seen_too(synapse_agent: ScriptedAgent) -> None:
    url = synapse_agent.url
    headers = {"Authorization": synapse_agent.token}
    json = {**headers, "Content-Type": "application/json"}
    httpx.get(f"{url}/containers/", headers={"Authorization": "wrong"})
    httpx.post(f"{url}/containers/docker/", json={"release": "x"}, headers=headers)
    httpx.post(f"{url}/containers/docker/", content=b"{not json", headers=json)
    httpx.get(f"{url}/containers/docker/nope", headers=headers)
    httpx.get(f"{url}/containers/?page=0", headers=headers)
    httpx.get(f"{url}/nothing%2Fhere", headers=headers)
    httpx.put(f"{url}/containers/1", headers=headers)
    seen = [(each.operation, each.method, each.path, each.body, each.status) for each in synapse_agent.requests]
    assert seen == [
        ("list_containers", "GET", "/containers/", None, 401),
        ("create_docker_container", "POST", "/containers/docker/", {"release": "x"}, 422),
        ("create_docker_container", "POST", "/containers/docker/", "{not json", 422),
        ("get_docker_container", "GET", "/containers/docker/nope", None, 404),
        ("list_containers", "GET", "/containers/", None, 422),
        (None, "GET", "/nothing%2Fhere", None, 404),
        (None, "PUT", "/containers/1", None, 405),
    ]
    assert synapse_agent.requests[3].path_parameters == {"container_id": "nope"}
    assert synapse_agent.requests[4].query == {"page": "0"}


def test_what_threads_ask_is_all_seen(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda number: client.create_docker_container(f"sample@{number}"), range(40)))
    assert sorted(each["record_id"] or 0 for each in made) == list(range(1, 41))
    assert operations(synapse_agent) == ["create_docker_container"] * 40
    assert {each.body["plugin_release"] for each in synapse_agent.requests} == {f"sample@{n}" for n in range(40)}


def test_tasks_have_a_client_of_their_own(synapse_agent: ScriptedAgent) -> None:
    async def use() -> None:
        async with synapse_agent.async_client() as client:
            await client.create_docker_container("sample@1.0.0")
            await client.list_docker_containers()

    anyio.run(use)
    assert operations(synapse_agent) == ["create_docker_container", "list_docker_containers"]


def test_as_many_requests_fail_as_were_to(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client.with_options(retries=0)
    synapse_agent.fail_next("create_docker_container", 503, times=2)
    for _ in range(2):
        with pytest.raises(ServerError):
            client.create_docker_container("sample@1.0.0")
        client.list_docker_containers()
    assert client.list_containers()["count"] == 0
    client.create_docker_container("sample@1.0.0")


def test_the_client_tries_again_where_it_may(synapse_agent: ScriptedAgent) -> None:
    synapse_agent.fail_next("create_docker_container", 503, times=2, retry_after=0)
    synapse_agent.client.create_docker_container("sample@1.0.0")
    assert [request.status for request in synapse_agent.requests] == [503, 503, 201]


def test_a_failure_says_what_it_was_given(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client.with_options(retries=0)
    synapse_agent.fail_next("health_check", 429, retry_after=90)
    with pytest.raises(RateLimitError) as caught:
        client.health_check()
    assert (caught.value.retry_after, caught.value.detail) == (90, "Too Many Requests")
    synapse_agent.fail_next("health_check", 503, retry_after="Thu, 01 Jan 1970 00:00:00 GMT", detail="Not today.")
    with pytest.raises(ServerError) as failed:
        client.health_check()
    assert failed.value.detail == "Not today."
    assert (failed.value.headers or {})["retry-after"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    synapse_agent.fail_next("health_check", 599)
    with pytest.raises(ServerError, match="599"):
        client.health_check()


def test_failures_come_in_the_order_in_which_they_were_asked_for(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client.with_options(retries=0)
    synapse_agent.fail_next("health_check", 500)
    synapse_agent.fail_next("health_check", 409, times=2)
    codes = []
    for _ in range(3):
        with pytest.raises(ClientError) as caught:
            client.health_check()
        codes.append(caught.value.status_code)
    assert codes == [500, 409, 409]


def test_requests_that_are_refused_anyway_do_not_count_as_failures(synapse_agent: ScriptedAgent) -> None:
    synapse_agent.fail_next("list_docker_containers", 500)
    with AgentClient(synapse_agent.url, "wrong", retries=0) as stranger, pytest.raises(AuthenticationError):
        stranger.list_docker_containers()
    with pytest.raises(ServerError):
        synapse_agent.client.with_options(retries=0).list_docker_containers()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create_container", 503), "There is no operation 'create_container'. There is create_docker_container, "),
        (("get_container", 200), "200 is not the status of an error"),
        (("get_container", 600), "600 is not the status of an error"),
        (("get_container", 503, 0), "times must be 1 or more, not 0"),
    ],
)
def test_a_failure_that_cannot_be_is_refused(
    synapse_agent: ScriptedAgent, arguments: tuple[str, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        synapse_agent.fail_next(*arguments)


def test_reset_forgets_all_but_the_client_and_the_token(synapse_agent: ScriptedAgent) -> None:
    client, token = synapse_agent.client, synapse_agent.token
    added = synapse_agent.add_container()
    synapse_agent.transition(added["docker_id"], "building", "running")
    synapse_agent.fail_next("list_docker_containers", 500)
    synapse_agent.releases = ["a@1"]
    client.health_check()
    synapse_agent.reset()
    assert synapse_agent.requests == []
    assert (synapse_agent.client, synapse_agent.token) == (client, token)
    assert client.list_docker_containers() == []
    assert client.list_containers()["count"] == 0
    with pytest.raises(NotFoundError):
        client.get_docker_container(added["docker_id"])
    assert synapse_agent.add_container("b@1")["record_id"] == 1


def half_sent(agent: ScriptedAgent) -> tuple[socket.socket, bytes]:
    """Send a create but for the last byte, and return the connection and that byte."""
    url = urlsplit(agent.url)
    body = b'{"plugin_release": "sample@1.0.0"}'
    connection = socket.create_connection((url.hostname or "", url.port or 0), timeout=10)
    head = f"POST /containers/docker/ HTTP/1.1\r\nHost: x\r\nAuthorization: {agent.token}\r\n"
    head += f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[:-1])
    wait_until(lambda: agent.requests)
    return connection, body[-1:]


def test_a_request_that_is_not_answered_yet_is_there_without_a_status(synapse_agent: ScriptedAgent) -> None:
    connection, rest = half_sent(synapse_agent)
    with connection:
        assert [(each.operation, each.body, each.status) for each in synapse_agent.requests] == [
            ("create_docker_container", None, None)
        ]
        connection.sendall(rest)
        assert connection.recv(12) == b"HTTP/1.1 201"
    assert [(each.body, each.status) for each in synapse_agent.requests] == [({"plugin_release": "sample@1.0.0"}, 201)]


def test_a_request_that_is_given_up_stays_without_a_status(synapse_agent: ScriptedAgent) -> None:
    connection, _ = half_sent(synapse_agent)
    connection.close()
    synapse_agent.client.health_check()
    assert wait_until(lambda: synapse_agent.requests[0].body is not None)
    assert [each.status for each in synapse_agent.requests] == [None, 200]


@pytest.mark.parametrize("forget", [ScriptedAgent.reset, ScriptedAgent.renew])
def test_what_was_asked_before_has_no_effect_after(
    synapse_agent: ScriptedAgent, forget: Callable[[ScriptedAgent], None]
) -> None:
    connection, rest = half_sent(synapse_agent)
    forgetting = threading.Thread(target=forget, args=[synapse_agent])
    with connection:
        forgetting.start()
        connection.sendall(rest)
        assert connection.recv(12) == b"HTTP/1.1 201"
        forgetting.join()
    assert synapse_agent.requests == []
    assert synapse_agent.client.list_docker_containers() == []
    assert synapse_agent.add_container()["record_id"] == 1


def test_a_request_that_does_not_end_is_not_waited_for_long_and_is_refused_in_the_end(
    synapse_agent: ScriptedAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synapse_sdk.testing.app._LONGEST_ANSWER", 0.05)
    connection, rest = half_sent(synapse_agent)
    with connection:
        synapse_agent.reset()
        connection.sendall(rest)
        assert connection.recv(12) == b"HTTP/1.1 503"
    assert synapse_agent.requests == []
    assert synapse_agent.client.list_docker_containers() == []


def test_renewed_it_refuses_and_does_not_notice_whoever_still_has_the_former_token(
    synapse_agent: ScriptedAgent,
) -> None:
    url, token = synapse_agent.url, synapse_agent.token
    with AgentClient(url, token, retries=0) as left_over:
        left_over.health_check()
        synapse_agent.renew()
        assert (synapse_agent.url, synapse_agent.token != token) == (url, True)
        synapse_agent.fail_next("health_check", 500)
        with pytest.raises(AuthenticationError):
            left_over.health_check()
    assert synapse_agent.requests == []
    with pytest.raises(ServerError):
        synapse_agent.client.with_options(retries=0).health_check()


def test_renewed_it_has_another_client_and_the_former_one_is_closed(synapse_agent: ScriptedAgent) -> None:
    client = synapse_agent.client
    client.health_check()
    assert synapse_agent.client is client
    synapse_agent.renew()
    with pytest.raises(RuntimeError, match="is closed"):
        client.health_check()
    synapse_agent.client.health_check()
