"""Threads, processes, copies, and the end of a client."""

from __future__ import annotations

import gc
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs

import httpcore
import httpx
import pytest
import trustme
from attrs import frozen
from synapse_agent_api.api.docker_containers import list_docker_containers

from synapse_sdk import AgentClient
from synapse_sdk.clients._network import DeadlineBackend
from synapse_sdk.clients._pool import Pool
from synapse_sdk.clients._route import Route
from synapse_sdk.clients._stop import Stop
from synapse_sdk.clients._traffic import Until
from synapse_sdk.exceptions import (
    ClientConnectionError,
    ClientError,
    ClientResponseIncompleteError,
    NotFoundError,
    ServerError,
)
from tests.clients.agents import PATIENCE, Agent, Reply, Seen
from tests.clients.peers import served
from tests.clients.proxy import Proxy
from tests.faults.server import BrokenServer
from tests.kinds import generated, pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.conftest import LookUp
    from tests.kinds import Connect

ROOT = Path(__file__).parents[2]
#: Less than anything takes that is to be cut short, in seconds, and more than a busy machine stalls.
PROMPTLY = 5.0


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as agent:
        yield agent


def ports(agent: Agent) -> set[int]:
    """Return the client's ends of the connections on which requests came."""
    return {seen.port for seen in agent.seen}


@frozen
class Ended:
    """How a call in another thread ended: with what error, and when."""

    error: BaseException | None
    when: float


