"""The broken server breaks as it is told to, and is gone at its end."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.server import (
    BrokenServer,
    Step,
    Then,
    answer,
    answer_by,
    answer_unread,
    chunk,
    close_after_request,
    close_on_connect,
    close_unread,
    drip,
    forever,
    head,
    held,
    never_read,
    redirect,
    repeat,
    reset_after_request,
    reset_on_connect,
    response,
    say,
    silence,
    stale,
    truncated,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = b"GET /a%2Fb?c=d HTTP/1.1\r\nHost: agent\r\nX-Name: value\r\n\r\n"
CREATE = b'POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n{"a":1}'
CHUNKED = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b'{"a"') + chunk(b":1}") + chunk(b"")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def connect(server: BrokenServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def whole(peer: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    received = b""
    while data := peer.recv(1 << 16):
        received += data
    return received


def ask(server: BrokenServer, request: bytes = REQUEST) -> bytes:
    with connect(server) as peer:
        peer.sendall(request)
        return whole(peer)


def test_each_request_takes_the_next_step_and_is_recorded() -> None:
    last = response(200, {"id": 1})
    with (
        BrokenServer(answer(503), say(b"what?", Then.CLOSE), forever(say(last, Then.CLOSE))) as server,
        connect(server) as peer,
    ):
        before = time.monotonic()
        peer.sendall(REQUEST)
        assert peer.recv(1000) == b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        peer.sendall(CREATE)
        assert whole(peer) == b"what?"
        assert ask(server) == ask(server, CHUNKED) == last
        first, second, third, fourth = server.requests
    assert (first.method, first.target, first.headers) == ("GET", "/a%2Fb?c=d", {"host": "agent", "x-name": "value"})
    assert (first.body, second.body, second.json(), fourth.json()) == (b"", b'{"a":1}', {"a": 1}, {"a": 1})
    assert [seen.connection for seen in (first, second, third, fourth)] == [1, 1, 2, 3]
    assert before <= first.at <= second.at <= third.at <= fourth.at <= time.monotonic()


def test_a_request_beyond_the_script_is_recorded_and_told_so() -> None:
    with BrokenServer() as server:
        assert b"the script is over" in ask(server)
        assert len(server.requests) == 1


def test_a_script_can_be_replaced_and_answers_can_depend_on_requests() -> None:
    with BrokenServer(close_after_request()) as server:
        server.play(forever(answer_by(lambda seen: response(200, body=seen.target.encode()))), answer(500))
        with connect(server) as peer:
            for _ in range(3):
                peer.sendall(REQUEST)
                assert peer.recv(1000).endswith(b"/a%2Fb?c=d")


@pytest.mark.parametrize(
    ("step", "came"),
    [
        (say(b"SSH-2.0-OpenSSH_9.9\r\n", Then.CLOSE), b"SSH-2.0-OpenSSH_9.9\r\n"),
        (say(head(100) + response(204), Then.CLOSE), b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"),
        (truncated(response(200, body=b"123456"), keep=2), b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n12"),
        (
            say(response(200, body=b"123456", length=2), Then.CLOSE),
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n123456",
        ),
        (close_after_request(), b""),
        (drip(b"slowly", at_once=2, seconds=0.001), b"slowly"),
        (
            answer(299, body=b"", headers=[("X", "y")], then=Then.CLOSE),
            b"HTTP/1.1 299 Unheard Of\r\nX: y\r\nContent-Length: 0\r\n\r\n",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Step) else "",
)
def test_a_step_sends_what_it_says(step: Step, came: bytes) -> None:
    with BrokenServer(step) as server:
        assert ask(server) == came
        assert len(server.requests) == 1


def test_a_redirect_points_to_where_it_is_told() -> None:
    with BrokenServer(redirect(307, "http://127.0.0.1:1/x")) as server, connect(server) as peer:
        peer.sendall(REQUEST)
        assert b"307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/x\r\n" in peer.recv(1000)


@pytest.mark.parametrize("step", [reset_after_request(), close_unread()])
def test_a_connection_can_be_reset_under_a_request(step: Step) -> None:
    with BrokenServer(step) as server:
        with pytest.raises(ConnectionResetError):
            ask(server)
        assert [seen.target for seen in server.requests] == ["/a%2Fb?c=d"]


def test_a_connection_can_be_closed_before_its_request_is_read() -> None:
    with BrokenServer(close_on_connect(), reset_on_connect()) as server:
        with connect(server) as peer:
            assert whole(peer) == b""
        # The reset may come as early as that.
        with pytest.raises(ConnectionResetError), connect(server) as peer:
            whole(peer)
        assert (server.requests, server.connections) == ([], 2)


def test_a_kept_connection_can_be_broken_just_when_the_next_request_arrives() -> None:
    for step in (close_after_request(), close_unread(), reset_after_request(), reset_on_connect()):
        with BrokenServer(answer(200), step) as server, connect(server) as peer:
            peer.sendall(REQUEST)
            peer.recv(1000)
            peer.sendall(CREATE)
            try:
                assert peer.recv(1000) == b""
            except ConnectionResetError:
                assert step.name != "close after request"
            assert [seen.method for seen in server.requests] == ["GET", "POST"]


def test_a_request_can_be_answered_before_it_has_come_whole() -> None:
    with BrokenServer(answer_unread(413, {"detail": "too large"})) as server, connect(server) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
        assert b"413" in peer.recv(1000)
        [seen] = server.requests
        assert (seen.method, seen.body) == ("POST", b"")


@pytest.mark.parametrize("reset", [False, True])
def test_an_idle_connection_can_be_closed_and_waited_for(reset: bool) -> None:
    step = stale(answer(200, body=b"ok"), last_words=b"bye", reset=reset)
    with BrokenServer(step, answer(201, then=Then.CLOSE)) as server, connect(server) as peer:
        peer.sendall(REQUEST)
        server.wait_for_idle_close()
        assert peer.recv(1000).endswith(b"okbye")
        if reset:
            with pytest.raises(ConnectionResetError):
                peer.recv(1)
        else:
            assert peer.recv(1) == b""
        assert b"201" in ask(server)


@pytest.mark.parametrize("step", [silence(), held(answer(200, then=Then.CLOSE)), never_read()])
def test_silence_lasts_until_it_is_released(step: Step) -> None:
    with BrokenServer(step) as server, connect(server) as peer:
        if step.name != "never read":
            peer.sendall(REQUEST)
            server.wait_for_requests(1)
        peer.settimeout(0.05)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        server.release()
        peer.settimeout(5)
        assert (b"200 OK" in peer.recv(1000)) is (step.name == "held answer 200")


@pytest.mark.parametrize(
    "step",
    [
        silence(),
        never_read(),
        drip(b"x" * 10_000),
        repeat(b"x"),
        repeat(b"x" * 1_000_000, seconds=0),
        held(answer(200)),
    ],
)
def test_nothing_is_left_however_the_server_ends(step: Step) -> None:
    with BrokenServer(step) as server:
        peer = connect(server)
        idle = connect(server)
        if step.name != "never read":
            peer.sendall(REQUEST)
            server.wait_for_requests(1)
    peer.close()
    idle.close()


def test_a_port_refuses_until_it_listens() -> None:
    with BrokenServer(answer(200, then=Then.CLOSE), listening=False) as server:
        with pytest.raises(ConnectionRefusedError):
            connect(server)
        server.listen()
        assert b"200 OK" in ask(server)


def test_connections_that_are_not_accepted_are_made_and_stay_silent() -> None:
    with BrokenServer(answer(200, then=Then.CLOSE), accepting=False) as server, connect(server) as peer:
        peer.sendall(REQUEST)
        peer.settimeout(0.05)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        server.listen()
        peer.settimeout(5)
        assert b"200 OK" in whole(peer)


def test_a_full_queue_makes_no_connection_until_it_is_emptied() -> None:
    with BrokenServer(answer(200, then=Then.CLOSE), full=True) as server:
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", server.port), timeout=0.1)
        assert server.connections == 0
        server.listen()
        assert b"200 OK" in ask(server)
