"""Tasks: cancellation, event loops, and very many calls at once."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import threading
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest

from synapse_sdk import AsyncAgentClient
from synapse_sdk.exceptions import ClientConnectionError, ClientError, ClientTimeoutError
from tests.clients.agents import PATIENCE, Agent, Reply, Seen
from tests.clients.peers import served
from tests.clients.test_life import wait_until
from tests.faults.agent import container, good, record
from tests.faults.server import (
    BrokenServer,
    Step,
    Then,
    drip,
    forever,
    head,
    late,
    never_read,
    response,
    silence,
    truncated,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

pytestmark = pytest.mark.anyio

#: Nothing here is encrypted, and to load the system's certificates takes long.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

#: Less than anything takes that is to be cut short, in seconds, and more than a busy machine stalls.
PROMPTLY = 5.0


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as agent:
        yield agent


@pytest.fixture(autouse=True)
def nothing_left_open() -> Iterator[None]:
    """Hold that a test leaves no socket open."""
    gc.collect()
    before = sockets()
    yield
    gc.collect()
    # Those that others have left behind, and the ends in a server's threads, may be closed only now.
    wait_until(lambda: sockets() <= before)


def sockets() -> int:
    """Return how many sockets this process has open."""
    found = 0
    for number in Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").is_dir() else ():
        # The listing's own is gone.
        with suppress(OSError):
            found += str(number.readlink()).startswith("socket:")
    return found


def other_tasks() -> int:
    """Return how many tasks there are beside this one and the test runner's."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        import trio

        return trio.lowlevel.current_statistics().tasks_living


async def number_of(client: AsyncAgentClient, number: int) -> Any:
    """Return what comes for a record."""
    return await client.get_container(number)


async def in_thread(wait: Callable[[], Any]) -> Any:
    return await anyio.to_thread.run_sync(wait)


# Cancellation.

CANCELLED: dict[str, tuple[Step, dict[str, bool]]] = {
    "connects": (good(), {"full": True}),
    "waits for the answer": (silence(), {}),
    "reads the head": (drip(response(200, container())), {}),
    "reads the body": (truncated(response(200, container()), keep=5, then=Then.SILENCE), {}),
    "reads chunks": (drip(head(200, [("Transfer-Encoding", "chunked")]) + b"1\r\n[\r\n" * 100, at_once=60), {}),
    "writes": (never_read(), {}),
    "waits to try again": (Step("busy", lambda line, _: line.send(response(503, headers=[("Retry-After", "50")]))), {}),
}


@pytest.mark.parametrize("state", CANCELLED)
async def test_a_call_that_is_cancelled_ends_at_once_and_the_next_gets_its_own_answer(state: str) -> None:
    step, how = CANCELLED[state]
    with BrokenServer(forever(step), **how) as server:
        # With a single connection nothing works any more if that is not given back.
        async with AsyncAgentClient(server.url, limits={"max_connections": 1}, deadline=60, timeout=50) as client:
            tasks = other_tasks()
            with anyio.move_on_after(0.2) as scope:
                await client.create_docker_container("a@1", params={"x": "x" * (8_000_000 if state == "writes" else 1)})
            assert scope.cancelled_caught
            assert other_tasks() == tasks
            server.release()
            server.play(forever(good()))
            await in_thread(server.listen)
            made = await client.create_docker_container("a@2")
            assert made == {**container(), "plugin_release": "a@2"}
        # What was cancelled was not sent again.
        assert Counter(seen.json()["plugin_release"] for seen in server.requests)["a@1"] <= 1


async def test_a_call_that_is_cancelled_while_it_waits_for_a_connection_leaves_its_place(agent: Agent) -> None:
    free = threading.Event()

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/1"):
            free.wait(PATIENCE)
        return Reply({"id": int(seen.path.rpartition("/")[2])})

    agent.answer = answer
    async with AsyncAgentClient(agent.url, limits={"max_connections": 1}) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.get_container, 1)
            await in_thread(agent.wait_for_request)
            with anyio.move_on_after(0.1) as scope:
                await client.get_container(2)
            assert scope.cancelled_caught
            free.set()
        assert await number_of(client, 3) == {"id": 3}
    assert [seen.path[-1] for seen in agent.seen] == ["1", "3"]