class CallInThread:
    """A call that runs in a thread of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._ended: Ended | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            self._make()
        except BaseException as caught:  # noqa: BLE001 - the test looks at it
            error = caught
        self._ended = Ended(error, time.monotonic())

    def end(self) -> Ended:
        self._thread.join(PATIENCE)
        assert self._ended is not None, "the call did not end"
        return self._ended


class Latch(logging.Handler):
    """Is set when a logger says something."""

    def __init__(self, logger: str = "synapse_sdk", text: str = "trying again") -> None:
        super().__init__(logging.DEBUG)
        self.logged = threading.Event()
        self._logger = logging.getLogger(logger)
        self._text = text

    def emit(self, record: logging.LogRecord) -> None:
        if self._text in record.getMessage():
            self.logged.set()

    def __enter__(self) -> Self:
        self._level = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        self._logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)


@pytest.fixture
def latch() -> Iterator[Latch]:
    """Is set when a call is about to wait before it is tried again."""
    with Latch() as latch:
        yield latch


# Closing.


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_closing_wakes_a_call_that_waits_for_a_silent_agent_and_it_is_not_tried_again(
    connect: Connect, method: str, secure: bool, tmp_path: Path
) -> None:
    tls = None
    options: dict[str, Any] = {}
    if secure:
        authority = trustme.CA()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
        options["verify"] = tmp_path / "bundle.pem"
    with Agent(tls=tls) as agent:
        agent.answer = agent.silent
        client = connect(agent.url, **options)
        calls: dict[str, Callable[[], Any]] = {
            "GET": partial(client.get_container, 1),
            "POST": partial(client.create_docker_container, "a@1"),
            "PATCH": partial(client.update_container, 1, "stopped"),
            "DELETE": partial(client.delete_container, 1),
        }
        call = CallInThread(calls[method])
        agent.wait_for_request()
        closed = time.monotonic()
        client.close()
        ended = call.end()
    assert ended.when - closed < PROMPTLY
    assert isinstance(ended.error, ClientResponseIncompleteError)
    assert "client was closed" in str(ended.error)
    assert ended.error.may_have_taken_effect is (method != "GET")
    assert ended.error.attempts == len(agent.seen) == 1


def test_closing_wakes_a_call_whose_answer_has_come_in_part(connect: Connect, agent: Agent) -> None:
    # More is announced than comes.
    agent.answer = lambda _seen: Reply(b"[", headers={"Content-Length": "9"})
    client = connect(agent.url)
    with Latch("httpcore.http11", "receive_response_body.started") as latch:
        call = CallInThread(client.list_docker_containers)
        assert latch.logged.wait(PATIENCE)
    close(client, call)
    assert len(agent.seen) == 1


def test_closing_wakes_a_call_that_waits_for_a_connection_to_be_free(connect: Connect, agent: Agent) -> None:
    agent.answer = agent.silent
    client = connect(agent.url, limits={"max_connections": 1}, timeout={"read": 15, "pool": 15}, retries=0)
    first = CallInThread(client.list_docker_containers)
    agent.wait_for_request()
    others = [CallInThread(client.list_docker_containers) for _ in range(3)]
    wait_until(lambda: pool(client)._waiting == 3)
    closed = time.monotonic()
    client.close()
    for call in (first, *others):
        ended = call.end()
        assert ended.when - closed < PROMPTLY
        assert isinstance(ended.error, ClientConnectionError)
        assert "client was closed" in str(ended.error)
    # None of those that waited was sent after all.
    assert len(agent.seen) == 1


def close(client: AgentClient, call: CallInThread) -> Ended:
    """Close a client, and return how a call ended that waited meanwhile: at once, and saying why."""
    closed = time.monotonic()
    client.close()
    ended = call.end()
    assert ended.when - closed < PROMPTLY
    assert isinstance(ended.error, ClientConnectionError)
    assert "client was closed" in str(ended.error)
    return ended


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_closing_ends_a_call_that_waits_to_try_again_and_it_is_not_tried_again(
    connect: Connect, agent: Agent, latch: Latch
) -> None:
    agent.answer = lambda _seen: Reply({"detail": "busy"}, 503, {"Retry-After": "30"})
    client = connect(agent.url)
    call = CallInThread(client.list_docker_containers)
    assert latch.logged.wait(PATIENCE)
    close(client, call)
    assert len(agent.seen) == 1


def test_closing_during_a_wait_does_not_hide_that_an_earlier_attempt_may_have_taken_effect(
    connect: Connect, agent: Agent, latch: Latch
) -> None:
    # A delete whose answer a gateway lost.
    agent.answer = lambda _seen: Reply({"detail": "gateway"}, 502, {"Retry-After": "30"})
    client = connect(agent.url)
    call = CallInThread(partial(client.delete_container, 1))
    assert latch.logged.wait(PATIENCE)
    client.close()
    error = call.end().error
    assert isinstance(error, ClientError)
    assert error.may_have_taken_effect


def test_closing_at_any_moment_ends_every_call_with_an_error_of_the_sdk_or_as_closed(
    connect: Connect, agent: Agent
) -> None:
    for round_ in range(15):
        client = connect(agent.url)
        started = threading.Barrier(5)

        def work(client: AgentClient = client, started: threading.Barrier = started) -> None:
            started.wait(PATIENCE)
            while True:
                client.list_docker_containers()

        calls = [CallInThread(work) for _ in range(4)]
        started.wait(PATIENCE)
        # Each round closes at another moment; that it is not always the same is what is wanted.
        time.sleep(0.001 * round_)
        closed = time.monotonic()
        client.close()
        for call in calls:
            ended = call.end()
            assert ended.when - closed < PROMPTLY
            assert isinstance(ended.error, ClientConnectionError | RuntimeError), repr(ended.error)
            assert "closed" in str(ended.error)


def test_every_call_on_a_closed_client_says_which_client_is_closed(connect: Connect, agent: Agent) -> None:
    client = connect(agent.url, "t0ken")
    copy = client.with_options(retries=0)
    pages = client.iter_containers()
    client.close()
    client.close()
    calls: list[Callable[[], Any]] = [
        client.list_docker_containers,
        partial(client.get_docker_container, "abc"),
        partial(client.create_docker_container, "a@1"),
        partial(client.delete_docker_container, "abc"),
        partial(client.stop_docker_container, "abc"),
        partial(client.start_docker_container, "abc"),
        partial(client.get_docker_container_logs, "abc"),
        partial(client.wait_for_container, "abc"),
        client.health_check,
        client.list_containers,
        partial(client.list_containers, list_all=True),
        partial(client.get_container, 1),
        partial(client.update_container, 1, "stopped"),
        partial(client.delete_container, 1),
        partial(next, pages),
        copy.list_docker_containers,
    ]
    for call in calls:
        with pytest.raises(RuntimeError) as caught:
            call()
        assert str(caught.value) == f"{client!r} is closed"
    assert agent.seen == []


def test_the_api_of_a_closed_client_opens_no_connection_again(connect: Connect, agent: Agent) -> None:
    with connect(agent.url) as client:
        api = client.api
    with pytest.raises((RuntimeError, httpx.TransportError), match="closed"):
        generated(list_docker_containers, client)
    assert client.api is api
    assert agent.seen == []


def test_closing_wakes_a_call_of_the_api(connect: Connect, agent: Agent) -> None:
    agent.answer = agent.silent
    client = connect(agent.url)
    call = CallInThread(partial(generated, list_docker_containers, client))
    agent.wait_for_request()
    closed = time.monotonic()
    client.close()
    ended = call.end()
    assert ended.when - closed < PROMPTLY
    assert isinstance(ended.error, httpx.TransportError)
    assert not isinstance(ended.error, httpx.TimeoutException)


def test_closing_ends_a_call_that_is_connecting(connect: Connect) -> None:
    with BrokenServer(full=True) as server:
        client = connect(server.url, timeout=30, deadline=60)
        with Latch("httpcore.connection", "connect_tcp.started") as latch:
            call = CallInThread(client.list_docker_containers)
            assert latch.logged.wait(PATIENCE)
        ended = close(client, call)
        assert isinstance(ended.error, ClientConnectionError)
        assert not ended.error.may_have_taken_effect


def test_closing_ends_a_call_that_waits_for_a_hosts_address(connect: Connect, look_up: LookUp) -> None:
    client = connect("http://slow.example.com", timeout=30, deadline=60)
    call = CallInThread(client.list_docker_containers)
    assert look_up.begun.wait(PATIENCE)
    closed = time.monotonic()
    # The event loop of asyncio does not end before all that it has running in threads.
    closing = CallInThread(client.close)
    ended = call.end()
    look_up.over.set()
    assert closing.end().error is None
    assert ended.when - closed < PROMPTLY
    assert isinstance(ended.error, ClientConnectionError)
    assert "client was closed" in str(ended.error)


@pytest.mark.parametrize("doing", ["reads", "writes"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_what_ends_an_operation_from_another_thread_leaves_the_sockets_number_to_its_owner(
    authority: trustme.CA, doing: str, secure: bool
) -> None:
    stop = Stop()
    now = time.monotonic()
    until = Until.of(PATIENCE, now + PATIENCE, now, stop)
    accepted: list[socket.socket] = []
    shown, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(shown)
    authority.configure_trust(trusted)

    def serve() -> None:
        connection, _ = listener.accept()
        accepted.append(shown.wrap_socket(connection, server_side=True) if secure else connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = CallInThread(serve)
        stream = DeadlineBackend().connect_tcp("127.0.0.1", listener.getsockname()[1], until)
        if secure:
            stream = stream.start_tls(trusted, "127.0.0.1", until)
        assert peer.end().error is None
        operations: dict[str, Callable[[], object]] = {
            "reads": partial(stream.read, 100, until),
            # More than the system takes while the peer reads nothing.
            "writes": partial(stream.write, b"x" * 50_000_000, until),
        }
        operation = CallInThread(operations[doing])
        wait_until(lambda: len(stop._interruptions) == 1)
        stop.set()
        sock = stream.get_extra_info("socket")
        assert sock.fileno() >= 0
        operation.end()
        assert sock.fileno() >= 0
        stream.close()
        assert sock.fileno() == -1
        accepted[0].close()


class Holding(logging.Filter):
    """Holds calls whose wait for an answer has failed, before they close their connections.

    Attributes:
        numbers: What the numbers of the client's sockets are, whenever a call gets there.
    """

    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self.numbers: list[list[int]] = []
        self.free = threading.Event()
        self._sockets = sockets
        self._logger = logging.getLogger("httpcore.http11")

    def filter(self, record: logging.LogRecord) -> bool:
        if "receive_response_headers.failed" in record.getMessage():
            self.numbers.append([sock.fileno() for sock in self._sockets])
            self.free.wait(PATIENCE)
        return True

    def __enter__(self) -> Self:
        self._level = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        self._logger.addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.free.set()
        self._logger.removeFilter(self)
        self._logger.setLevel(self._level)


def sockets_of(client: AgentClient) -> list[socket.socket]:
    """Return the sockets of a client's connections."""
    return [stream.get_extra_info("socket") for stream in pool(client)._backend._streams]


