"""What a program brings to send by for tasks, and the generated client for tasks."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from synapse_agent_api.api.docker_containers import list_docker_containers

from synapse_sdk import AsyncAgentClient
from synapse_sdk.clients._call import Call
from synapse_sdk.clients.agent import _operations
from synapse_sdk.exceptions import (
    ClientConnectionError,
    ClientError,
    ClientTimeoutError,
    NotFoundError,
)
from tests.clients.agents import Agent, Reply
from tests.faults.server import BrokenServer, drip, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

#: Less than anything takes that is to be cut short, in seconds, and more than a busy machine stalls.
PROMPTLY = 5.0


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as agent:
        yield agent


class Carrier(httpx.AsyncHTTPTransport):
    """A transport of a program's own, which knows whether it is closed."""

    is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True
        await super().aclose()


async def test_a_transport_that_a_program_brings_carries_the_calls_and_stays_open(agent: Agent) -> None:
    async with Carrier() as carrier:
        async with AsyncAgentClient(agent.url, "t0ken", transport=carrier) as client:
            assert await client.list_docker_containers() == []
        with pytest.raises(RuntimeError, match="is closed"):
            await client.list_docker_containers()
        # It can carry another client.
        async with AsyncAgentClient(agent.url, transport=carrier) as other:
            await other.list_docker_containers()
        assert not carrier.is_closed
    assert len({seen.port for seen in agent.seen}) == 1
    assert [seen.headers.get("authorization") for seen in agent.seen] == ["t0ken", None]


async def test_an_http_client_that_a_program_brings_carries_the_calls_and_stays_open(agent: Agent) -> None:
    hooked: list[str] = []

    async def hook(sent: httpx.Request) -> None:
        hooked.append(sent.method)

    agent.answer = lambda seen: Reply({"id": "abc"} if seen.method == "POST" else [])
    own = {"X-Team": "blue", "User-Agent": "theirs"}
    async with httpx.AsyncClient(headers=own, event_hooks={"request": [hook]}) as http:
        async with AsyncAgentClient(agent.url, "t0ken", http_client=http, headers={"X-Job": "7"}) as client:
            assert await client.list_docker_containers() == []
            await client.create_docker_container("a@1", params={"text": "ü" * 50_000})
        assert not http.is_closed
        await http.get(agent.url)
    listed, created, theirs = agent.seen
    assert (listed.headers["authorization"], listed.headers["x-team"], listed.headers["x-job"]) == (
        "t0ken",
        "blue",
        "7",
    )
    assert listed.headers["user-agent"].startswith("synapse-sdk/")
    assert "ü" * 50_000 in created.body.decode()
    assert not {"authorization", "x-job"} & set(theirs.headers)
    assert listed.port == created.port == theirs.port
    assert hooked == ["GET", "POST", "GET"]


@pytest.mark.parametrize("auth", [("me", "hunter2"), httpx.BasicAuth("me", "hunter2"), "netrc"])
async def test_no_authentication_or_header_of_theirs_replaces_the_token(
    agent: Agent, tmp_path: Path, auth: Any
) -> None:
    if auth == "netrc":
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
        auth = httpx.NetRCAuth(str(netrc))
    async with httpx.AsyncClient(auth=auth, headers={"SYNAPSE-User": "theirs"}) as http:
        async with AsyncAgentClient(agent.url, "t0ken", user_token="u5er", http_client=http) as client:
            await client.list_docker_containers()
        async with AsyncAgentClient(agent.url, http_client=http) as anonymous:
            await anonymous.list_docker_containers()
    sent = [(seen.headers.get("authorization"), seen.headers["synapse-user"]) for seen in agent.seen]
    assert sent == [("t0ken", "Token u5er"), (None, "theirs")]


async def test_a_hook_that_reads_the_answer_leaves_it_for_the_caller(agent: Agent) -> None:
    async def hook(response: httpx.Response) -> None:
        await response.aread()

    agent.answer = lambda _seen: Reply([{"id": "abc"}])
    async with (
        httpx.AsyncClient(event_hooks={"response": [hook]}) as http,
        AsyncAgentClient(agent.url, http_client=http, deadline=2) as client,
    ):
        assert [one["id"] for one in await client.list_docker_containers()] == ["abc"]


