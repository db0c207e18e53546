"""A server that breaks in every way that a script tells it to.

It speaks on raw sockets, in threads of the test's process, so that one kit serves clients of every kind::

    with BrokenServer(answer(503), close_after_request(), forever(answer(200, {"id": 1}))) as server:
        ...  # the first request is answered 503, the second not at all, all others well
    assert [seen.method for seen in server.requests] == [...]

Every request takes the next step of the script; so does every connection, where that step breaks it before a request
is read. Nothing here sleeps for a fixed time: whoever waits, waits for bytes, for an event, or for the server's end.
"""

from __future__ import annotations

import json as json_
import select
import socket
import struct
import threading
import time
from collections import deque
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

# Long enough that a deadline of some tenths of a second passes before anything dripped is whole.
DRIP_SECONDS = 0.02

_PATIENCE = 10.0


class Then(Enum):
    """What becomes of a connection after a step."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    SILENCE = auto()


class When(Enum):
    """When a step breaks in."""

    CONNECTED = auto()
    ARRIVED = auto()
    READ = auto()


@frozen
class Seen:
    """A request that came.

    Attributes:
        method: Its method.
        target: Its target, as it was on the wire.
        headers: Its headers, with names in lower case.
        body: Its body.
        at: When it had come, in monotonic seconds.
        connection: The number of the connection that it came on, from 1.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes
    at: float
    connection: int

    def json(self) -> Any:
        """Return what the body holds."""
        return json_.loads(self.body)


@frozen
class Step:
    """What happens to one request or connection.

    Attributes:
        name: What it is called in messages.
        play: Does it, once the request is read.
        then: What becomes of the connection.
        when: When it breaks in.
        lasting: Whether all that follow take this step, too.
        marks_idle: Whether the connection counts as closed while it was idle.
    """

    name: str
    play: Callable[[Line, Seen | None], object] = field(repr=False)
    then: Then = Then.KEEP
    when: When = When.READ
    lasting: bool = False
    marks_idle: bool = False


def forever(step: Step) -> Step:
    """Return a step that all further requests take."""
    return evolve(step, lasting=True)


def say(raw: bytes, then: Then = Then.KEEP, *, name: str = "say") -> Step:
    """Answer with these bytes."""
    return Step(name, lambda line, _: line.send(raw), then)


def answer(
    status: int = 200,
    json: Any = None,
    *,
    body: bytes | None = None,
    headers: Iterable[tuple[str, str]] = (),
    then: Then = Then.KEEP,
) -> Step:
    """Answer as a server should."""
    return say(response(status, json, body=body, headers=headers), then, name=f"answer {status}")


def redirect(status: int, location: str) -> Step:
    """Point elsewhere."""
    return answer(status, headers=[("Location", location)])


def answer_by(decide: Callable[[Seen], bytes]) -> Step:
    """Answer with what a function makes of the request."""

    def play(line: Line, seen: Seen | None) -> None:
        assert seen is not None
        line.send(decide(seen))

    return Step("answer", play)


def held(step: Step) -> Step:
    """Do a step only when the server is told to `release`."""

    def play(line: Line, seen: Seen | None) -> None:
        line.server.wait_for_release()
        step.play(line, seen)

    return evolve(step, name=f"held {step.name}", play=play)


def late(step: Step, seconds: float) -> Step:
    """Do a step only after a while."""

    def play(line: Line, seen: Seen | None) -> None:
        line.server.wait_for_release(seconds)
        step.play(line, seen)

    return evolve(step, name=f"late {step.name}", play=play)


def stale(step: Step, *, last_words: bytes = b"", reset: bool = False) -> Step:
    """Answer well with keep-alive, and then close the idle connection; see `BrokenServer.wait_for_idle_close`."""

    def play(line: Line, seen: Seen | None) -> None:
        step.play(line, seen)
        line.send(last_words)

    return evolve(step, name="stale", play=play, then=Then.RESET if reset else Then.CLOSE, marks_idle=True)