@pytest.mark.parametrize("way", ["direct", "encrypted proxy"])
def test_a_connection_whose_call_is_ended_by_closing_keeps_its_number_until_the_call_lets_go(
    authority: trustme.CA, bundle: Path, way: str
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    sockets: list[socket.socket] = []
    with ExitStack() as stack:
        agent = stack.enter_context(Agent(tls=tls))
        agent.answer = agent.silent
        options: dict[str, Any] = {}
        if way == "encrypted proxy":
            proxy = stack.enter_context(Proxy(tls=tls))
            trust = ssl.create_default_context(cafile=str(bundle))
            options["proxy"] = httpx.Proxy(proxy.url, ssl_context=trust)
        holding = stack.enter_context(Holding(sockets))
        client = AgentClient(agent.url, verify=bundle, retries=0, **options)
        calls = [CallInThread(client.list_docker_containers) for _ in range(3)]
        for _ in calls:
            agent.wait_for_request()
        sockets += sockets_of(client)
        client.close()
        wait_until(lambda: len(holding.numbers) == 3)
        assert min(sock.fileno() for sock in sockets) >= 0
        holding.free.set()
        for call in calls:
            assert isinstance(call.end().error, ClientConnectionError)
        assert [sock.fileno() for sock in sockets] == [-1] * 3


def test_pages_that_another_ends_keep_the_numbers_of_their_connections_until_they_let_go(
    authority: trustme.CA, bundle: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    sockets: list[socket.socket] = []
    waiting = threading.Barrier(4, action=lambda: sockets.extend(sockets_of(client)))

    def answer(seen: Seen) -> Reply:
        if "page" not in parse_qs(seen.path.partition("?")[2]):
            return Reply({"count": 40, "next": "?page=2", "results": [{"id": number} for number in range(4)]})
        waiting.wait(PATIENCE)
        return Reply({"detail": "boom"}, 500) if "page=3" in seen.path else agent.silent(seen)

    with Agent(answer, tls=tls) as agent, Holding(sockets) as holding:
        client = AgentClient(agent.url, verify=bundle, retries=0, page_concurrency=4)
        call = CallInThread(partial(client.list_containers, list_all=True))
        wait_until(lambda: len(holding.numbers) == 3)
        # Each looked before any could let go.
        assert min(map(min, holding.numbers)) >= 0
        holding.free.set()
        assert isinstance(call.end().error, ServerError)
        client.close()


def test_whoever_has_waited_longest_for_a_connection_has_it_next_though_another_asks_again_at_once(
    connect: Connect, agent: Agent
) -> None:
    free = threading.Event()

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/1"):
            free.wait(PATIENCE)
        return Reply({"id": int(seen.path.rpartition("/")[2])})

    agent.answer = answer
    with connect(agent.url, limits={"max_connections": 1}) as client:

        def ask_again_and_again() -> None:
            for number in (1, 11, 12, 13):
                client.get_container(number)

        calls = [CallInThread(ask_again_and_again)]
        agent.wait_for_request()
        for number in (2, 3, 4):
            calls.append(CallInThread(partial(client.get_container, number)))
            wait_until(lambda: pool(client)._waiting == len(calls) - 1)
        free.set()
        for call in calls:
            assert call.end().error is None
    assert [seen.path.rpartition("/")[2] for seen in agent.seen] == ["1", "2", "3", "4", "11", "12", "13"]


# Copies.


def test_a_copy_uses_the_same_connection_and_closing_it_closes_nothing(connect: Connect, agent: Agent) -> None:
    with connect(agent.url, "t0ken", headers={"X-Team": "blue"}) as client:
        client.list_docker_containers()
        with client.with_options(headers={"x-team": "red", "X-Job": "7"}, timeout=5, retries=0) as copy:
            copy.list_docker_containers()
            with copy.with_options(headers={"X-Job": "8"}) as copy_of_copy:
                copy_of_copy.list_docker_containers()
        client.list_docker_containers()
        copy.list_docker_containers()
    assert len(ports(agent)) == 1
    sent = [(seen.headers.get("x-team"), seen.headers.get("x-job")) for seen in agent.seen]
    assert sent == [("blue", None), ("red", "7"), ("red", "8"), ("blue", None), ("red", "7")]
    assert {seen.headers["authorization"] for seen in agent.seen} == {"t0ken"}


def test_the_original_keeps_its_options(connect: Connect, agent: Agent) -> None:
    agent.answer = lambda _seen: Reply({"detail": "busy"}, 503, {"Retry-After": "0"})
    with connect(agent.url, retries=1, timeout=7, deadline=8, create_timeout=9) as client:
        before = client._settings
        copy = client.with_options(retries=4, timeout={"read": 1}, deadline=2, create_timeout=3, headers={"X": "y"})
        assert client._settings is before
        for one, attempts in [(client, 2), (copy, 5), (client, 2)]:
            with pytest.raises(ClientError) as caught:
                one.list_docker_containers()
            assert caught.value.attempts == attempts
        assert (copy._settings.timeout.read, copy._settings.timeout.connect) == (1, 7)
        assert (copy._settings.deadline, copy._settings.create_timeout) == (2, 3)


def test_a_copy_without_options_is_as_its_original_and_a_wrong_option_is_refused(
    connect: Connect, agent: Agent
) -> None:
    with connect(agent.url) as client:
        assert client.with_options()._settings == client._settings
        assert repr(client.with_options()) == repr(client)
        assert type(client.with_options()) is type(client)
        with pytest.raises(ValueError, match="retries must be at least 0"):
            client.with_options(retries=-1)
        with pytest.raises(ValueError, match="headers must not hold Authorization"):
            client.with_options(headers={"Authorization": "x"})
        with pytest.raises(TypeError):
            client.with_options(base_url="http://other")  # type: ignore[call-arg]


def test_a_copy_works_after_its_original_is_gone(agent: Agent) -> None:
    copy = AgentClient(agent.url).with_options(retries=0).with_options(deadline=5)
    gc.collect()
    assert copy.list_docker_containers() == []
    api = copy.api
    connections = copy._connections
    del copy
    gc.collect()
    assert list_docker_containers.sync(client=api) == []
    assert len(ports(agent)) == 1
    connections.close()


def test_a_copys_api_sends_the_copys_headers_on_the_same_connection(connect: Connect, agent: Agent) -> None:
    with connect(agent.url, "t0ken", headers={"X-Team": "blue"}) as client:
        copy = client.with_options(headers={"X-Team": "red"})
        for one in (client, copy, client):
            generated(list_docker_containers, one)
    assert [seen.headers["x-team"] for seen in agent.seen] == ["blue", "red", "blue"]
    assert len(ports(agent)) == 1


# Threads.


def test_one_client_answers_each_of_many_threads_with_what_it_asked_for(agent: Agent) -> None:
    agent.answer = lambda seen: Reply({"id": int(seen.path.rpartition("/")[2])})
    with AgentClient(agent.url) as client:

        def work(first: int) -> None:
            for number in range(first, first + 25):
                assert client.get_container(number)["id"] == number

        for call in [CallInThread(partial(work, 1 + 25 * index)) for index in range(8)]:
            error = call.end().error
            assert error is None, repr(error)
    assert sorted(int(seen.path.rpartition("/")[2]) for seen in agent.seen) == list(range(1, 201))


def test_the_api_is_made_once_whichever_of_many_threads_asks_first(agent: Agent) -> None:
    with AgentClient(agent.url, "t0ken") as client:
        together = threading.Barrier(8)
        made: list[Any] = []

        def work() -> None:
            together.wait(PATIENCE)
            made.append(client.api)
            list_docker_containers.sync(client=client.api)

        for call in [CallInThread(work) for _ in range(8)]:
            error = call.end().error
            assert error is None, repr(error)
    assert len(made) == 8
    assert len({id(one) for one in made}) == 1
    assert {seen.headers["authorization"] for seen in agent.seen} == {"t0ken"}


# What is left over.


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not list open files")
def test_nothing_is_left_open_whatever_a_client_was_used_for(agent: Agent) -> None:
    script = """
import gc, os, sys, threading
from synapse_sdk import AgentClient, exceptions

def calls(client):
    for _ in range(3):
        client.list_docker_containers()

def errors(client):
    for _ in range(3):
        try:
            client.get_container(404)
        except exceptions.NotFoundError:
            pass

def threads(client):
    running = [threading.Thread(target=calls, args=(client,)) for _ in range(8)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()

def copies(client):
    calls(client.with_options(retries=0))

def api(client):
    client.api.get_httpx_client().get("/containers/docker/")

def pages_left(client):
    next(client.iter_containers())

def nothing(client):
    pass

def run(use):
    with AgentClient(sys.argv[1], timeout=5) as client:
        use(client)

def dropped(use):
    use(AgentClient(sys.argv[1], timeout=5))

def open_files():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))

for way in (run, dropped):
    for use in (calls, errors, threads, copies, api, pages_left, nothing):
        way(use)
        before = open_files()
        way(use)
        way(use)
        assert open_files() == before, (way, use, before, open_files())
"""

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("/404"):
            return Reply({"detail": "gone"}, 404)
        pages = {"next": "?page=2", "results": [{"id": 1}]}
        return Reply(pages if seen.path.startswith("/containers/?") else [])

    agent.answer = answer
    run_script(script, agent.url)


def run_script(script: str, *arguments: str, options: tuple[str, ...] = ("-W", "error")) -> str:
    """Run a program, and return what it printed. Every warning is an error, also one that nothing could catch."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", *options, "-c", script, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("trouble", ["fails", "times out", "is closed"])
def test_a_negotiation_with_a_socks_proxy_that_comes_to_nothing_leaves_no_socket_open(trouble: str) -> None:
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

    with served(serve) as port:
        client = AgentClient(
            "http://agent.example.com",
            proxy=f"socks5://127.0.0.1:{port}",
            retries=0,
            timeout=0.2 if trouble == "times out" else 30,
        )
        call = CallInThread(partial(client.get_container, 1))
        assert asked.wait(PATIENCE)
        if trouble == "is closed":
            client.close()
        assert isinstance(call.end().error, ClientError)
        del call
        # What is left to the collector is found by it with a warning, which is an error.
        gc.collect()
        assert left.wait(PATIENCE)
        client.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_client_works_to_the_very_end_of_a_program(agent: Agent, host: str) -> None:
    script = """
import atexit, sys
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1])