async def test_a_call_that_is_cancelled_during_a_handshake_closes_its_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        async with AsyncAgentClient(url, verify=_NO_TLS, limits={"max_connections": 1}, timeout=50) as client:
            for _ in range(2):
                async with anyio.create_task_group() as group:
                    group.start_soon(client.get_container, 1)
                    accepted, _address = await in_thread(listener.accept)
                    accepted.settimeout(PATIENCE)
                    # The handshake has begun.
                    assert await in_thread(partial(accepted.recv, 65_536))
                    group.cancel_scope.cancel()
                with accepted:
                    while await in_thread(partial(accepted.recv, 65_536)):
                        pass


@pytest.mark.parametrize("trouble", ["fails", "times out", "is cancelled"])
async def test_a_negotiation_with_a_socks_proxy_that_comes_to_nothing_leaves_no_socket_open(trouble: str) -> None:
    asked, left = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(100)
        if trouble == "fails":
            connection.sendall(b"\x05\x00")
            connection.recv(100)
            # The host cannot be reached.
            connection.sendall(b"\x05\x04\x00\x01" + bytes(6))
        asked.set()
        if not connection.recv(100):
            left.set()

    async def call(*, task_status: anyio.abc.TaskStatus[anyio.CancelScope]) -> None:
        with anyio.CancelScope() as scope, suppress(ClientError):
            task_status.started(scope)
            await client.get_container(1)
            raise AssertionError
        assert scope.cancelled_caught is (trouble == "is cancelled")

    with served(serve) as port:
        proxy = f"socks5://127.0.0.1:{port}"
        timeout = 0.2 if trouble == "times out" else 30
        async with AsyncAgentClient("http://agent.example.com", proxy=proxy, retries=0, timeout=timeout) as client:
            async with anyio.create_task_group() as group:
                scope = await group.start(call)
                assert await in_thread(partial(asked.wait, PATIENCE))
                if trouble == "is cancelled":
                    scope.cancel()
            gc.collect()
            # While the client is still open.
            assert await in_thread(partial(left.wait, PATIENCE))


async def test_calls_that_are_cancelled_at_any_moment_leave_a_client_that_works(agent: Agent) -> None:
    agent.answer = lambda seen: Reply({"id": int(seen.path.rpartition("/")[2])})
    async with AsyncAgentClient(agent.url, limits={"max_connections": 3}) as client:
        tasks = other_tasks()

        async def call(number: int, seconds: float) -> None:
            with anyio.move_on_after(seconds):
                assert await number_of(client, number) == {"id": number}

        for round_ in range(10):
            async with anyio.create_task_group() as group:
                for number in range(1, 21):
                    # Each at another moment, which is what is wanted.
                    group.start_soon(call, number, 0.0005 * number + 0.0001 * round_)
        assert other_tasks() == tasks
        for number in range(1, 21):
            assert await number_of(client, number) == {"id": number}


@pytest.mark.parametrize("all_at_once", [True, False], ids=["list_all", "iter"])
async def test_pages_that_are_cancelled_leave_no_task_behind(agent: Agent, all_at_once: bool) -> None:
    page = {"count": 900, "next": "?page=2", "results": [{"id": number} for number in range(100)]}
    agent.answer = lambda seen: agent.silent(seen) if "page=2" in seen.path else Reply(page)
    async with AsyncAgentClient(agent.url) as client:
        tasks = other_tasks()
        with anyio.move_on_after(0.3) as scope:
            if all_at_once:
                await client.list_containers(list_all=True)
            else:
                async for _ in client.iter_containers():
                    pass
        assert scope.cancelled_caught
        await settled(lambda: other_tasks() == tasks)


def page_of(task: asyncio.Task[Any]) -> str | None:
    """Return the number of the page that a task fetches ahead, if it does."""
    coroutine: Any = task.get_coro()
    return coroutine.cr_frame.f_locals["self"]._query["page"] if "_Task._run" in repr(coroutine) else None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("when", ["before its first step", "while it waits"])