def close_on_connect() -> Step:
    """Close a connection before a request is read."""
    return Step("close on connect", _nothing, Then.CLOSE, When.CONNECTED)


def reset_on_connect() -> Step:
    """Reset a connection before a request is read."""
    return Step("reset on connect", _nothing, Then.RESET, When.CONNECTED)


def never_read() -> Step:
    """Take a connection, and read nothing of it."""
    return Step("never read", _nothing, Then.SILENCE, When.CONNECTED)


def close_unread() -> Step:
    """Close a connection, new or kept alive, just when a request has arrived on it, which stays unread."""
    return Step("close unread", _nothing, Then.CLOSE, When.ARRIVED)


def answer_unread(status: int, json: Any) -> Step:
    """Answer as soon as a request's head has arrived, and close, whatever of it is still to come."""
    raw = response(status, json, headers=[("Connection", "close")])
    return Step("answer unread", lambda line, _: line.send(raw), Then.CLOSE, When.ARRIVED)


def close_after_request() -> Step:
    """Read a request, and close without an answer."""
    return Step("close after request", _nothing, Then.CLOSE)


def reset_after_request() -> Step:
    """Read a request, and reset the connection."""
    return Step("reset after request", _nothing, Then.RESET)


def silence() -> Step:
    """Read a request, and say nothing until the server is told to `release`."""
    return Step("silence", _nothing, Then.SILENCE)