def clean_up():
    rows, total = client.list_containers(list_all=True)
    print([row["id"] for row in rows], total)
    print([row["id"] for row in client.iter_containers()])
    print(client.get_container(7)["id"])
    client.close()

atexit.register(clean_up)
"""
    agent.answer = one_row_a_page
    printed = run_script(script, agent.url.replace("127.0.0.1", host))
    assert printed.splitlines() == ["[1, 2, 3, 4] 4", "[1, 2, 3, 4]", "7"]


def one_row_a_page(seen: Seen) -> Reply:
    """Answer with one of four pages of one row each, or with a record."""
    path, _, query = seen.path.partition("?")
    if not path.endswith("/"):
        return Reply({"id": int(path.rpartition("/")[2])})
    number = int(parse_qs(query).get("page", ["1"])[0])
    following = f"?page={number + 1}" if number < 4 else None
    return Reply({"count": 4, "next": following, "results": [{"id": number}]})


# Processes.

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

# A thread beside a fork makes Python 3.12 warn of what the test is about.
FORKS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")


@needs_fork
@pytest.mark.parametrize(
    "end", ["os._exit(0)", "sys.exit(0)", "client.close(); sys.exit(0)", "del client; sys.exit(0)"]
)
def test_a_forked_child_has_connections_of_its_own_and_leaves_the_parents_as_they_are(agent: Agent, end: str) -> None:
    script = f"""