async def test_a_hook_that_raises_for_a_status_does_not_hide_the_status_or_show_the_token(agent: Agent) -> None:
    async def hook(response: httpx.Response) -> None:
        response.raise_for_status()

    agent.answer = lambda _seen: Reply({"detail": "gone"}, 404)
    async with (
        httpx.AsyncClient(event_hooks={"response": [hook]}) as http,
        AsyncAgentClient(agent.url, "t0ken", http_client=http) as client,
    ):
        with pytest.raises(NotFoundError) as caught:
            await client.get_container(1)
    assert_no_request_shows_the_token(caught.value)


async def test_no_error_of_an_http_client_shows_the_token(closed_url: str) -> None:
    async with (
        httpx.AsyncClient() as http,
        AsyncAgentClient(closed_url, "t0ken", http_client=http, retries=0) as client,
    ):
        with pytest.raises(ClientConnectionError) as caught:
            await client.list_docker_containers()
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert_no_request_shows_the_token(caught.value)


def assert_no_request_shows_the_token(error: BaseException | None) -> None:
    while error is not None:
        request = getattr(error, "_request", None)
        assert "t0ken" not in repr(getattr(request, "headers", httpx.Headers()).raw)
        error = error.__cause__ or error.__context__


async def test_redirects_are_not_followed_by_an_http_client_that_follows_them(agent: Agent) -> None:
    agent.answer = lambda _seen: Reply(b"", 302, {"Location": "/elsewhere"})
    async with (
        httpx.AsyncClient(follow_redirects=True) as http,
        AsyncAgentClient(agent.url, "t0ken", http_client=http) as client,
    ):
        with pytest.raises(ClientError, match="points to"):
            await client.create_docker_container("a@1")
    assert [seen.method for seen in agent.seen] == ["POST"]


async def test_a_deadline_holds_for_an_http_client_without_timeouts_however_slow_the_agent(silent_url: str) -> None:
    slowly = drip(response(200, {"id": "x" * 300}))
    with BrokenServer(slowly) as dripping:
        for url in (silent_url, dripping.url):
            began = time.monotonic()
            async with (
                httpx.AsyncClient(timeout=None) as http,  # noqa: S113 - that there is none is what is tested
                AsyncAgentClient(url, http_client=http, deadline=0.4) as client,
            ):
                with pytest.raises(ClientTimeoutError, match=r"the deadline of 0\.4 s passed"):
                    await client.get_container(1)
            assert time.monotonic() - began < PROMPTLY


async def test_a_transport_that_is_a_function_serves_tests_without_a_server() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "t0ken"
        return httpx.Response(200, json=[{"id": request.url.path}])

    transport = httpx.MockTransport(answer)
    async with AsyncAgentClient("http://127.0.0.1:9/prefix", "t0ken", transport=transport) as client:
        assert [one["id"] for one in await client.list_docker_containers()] == ["/prefix/containers/docker/"]


class Ready(httpx.AsyncByteStream):
    """A body for the whole of which nobody ever waits.

    Attributes:
        taken: How many parts of it were taken.
        is_closed: Whether it was closed.
    """

    size = 100
    most = 2_000_000

    def __init__(self) -> None:
        self.taken = 0
        self.is_closed = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        # Not endless, so that a test that fails ends.
        if self.taken == self.most:
            raise StopAsyncIteration
        self.taken += 1
        return b"x" * self.size

    async def aclose(self) -> None:
        self.is_closed = True


async def test_of_an_errors_body_that_never_waits_no_more_is_read_than_says_something() -> None:
    body = Ready()
    transport = httpx.MockTransport(lambda _: httpx.Response(404, stream=body))
    async with AsyncAgentClient("http://127.0.0.1:9", transport=transport) as client:
        with pytest.raises(NotFoundError) as caught:
            await client.get_container(1)
        assert "xxx" in str(caught.value)
        most = Call.first(_operations.get_container(1), client._settings, 0.0).most_needed(404)
    assert body.taken == most // body.size + 1
    assert body.is_closed


async def test_a_deadline_holds_for_a_body_that_never_waits() -> None:
    body = Ready()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=body))
    async with AsyncAgentClient("http://127.0.0.1:9", transport=transport, deadline=0.3, retries=0) as client:
        began = time.monotonic()
        with pytest.raises(ClientTimeoutError, match=r"the deadline of 0\.3 s passed"):
            await client.get_container(1)
    assert time.monotonic() - began < PROMPTLY
    assert body.taken < body.most
    assert body.is_closed