def truncated(raw: bytes, *, keep: int, then: Then = Then.CLOSE) -> Step:
    """Send an answer's head and this many bytes of its body."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert keep < len(body)
    return say(head + b"\r\n\r\n" + body[:keep], then, name="truncated")


def in_pieces(*pieces: bytes, seconds: float = DRIP_SECONDS) -> Step:
    """Answer in pieces that do not arrive at once."""

    def play(line: Line, _: Seen | None) -> None:
        for piece in pieces:
            line.send(piece)
            line.server.wait_for_release(seconds)

    return Step("in pieces", play)


def drip(raw: bytes, *, at_once: int = 0, seconds: float = DRIP_SECONDS) -> Step:
    """Answer byte by byte, after this many bytes at once."""

    def play(line: Line, _: Seen | None) -> None:
        line.send(raw[:at_once])
        for index in range(at_once, len(raw)):
            if line.server.wait_for_release(seconds) or not line.send(raw[index : index + 1]):
                return

    return Step("drip", play, Then.CLOSE)


def repeat(raw: bytes, *, seconds: float = DRIP_SECONDS) -> Step:
    """Answer with the same bytes again and again, until the client goes."""

    def play(line: Line, _: Seen | None) -> None:
        while line.send(raw) and not line.server.wait_for_release(seconds):
            pass

    return Step("repeat", play, Then.CLOSE)


def response(
    status: int = 200,
    json: Any = None,
    *,
    body: bytes | None = None,
    headers: Iterable[tuple[str, str]] = (),
    length: int | None = None,
) -> bytes:
    """Return an answer as it is on the wire.

    Args:
        status: Its status.
        json: What its body holds as JSON, unless None.
        body: Its body, as it is.
        headers: More headers.
        length: What `Content-Length` says, where that is not the truth.
    """
    fields = list(headers)
    if json is not None:
        body = json_.dumps(json).encode()
        fields.append(("Content-Type", "application/json"))
    content = body or b""
    names = {name.lower() for name, _ in fields}
    # These two have no body, and no length either.
    if status not in {204, 304} and not names & {"transfer-encoding", "content-length"}:
        fields.append(("Content-Length", str(len(content) if length is None else length)))
    return head(status, fields) + content


def head(status: int, fields: Iterable[tuple[str, str]] = ()) -> bytes:
    """Return an answer's status line and headers."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Unheard Of"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body; the empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class BrokenServer:
    """A server on a free port of 127.0.0.1. A context manager: at its end no thread and no socket is left.

    Args:
        steps: The script.
        listening: Whether it listens from the beginning. Until it does, connections are refused.
        accepting: Whether it accepts connections from the beginning. Until it does, requests reach no one.
        full: Whether the queue of connections to accept is full, so that further ones are not even made.
    """

    def __init__(
        self,
        *steps: Step,
        listening: bool = True,
        accepting: bool = True,
        full: bool = False,
    ) -> None:
        self._changed = threading.Condition()
        self._script: deque[Step] = deque(steps)
        self._requests: list[Seen] = []
        self._lines: set[Line] = set()
        self._threads: list[threading.Thread] = []
        self._connections = 0
        self._idle_closes = 0
        self._played = 0
        self._released = threading.Event()
        self._over = False
        self._listening = listening
        self._accepting = accepting
        self._full = full
        self._fillers: list[socket.socket] = []
        self._listener = socket.socket()
        self._bell, self._rope = socket.socketpair()
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        if self._listening:
            self._listener.listen(0 if self._full else 128)
        if self._full:
            self._fill()
        elif self._listening and self._accepting:
            self._accept()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._changed:
            self._over = True
            self._released.set()
            for line in self._lines:
                line.end()
            self._changed.notify_all()
        self._rope.close()
        for thread in self._threads:
            thread.join(_PATIENCE)
            assert not thread.is_alive(), "a thread of the broken server does not end"
        for held_open in (self._listener, self._bell, *self._fillers):
            held_open.close()

    @property
    def requests(self) -> list[Seen]:
        """The requests that came, in order."""
        with self._changed:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        with self._changed:
            return self._connections

    def play(self, *steps: Step) -> None:
        """Go on with another script."""
        with self._changed:
            self._script = deque(steps)

    def listen(self) -> None:
        """Begin to listen and to accept, where that was put off."""
        if not self._listening:
            self._listening = True
            self._listener.listen(128)
        if not self._threads:
            for filler in self._fillers:
                filler.close()
            self._accept()

    def release(self) -> None:
        """End every silence and all dripping, now and from now on."""
        self._released.set()

    def wait_for_release(self, seconds: float | None = None) -> bool:
        """Wait until the server is told to release or ends, or for this long; return whether it was released."""
        return self._released.wait(seconds)

    def wait_for_requests(self, number: int) -> None:
        """Wait until this many requests have come."""
        self._wait(lambda: len(self._requests) >= number, f"{number} requests")

    def wait_for_steps(self, number: int) -> None:
        """Wait until this many steps have been played."""
        self._wait(lambda: self._played >= number, f"{number} steps")

    def wait_for_idle_close(self, number: int = 1) -> None:
        """Wait until this many connections have been closed while they were idle; see `stale`."""
        self._wait(lambda: self._idle_closes >= number, f"{number} idle connections to be closed")

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        with self._changed:
            assert self._changed.wait_for(reached, _PATIENCE), f"waited in vain for {what}"

    def _fill(self) -> None:
        # One connection fits into a queue of length 0, the others' first packets are dropped.
        for _ in range(3):
            filler = socket.socket()
            self._fillers.append(filler)
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))

    def _accept(self) -> None:
        self._start(self._accept_all)

    def _start(self, target: Callable[[], None]) -> None:
        # A daemon, so that a server that hangs fails its test and not the end of the process.
        thread = threading.Thread(target=target, name=f"broken server {self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_all(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._bell], [], [])
            if self._bell in ready:
                return
            accepted, _ = self._listener.accept()
            with self._changed:
                self._connections += 1
                line = Line(self, accepted, self._connections)
                self._lines.add(line)
                if self._over:
                    line.end()
            self._start(line.serve)

    # What a connection asks of its server.

    def take(self, when: When) -> Step | None:
        """Return the script's next step if it breaks in now, or None."""
        with self._changed:
            if not self._script:
                over = {"detail": "the script is over"}
                return answer(500, over, then=Then.CLOSE) if when is When.READ else None
            step = self._script[0]
            # A step for a new connection that meets one kept alive breaks that one.
            if step.when is not when and (step.when, when) != (When.CONNECTED, When.ARRIVED):
                return None
            if not step.lasting:
                self._script.popleft()
            return step

    def record(self, seen: Seen) -> None:
        """Remember a request."""
        with self._changed:
            self._requests.append(seen)
            self._changed.notify_all()

    def count_step(self) -> None:
        """Count a step that was played."""
        with self._changed:
            self._played += 1
            self._changed.notify_all()

    def forget(self, line: Line, *, idle: bool) -> None:
        """Forget a connection that is closed."""
        with self._changed:
            self._lines.discard(line)
            self._idle_closes += idle
            self._changed.notify_all()


class Line:
    """A connection, served by a thread of its own.

    Args:
        server: Whose connection it is.
        sock: Its socket.
        number: Its number.
    """

    def __init__(self, server: BrokenServer, sock: socket.socket, number: int) -> None:
        self.server = server
        self._socket = sock
        self._number = number
        self._buffer = b""
        # What is sent in pieces arrives in pieces.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def end(self) -> None:
        """Wake the thread, whatever of the connection it waits for, and let it find the connection at its end."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def serve(self) -> None:
        """Play steps until one ends the connection, or the client goes."""
        idle = False
        try:
            step = self.server.take(When.CONNECTED)
            if step is not None:
                idle = self._play(step, None)
                return
            while True:
                step, seen = self._next()
                if step is None:
                    return
                idle = self._play(step, seen)
                if step.then is not Then.KEEP:
                    return
        finally:
            self._socket.close()
            self.server.forget(self, idle=idle)

    def send(self, raw: bytes) -> bool:
        """Send what is to be sent; return whether the client was still there to take it."""
        try:
            self._socket.sendall(raw)
        except OSError:
            return False
        return True

    def _play(self, step: Step, seen: Seen | None) -> bool:
        step.play(self, seen)
        self.server.count_step()
        if step.then is Then.SILENCE:
            self.server.wait_for_release()
        if step.then is Then.RESET:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return step.marks_idle

    def _next(self) -> tuple[Step | None, Seen | None]:
        """Return the next step and its request. Without a step the connection is at its end."""
        if not self._arrived():
            return None, None
        step = self.server.take(When.ARRIVED)
        seen = self._read(peek=step is not None)
        if seen is None:
            return step, None
        self.server.record(seen)
        return step or self.server.take(When.READ), seen

    def _arrived(self) -> bool:
        if self._buffer:
            return True
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _read(self, *, peek: bool = False) -> Seen | None:
        """Read a request, or, to peek, its head alone, which stays unread."""
        while b"\r\n\r\n" not in self._buffer:
            if peek:
                # A head comes in one piece where it is small, and all of it is small here.
                self._buffer = self._received(socket.MSG_PEEK)
                if not self._buffer:
                    return None
            elif not self._more():
                return None
        first, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        request_line, *lines = first.decode("latin-1").split("\r\n")
        method, target, _ = request_line.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if peek:
            body: bytes | None = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._read_chunks()
        else:
            body = self._read_exactly(int(headers.get("content-length", "0")))
        if body is None:
            return None
        return Seen(method, target, headers, body, time.monotonic(), self._number)

    def _read_chunks(self) -> bytes | None:
        body = b""
        while True:
            while b"\r\n" not in self._buffer:
                if not self._more():
                    return None
            size, _, self._buffer = self._buffer.partition(b"\r\n")
            data = self._read_exactly(int(size, 16) + 2)
            if data is None:
                return None
            if len(data) == 2:
                return body
            body += data[:-2]

    def _read_exactly(self, size: int) -> bytes | None:
        while len(self._buffer) < size:
            if not self._more():
                return None
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _more(self) -> bool:
        received = self._received()
        self._buffer += received
        return bool(received)

    def _received(self, flags: int = 0) -> bytes:
        try:
            return self._socket.recv(1 << 16, flags)
        except OSError:
            return b""


def _nothing(line: Line, seen: Seen | None) -> None:
    """Say nothing."""