import os, sys
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1], "t0ken")
client.list_docker_containers()
child = os.fork()
if not child:
    client.with_options(headers={{"X-Who": "child"}}).list_docker_containers()
    client.with_options(headers={{"X-Who": "child"}}).list_docker_containers()
    {end}
assert os.waitpid(child, 0)[1] == 0
client.list_docker_containers()
client.close()
"""
    run_script(script, agent.url, options=FORKS)
    before, child, child_again, after = agent.seen
    assert before.port == after.port
    assert child.port == child_again.port != before.port
    assert [seen.headers.get("x-who") for seen in agent.seen] == [None, "child", "child", None]
    assert {seen.headers["authorization"] for seen in agent.seen} == {"t0ken"}


def run_once_asked(script: str, agent: Agent, *, requests: int) -> None:
    """Run a program that forks, and let it go on when this many requests have come; it must print no error."""
    with subprocess.Popen(
        [sys.executable, *FORKS, "-c", script, agent.url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for _ in range(requests):
            agent.wait_for_request()
        _, printed = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, printed
    assert printed == ""


class Interrupted(Stop):
    """Interrupts the thread that waits under it just when its turn has come."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    @contextmanager
    def interrupting(self, interrupt: Callable[[], object]) -> Iterator[None]:
        del interrupt
        self._pool.give_back(None)
        yield
        raise KeyboardInterrupt