@pytest.mark.parametrize("number", ["2", "5"], ids=["the next page", "a later page"])
async def test_a_task_that_fetches_a_page_and_is_cancelled_by_another_ends_the_call_at_once_with_an_error(
    agent: Agent, when: str, number: str
) -> None:
    page = {"count": 900, "next": "?page=2", "results": [{"id": row} for row in range(100)]}
    agent.answer = lambda seen: agent.silent(seen) if "page=" in seen.path.partition("?page_size=")[0] else Reply(page)
    loop = asyncio.get_running_loop()

    def make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **options)
        if when == "before its first step" and page_of(task) == number:
            task.cancel()
        return task

    async def cancel() -> None:
        for _ in range(9):
            await in_thread(agent.wait_for_request)
        [task] = [task for task in asyncio.all_tasks() if page_of(task) == number]
        task.cancel()

    async with AsyncAgentClient(agent.url, deadline=60, timeout=50) as client:
        tasks = other_tasks()
        loop.set_task_factory(make)
        try:
            with anyio.fail_after(PROMPTLY):
                async with anyio.create_task_group() as group:
                    if when == "while it waits":
                        group.start_soon(cancel)
                    with pytest.raises(RuntimeError, match="cancelled"):
                        await client.list_containers(list_all=True)
        finally:
            loop.set_task_factory(None)
        assert other_tasks() == tasks


async def settled(is_so: Callable[[], bool]) -> None:
    """Wait until something is so that other tasks have still to do."""
    with anyio.fail_after(PATIENCE):
        while not is_so():
            await anyio.lowlevel.checkpoint()


# Closing.


async def test_closing_ends_all_calls_that_are_under_way_and_every_connection(agent: Agent) -> None:
    agent.answer = agent.silent
    client = AsyncAgentClient(agent.url, limits={"max_connections": 5})
    tasks = other_tasks()
    errors: list[ClientError] = []

    async def call() -> None:
        with pytest.raises(ClientConnectionError, match="client was closed") as caught:
            await client.create_docker_container("a@1")
        errors.append(caught.value)

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
        for _ in range(5):
            await in_thread(agent.wait_for_request)
        await client.close()
    assert other_tasks() == tasks
    # Those whose request was on its way say so, and those that waited for a connection do not.
    assert sorted(error.may_have_taken_effect for error in errors) == [False] * 15 + [True] * 5
    assert len(agent.seen) == 5
    with pytest.raises(RuntimeError, match="is closed"):
        await client.create_docker_container("a@1")
    await client.close()


async def test_closing_that_is_cancelled_while_a_call_still_ends_closes_every_connection_all_the_same() -> None:
    with BrokenServer(good(), good(), forever(silence())) as server:
        client = AsyncAgentClient(server.url, retries=0)
        before = sockets()

        async def call(number: int) -> None:
            with pytest.raises(ClientConnectionError, match="client was closed"):
                await client.get_container(number)

        # Two connections, of which then one is idle.
        assert await gathered([partial(client.get_container, number) for number in (1, 2)]) == [record(1), record(2)]
        async with anyio.create_task_group() as group:
            group.start_soon(call, 3)
            await in_thread(partial(server.wait_for_requests, 3))
            with anyio.CancelScope() as scope:
                scope.cancel()
                await client.close()
            assert scope.cancelled_caught
        server.release()
        # The server's ends, which are counted too, are closed in its threads.
        await settled(lambda: sockets() == before)
        await client.close()


async def test_leaving_the_block_closes_and_so_does_an_error_in_it(agent: Agent) -> None:
    client = AsyncAgentClient(agent.url)

    async def stumble() -> None:
        async with client:
            await client.list_docker_containers()
            raise KeyError

    with pytest.raises(KeyError):
        await stumble()
    with pytest.raises(RuntimeError, match=r"AsyncAgentClient\(base_url='http://127.0.0.1:\d+'\) is closed"):
        await client.list_docker_containers()


async def test_a_client_that_is_dropped_unclosed_leaves_no_socket_open(agent: Agent) -> None:
    client = AsyncAgentClient(agent.url)
    await client.list_docker_containers()
    api = client.api
    assert (await client.with_options(retries=0).list_docker_containers(), api.get_async_httpx_client().is_closed) == (
        [],
        False,
    )
    del client, api


# Event loops.