@pytest.mark.parametrize("name", ["transport", "http_client"])
async def test_what_a_program_brings_is_refused_with_what_it_brings_itself_or_when_it_is_for_threads(name: str) -> None:
    async with httpx.AsyncClient() as http, httpx.AsyncHTTPTransport() as transport:
        brought: dict[str, Any] = {"transport": transport, "http_client": http}
        with pytest.raises(ValueError, match=f"^{name} brings its own verify: give one or the other"):
            AsyncAgentClient("http://127.0.0.1:9", verify=False, **{name: brought[name]})
        with pytest.raises(ValueError, match="http_client brings its own transport"):
            AsyncAgentClient("http://127.0.0.1:9", **brought)
    with httpx.Client() as http_for_threads, httpx.HTTPTransport() as transport_for_threads:
        brought = {"transport": transport_for_threads, "http_client": http_for_threads}
        with pytest.raises(TypeError, match=rf"^{name} must be an httpx\.Async"):
            AsyncAgentClient("http://127.0.0.1:9", **{name: brought[name]})


@pytest.mark.parametrize("retrying", [False, True], ids=["waits for an answer", "waits to try again"])
async def test_closing_ends_a_call_through_an_http_client(agent: Agent, retrying: bool) -> None:
    agent.answer = (lambda _seen: Reply({"detail": "busy"}, 503, {"Retry-After": "30"})) if retrying else agent.silent
    ended: list[ClientError] = []

    async def call() -> None:
        with pytest.raises(ClientConnectionError) as caught:
            await client.list_docker_containers()
        ended.append(caught.value)

    async with httpx.AsyncClient() as http, AsyncAgentClient(agent.url, http_client=http) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await anyio.to_thread.run_sync(agent.wait_for_request)
            closed = time.monotonic()
            await client.close()
        assert time.monotonic() - closed < PROMPTLY
        # It answers still.
        agent.answer = lambda _seen: Reply()
        assert (await http.get(agent.url)).status_code == 200
    assert "closed" in str(ended[0])


async def test_closing_while_an_answer_comes_leaves_no_wait_to_try_again() -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        tasks.start_soon(client.close)
        with anyio.CancelScope(shield=True):
            while not client._connections.waits.closed:
                await anyio.lowlevel.checkpoint()
        return httpx.Response(503, headers={"Retry-After": "30"})

    client = AsyncAgentClient("http://127.0.0.1:9", transport=httpx.MockTransport(answer))
    with anyio.fail_after(PROMPTLY):
        async with anyio.create_task_group() as tasks:
            with pytest.raises(ClientConnectionError, match="closed meanwhile, before it was tried again"):
                await client.list_docker_containers()


async def test_closing_from_several_tasks_at_once_ends_them_all(agent: Agent) -> None:
    agent.answer = agent.silent

    async def call() -> None:
        with pytest.raises(ClientConnectionError, match="closed"):
            await client.list_docker_containers()

    client = AsyncAgentClient(agent.url)
    with anyio.fail_after(PROMPTLY):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            await anyio.to_thread.run_sync(agent.wait_for_request)
            for _ in range(3):
                tasks.start_soon(client.close)


async def test_closing_the_generated_client_closes_nothing(agent: Agent) -> None:
    async with AsyncAgentClient(agent.url, "t0ken") as client:
        async with client.api as api:
            assert await list_docker_containers.asyncio(client=api) == []
        await api.get_async_httpx_client().aclose()
        assert await list_docker_containers.asyncio(client=client.api) == []
        assert await client.list_docker_containers() == []
    assert {seen.headers["authorization"] for seen in agent.seen} == {"t0ken"}
    assert len({seen.port for seen in agent.seen}) == 1


async def test_the_generated_client_refuses_to_be_synchronous_on_connections_for_tasks(agent: Agent) -> None:
    async with AsyncAgentClient(agent.url) as client:
        with pytest.raises(TypeError, match="this client is asynchronous"):
            list_docker_containers.sync(client=client.api)
    assert agent.seen == []


async def test_a_copy_works_after_its_original_is_gone(agent: Agent) -> None:
    copy = AsyncAgentClient(agent.url).with_options(retries=0).with_options(deadline=5)
    gc.collect()
    assert await copy.list_docker_containers() == []
    api, connections = copy.api, copy._connections
    del copy
    gc.collect()
    assert await list_docker_containers.asyncio(client=api) == []
    assert len({seen.port for seen in agent.seen}) == 1
    await connections.aclose()