def test_a_turn_that_comes_as_its_thread_is_interrupted_is_the_next_ones() -> None:
    url = httpx.URL("http://127.0.0.1:9")
    pool = Pool(Route.of(url, verify=True, cert=None, proxy=False, limits={"max_connections": 1}))
    now = time.monotonic()
    pool._wait(Until.of(5, now + 5, now))
    with pytest.raises(KeyboardInterrupt):
        pool._wait(Until.of(5, now + 5, now, Interrupted(pool)))
    # It is free at once, and only once.
    pool._wait(Until.of(5, now + 5, now))
    with pytest.raises(httpcore.PoolTimeout):
        pool._wait(Until.of(0.01, now + 5, now))


@needs_fork
def test_the_parents_call_goes_on_while_a_child_is_forked_and_ends(agent: Agent) -> None:
    script = """
import os, sys, threading
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1])
asked = threading.Event()
answers = []
thread = threading.Thread(target=lambda: answers.append(client.get_container(1)))
thread.start()
sys.stdin.readline()
child = os.fork()
if not child:
    client.get_container(2)
    client.close()
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join(20)
assert answers == [{"id": 1}], answers
client.close()
"""
    child_came = threading.Event()

    def answer(seen: Seen) -> Reply:
        number = int(seen.path.rpartition("/")[2])
        if number == 1:
            # The child comes and goes while the parent waits for this.
            child_came.wait(PATIENCE)
        else:
            child_came.set()
        return Reply({"id": number})

    agent.answer = answer
    run_once_asked(script, agent, requests=1)
    assert len(ports(agent)) == 2


@needs_fork
def test_a_child_forked_while_threads_keep_the_client_busy_works_at_once(agent: Agent) -> None:
    script = """
import os, sys, threading, time
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1], limits={"max_connections": 2})
# Python itself hands a child the locks of modules that a thread is importing; now nothing is left to import.
client.list_docker_containers()
client.api.get_httpx_client()
over = threading.Event()

def work():
    while not over.is_set():
        client.list_docker_containers()

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
stuck = 0
for _ in range(8):
    child = os.fork()
    if not child:
        client.api.get_httpx_client().get("/containers/docker/")
        client.with_options(deadline=5).list_docker_containers()
        client.close()
        os._exit(0)
    until = time.monotonic() + 10
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0
            break
        if time.monotonic() > until:
            os.kill(child, 9)
            os.waitpid(child, 0)
            stuck += 1
            break
        time.sleep(0.002)
over.set()
for thread in threads:
    thread.join()
client.close()
assert not stuck, stuck
"""
    run_script(script, agent.url, options=FORKS)


@needs_fork
def test_a_child_forked_while_a_thread_waits_to_try_again_can_close_its_client(agent: Agent) -> None:
    agent.answer = lambda _seen: Reply({"detail": "busy"}, 503, {"Retry-After": "30"})
    script = """
import logging, os, sys, threading
from synapse_sdk import AgentClient
waiting = threading.Event()
handler = logging.Handler()
handler.emit = lambda record: waiting.set()
logging.getLogger("synapse_sdk").addHandler(handler)
client = AgentClient(sys.argv[1])

def work():
    try:
        client.list_docker_containers()
    except Exception:
        pass

thread = threading.Thread(target=work)
thread.start()
assert waiting.wait(20)
child = os.fork()
if not child:
    client.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
# What the child closed is not closed here.
assert thread.is_alive()
client.close()
thread.join(5)
assert not thread.is_alive()
"""
    run_script(script, agent.url, options=FORKS)


@needs_fork
def test_a_child_of_a_child_and_a_client_made_in_a_child_work(agent: Agent) -> None:
    script = """
import os, sys
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1])
client.list_docker_containers()
child = os.fork()
if not child:
    client.list_docker_containers()
    with AgentClient(sys.argv[1]) as own:
        own.list_docker_containers()
    grandchild = os.fork()
    if not grandchild:
        client.list_docker_containers()
        os._exit(0)
    assert os.waitpid(grandchild, 0)[1] == 0
    client.list_docker_containers()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
client.close()
"""
    run_script(script, agent.url, options=FORKS)
    parent, child, own, grandchild, child_again = (seen.port for seen in agent.seen)
    assert child == child_again
    assert len({parent, child, own, grandchild}) == 4