def test_one_client_serves_one_event_loop_after_the_other(agent: Agent, anyio_backend: str) -> None:
    client = AsyncAgentClient(agent.url)

    async def use() -> None:
        await client.list_docker_containers()
        await client.list_docker_containers()

    for _ in range(3):
        anyio.run(use, backend=anyio_backend)
    # Those of an event loop that has ended are not used again.
    assert [seen.port for seen in agent.seen[::2]] == [seen.port for seen in agent.seen[1::2]]
    assert len({seen.port for seen in agent.seen}) == 3

    async def close() -> None:
        await client.close()
        with pytest.raises(RuntimeError, match="is closed"):
            await client.list_docker_containers()

    anyio.run(close, backend=anyio_backend)


def test_event_loops_in_several_threads_may_share_a_client(agent: Agent, anyio_backend: str) -> None:
    agent.answer = lambda seen: Reply({"id": int(seen.path.rpartition("/")[2])})
    client = AsyncAgentClient(agent.url)
    errors: list[BaseException] = []

    async def use(first: int) -> None:
        for number in range(first, first + 20):
            assert await number_of(client, number) == {"id": number}

    def work(first: int) -> None:
        try:
            anyio.run(use, first, backend=anyio_backend)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            errors.append(error)

    threads = [threading.Thread(target=work, args=(1 + 20 * index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == []
    assert len(agent.seen) == 80


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_connections_of_its_own(agent: Agent, anyio_backend: str) -> None:
    client = AsyncAgentClient(agent.url)

    async def use() -> None:
        await client.list_docker_containers()

    async def use_and_fork() -> None:
        await client.list_docker_containers()
        child = os.fork()
        if not child:
            # In a thread, which has no event loop yet.
            thread = threading.Thread(target=anyio.run, args=(use,), kwargs={"backend": anyio_backend})
            thread.start()
            thread.join()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        await client.list_docker_containers()

    anyio.run(use_and_fork, backend=anyio_backend)
    first, childs, second = (seen.port for seen in agent.seen)
    assert first == second != childs


# Very many.

MANY = 1_000


async def gathered(calls: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """Return what calls at once return or raise, in their order."""
    ended: list[Any] = [None] * len(calls)

    async def run(index: int) -> None:
        try:
            ended[index] = await calls[index]()
        except ClientError as error:
            ended[index] = error

    async with anyio.create_task_group() as group:
        for index in range(len(calls)):
            group.start_soon(run, index)
    return ended


async def test_a_thousand_calls_at_once_get_each_its_own_answer_on_a_hundred_connections() -> None:
    with BrokenServer(forever(good())) as server:
        async with AsyncAgentClient(server.url, timeout=60) as client:
            calls = [partial(client.get_container, number) for number in range(1, MANY + 1)]
            assert await gathered(calls) == [record(number) for number in range(1, MANY + 1)]
            # Those that are not kept have been closed.
            assert len(client._connections._pool()._idle._connections) == 20  # type: ignore[union-attr]
        assert server.connections <= 100
        assert len(server.requests) == MANY


async def test_a_thousand_calls_at_once_end_at_their_deadline_and_none_is_lost() -> None:
    with BrokenServer(forever(late(good(), 30))) as server:
        async with AsyncAgentClient(server.url, timeout=60) as client:
            tasks = other_tasks()
            quick = client.with_options(deadline=1)
            with anyio.fail_after(20):
                ended = await gathered([lambda: quick.get_container(1)] * MANY)
            assert Counter(type(error) for error in ended) == {ClientTimeoutError: MANY}
            assert all("the deadline of 1 s passed" in str(error) for error in ended)
            assert other_tasks() == tasks
            server.release()
            assert await gathered([lambda: client.get_container(7)] * 200) == [record(7)] * 200


async def test_a_thousand_calls_at_once_wait_for_a_connection_no_longer_than_they_may() -> None:
    with BrokenServer(forever(silence())) as server:
        async with AsyncAgentClient(
            server.url, timeout={"pool": 0.3, "read": 30}, retries=0, limits={"max_connections": 10}
        ) as client:
            quick = client.with_options(deadline=3)
            ended = await gathered([lambda: quick.get_container(1)] * MANY)
            texts = Counter(str(error.detail) for error in ended)
            assert texts.keys() == {"no connection was free in time", "the deadline of 3 s passed"}
            # A machine that is busy comes to many of those that wait only when their deadline has passed, too.
            assert all(number >= 10 for number in texts.values())