@needs_fork
def test_a_client_that_is_closed_before_a_fork_is_closed_in_the_child(agent: Agent) -> None:
    script = """
import os, sys
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1])
client.close()
child = os.fork()
if not child:
    try:
        client.list_docker_containers()
    except RuntimeError:
        os._exit(0)
    os._exit(1)
assert os.waitpid(child, 0)[1] == 0
"""
    run_script(script, agent.url, options=FORKS)
    assert agent.seen == []


@needs_fork
def test_an_iterator_that_was_begun_before_a_fork_goes_on_in_the_child_and_in_the_parent(agent: Agent) -> None:
    script = """
import os, signal, sys
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1])
rows = client.iter_containers()
assert next(rows)["id"] == 1
sys.stdin.readline()
child = os.fork()
if not child:
    # It does not outlive the test, should it wait for what only the parent has.
    signal.alarm(10)
    assert [row["id"] for row in rows] == [2, 3, 4]
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert [row["id"] for row in rows] == [2, 3, 4]
client.close()
"""
    child_came = threading.Event()
    first = iter([True])

    def answer(seen: Seen) -> Reply:
        if "page=2" in seen.path:
            # What the parent has begun before the fork ends after the child has asked for the same.
            if next(first, False):
                child_came.wait(PATIENCE)
            else:
                child_came.set()
        return one_row_a_page(seen)

    agent.answer = answer
    run_once_asked(script, agent, requests=2)


# What a program brings.


class Carrier(httpx.HTTPTransport):
    """A transport of a program's own, which records what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[httpx.Request] = []
        self.is_closed = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.given.append(request)
        return super().handle_request(request)

    def close(self) -> None:
        self.is_closed = True
        super().close()


def test_a_transport_that_a_program_brings_carries_the_calls_and_stays_open(agent: Agent) -> None:
    carrier = Carrier()
    with AgentClient(agent.url, "t0ken", transport=carrier) as client:
        assert client.list_docker_containers() == []
        assert "t0ken" not in repr(client.api.get_httpx_client().headers)
    with pytest.raises(RuntimeError, match="is closed"):
        client.list_docker_containers()
    # It can carry another client.
    with AgentClient(agent.url, transport=carrier) as other:
        other.list_docker_containers()
    del client, other
    gc.collect()
    assert not carrier.is_closed
    carrier.close()
    assert len(ports(agent)) == 1
    assert [seen.headers.get("authorization") for seen in agent.seen] == ["t0ken", None]


def test_an_http_client_that_a_program_brings_carries_the_calls_and_stays_open(agent: Agent) -> None:
    asked: list[httpx.Request] = []
    answered: list[httpx.Response] = []
    hooks: dict[str, list[Any]] = {"request": [asked.append], "response": [answered.append]}
    with httpx.Client(headers={"X-Team": "blue", "User-Agent": "theirs"}, event_hooks=hooks) as http:
        with AgentClient(agent.url, "t0ken", http_client=http, headers={"X-Job": "7"}) as client:
            assert client.list_docker_containers() == []
            assert client.list_docker_containers() == []
        assert not http.is_closed
        assert "authorization" not in http.headers
        http.get(agent.url)
    first, second, own = agent.seen
    assert (first.headers["authorization"], first.headers["x-team"], first.headers["x-job"]) == ("t0ken", "blue", "7")
    assert first.headers["user-agent"].startswith("synapse-sdk/")
    assert "authorization" not in own.headers
    assert "x-job" not in own.headers
    assert first.port == second.port == own.port
    assert [request.method for request in asked] == ["GET"] * 3
    assert [response.status_code for response in answered] == [200] * 3


def test_a_body_goes_through_an_http_client_that_a_program_brings(agent: Agent) -> None:
    agent.answer = lambda _seen: Reply({"id": "abc"}, 201)
    with httpx.Client() as http, AgentClient(agent.url, http_client=http) as client:
        assert client.create_docker_container("a@1", params={"text": "ü" * 50_000})["id"] == "abc"
    [seen] = agent.seen
    assert seen.headers["content-type"] == "application/json"
    assert "ü" * 50_000 in seen.body.decode()


@pytest.mark.parametrize("auth", [("me", "hunter2"), httpx.BasicAuth("me", "hunter2"), "netrc"])
def test_no_authentication_of_theirs_replaces_the_token(agent: Agent, tmp_path: Path, auth: Any) -> None:
    if auth == "netrc":
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
        auth = httpx.NetRCAuth(str(netrc))
    with httpx.Client(auth=auth) as http:
        with AgentClient(agent.url, "t0ken", http_client=http) as client:
            client.list_docker_containers()
        with AgentClient(agent.url, http_client=http) as anonymous:
            anonymous.list_docker_containers()
    assert [seen.headers.get("authorization") for seen in agent.seen] == ["t0ken", None]


def test_the_token_goes_before_a_header_of_theirs(agent: Agent) -> None:
    with (
        httpx.Client(headers={"Authorization": "theirs", "SYNAPSE-User": "theirs"}) as http,
        AgentClient(agent.url, "t0ken", user_token="u5er", http_client=http) as client,
    ):
        client.list_docker_containers()
    [seen] = agent.seen
    assert (seen.headers["authorization"], seen.headers["synapse-user"]) == ("t0ken", "Token u5er")


def test_a_hook_that_reads_the_answer_leaves_it_for_the_caller(agent: Agent) -> None:
    read: list[bytes] = []

    def hook(response: httpx.Response) -> None:
        read.append(response.read())

    agent.answer = lambda _seen: Reply([{"id": "abc"}])
    with (
        httpx.Client(event_hooks={"response": [hook]}) as http,
        AgentClient(agent.url, http_client=http, deadline=2) as client,
    ):
        assert [one["id"] for one in client.list_docker_containers()] == ["abc"]
    assert read == [b'[{"id": "abc"}]']


def test_a_hook_that_raises_for_a_status_does_not_hide_the_status_or_show_the_token(agent: Agent) -> None:
    def hook(response: httpx.Response) -> None:
        response.raise_for_status()

    agent.answer = lambda _seen: Reply({"detail": "gone"}, 404)
    with (
        httpx.Client(event_hooks={"response": [hook]}) as http,
        AgentClient(agent.url, "t0ken", http_client=http) as client,
        pytest.raises(NotFoundError) as caught,
    ):
        client.get_container(1)
    assert len(agent.seen) == 1
    cause: BaseException | None = caught.value
    while cause is not None:
        request = getattr(cause, "request", None)
        assert "t0ken" not in repr(getattr(request, "headers", httpx.Headers()).raw)
        cause = cause.__cause__ or cause.__context__


def test_redirects_are_not_followed_by_an_http_client_that_follows_them(agent: Agent) -> None:
    agent.answer = lambda _seen: Reply(b"", 302, {"Location": "/elsewhere"})
    with (
        httpx.Client(follow_redirects=True) as http,
        AgentClient(agent.url, "t0ken", http_client=http) as client,
        pytest.raises(ClientError, match="points to"),
    ):
        client.create_docker_container("a@1")
    assert [seen.method for seen in agent.seen] == ["POST"]


def test_a_deadline_holds_for_an_http_client_without_timeouts(agent: Agent) -> None:
    agent.answer = agent.silent
    began = time.monotonic()
    with (
        httpx.Client(timeout=None) as http,  # noqa: S113 - that there is none is what is tested
        AgentClient(agent.url, http_client=http, deadline=0.4) as client,
        pytest.raises(ClientError, match="timed out"),
    ):
        client.list_docker_containers()
    assert time.monotonic() - began < PROMPTLY


def test_a_transport_that_is_a_function_serves_tests_without_a_server() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "t0ken"
        return httpx.Response(200, json=[{"id": request.url.path}])

    with AgentClient("http://127.0.0.1:9/prefix", "t0ken", transport=httpx.MockTransport(answer)) as client:
        assert [one["id"] for one in client.list_docker_containers()] == ["/prefix/containers/docker/"]


@pytest.mark.parametrize("name", ["transport", "http_client"])
@pytest.mark.parametrize(
    "other",
    [{"verify": False}, {"cert": "own.pem"}, {"proxy": "http://proxy:3128"}, {"limits": {"max_connections": 1}}],
    ids=str,
)
def test_what_a_program_brings_is_refused_together_with_what_it_brings_itself(name: str, other: dict[str, Any]) -> None:
    [argument] = other
    with httpx.Client() as http, httpx.HTTPTransport() as transport:
        brought: dict[str, Any] = {"transport": transport, "http_client": http}
        with pytest.raises(ValueError, match=f"^{name} brings its own {argument}: give one or the other"):
            AgentClient("http://127.0.0.1:9", **{name: brought[name]}, **other)
        with pytest.raises(ValueError, match="transport"):
            AgentClient("http://127.0.0.1:9", **brought)


def test_what_a_program_brings_must_be_synchronous_and_of_httpx() -> None:
    with pytest.raises(TypeError, match=r"http_client must be an httpx\.Client, not AsyncClient"):
        AgentClient("http://127.0.0.1:9", http_client=httpx.AsyncClient())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"transport must be an httpx\.BaseTransport, not AsyncHTTPTransport"):
        AgentClient("http://127.0.0.1:9", transport=httpx.AsyncHTTPTransport())  # type: ignore[arg-type]


def test_calls_through_an_http_client_end_when_the_sdks_client_is_closed_while_they_wait(
    agent: Agent, latch: Latch
) -> None:
    agent.answer = lambda _seen: Reply({"detail": "busy"}, 503, {"Retry-After": "30"})
    with httpx.Client() as http:
        client = AgentClient(agent.url, http_client=http)
        call = CallInThread(client.list_docker_containers)
        assert latch.logged.wait(PATIENCE)
        closed = time.monotonic()
        client.close()
        ended = call.end()
    assert ended.when - closed < PROMPTLY
    assert isinstance(ended.error, ClientConnectionError)
