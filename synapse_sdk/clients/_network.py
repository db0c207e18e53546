"""Sockets that keep a deadline.

A timeout bounds one operation of a socket, so a peer that sends a byte now and then holds a call for ever. httpcore
hands the timeout that it was given down to each operation as it is; `Until` is such a timeout, which knows when the
whole call ends, and the streams here let no operation go beyond that.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpcore

from synapse_sdk.clients._framing import Framing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpcore import NetworkBackend, NetworkStream

_WRITTEN_AT_ONCE = 16 * 1024

# A build is silent for minutes, and whatever translates addresses on the way forgets silent connections.
_KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


class Until(float):
    """A timeout in seconds that knows when the whole call ends, and whether something was written under it."""

    __slots__ = ("deadline", "wrote")
    deadline: float
    wrote: bool

    @classmethod
    def of(cls, seconds: float, deadline: float, now: float) -> Until:
        """Return a timeout that is over at the deadline at the latest, both in monotonic time."""
        until = cls(max(0.001, min(seconds, deadline - now)))
        until.deadline = deadline
        until.wrote = False
        return until


def _left(timeout: float | None, over: type[Exception]) -> float | None:
    """Return how long an operation may take now."""
    if not isinstance(timeout, Until):
        return timeout
    left = timeout.deadline - time.monotonic()
    if left <= 0:
        raise over("the deadline passed")
    return min(timeout, left)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections that keep deadlines and stay alive through silence, and knows all that are open.

    Args:
        backend: What opens them.
    """

    def __init__(self, backend: NetworkBackend) -> None:
        self._backend = backend
        self._streams: weakref.WeakSet[DeadlineStream] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._closed = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Open a connection to the first address of a host that takes it."""
        options = [*_KEEP_ALIVE, *(socket_options or [])]

        def connect(address: str) -> NetworkStream:
            left = _left(timeout, httpcore.ConnectTimeout)
            stream = self._backend.connect_tcp(address, port, left, local_address, options)
            return self._watched(stream, timeout)

        *others, last = _addresses(host, port, _left(timeout, httpcore.ConnectTimeout))
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return connect(address)
        return connect(last)

    def close(self) -> None:
        """Close all connections, and let no more be opened."""
        with self._lock:
            self._closed = True
            streams = list(self._streams)
        for stream in streams:
            stream.close()

    def abandon(self) -> None:
        """Give up all connections without a word to the peer: they are the parent process's."""
        # Without the lock, which another thread of the parent may have held.
        for stream in list(self._streams):
            stream.abandon()

    def _watched(self, stream: NetworkStream, connect_timeout: float | None = None) -> DeadlineStream:
        watched = DeadlineStream(stream, connect_timeout)
        with self._lock:
            if not self._closed:
                self._streams.add(watched)
                return watched
        watched.close()
        raise httpcore.ConnectError("the client is closed")


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose operations end at the deadline.

    Args:
        stream: The connection.
        connect_timeout: How long to wait for a proxy to open a tunnel, in seconds.
    """

    def __init__(self, stream: NetworkStream, connect_timeout: float | None = None) -> None:
        self._stream = stream
        self._framing: Framing | None = None
        self._handshaking: socket.socket | None = None
        self._connect_timeout = connect_timeout
        self._asks_for_tunnel = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for something to come."""
        if self._asks_for_tunnel or timeout is None:
            # What a proxy takes is part of connecting, not of the answer; for SOCKS httpcore gives no timeout at all.
            timeout = self._connect_timeout
        received = self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))
        if self._framing is not None:
            self._framing.feed(received)
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, in pieces, so that a peer that reads slowly cannot take longer than the deadline."""
        if not buffer:
            return
        self._framing = Framing()
        self._asks_for_tunnel = buffer.startswith(b"CONNECT ")
        if isinstance(timeout, Until) and not self._asks_for_tunnel:
            timeout.wrote = True
        timeout = self._connect_timeout if timeout is None else timeout
        for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
            self._stream.write(buffer[start : start + _WRITTEN_AT_ONCE], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection, and wake whoever waits for it in another thread."""
        for sock in self._sockets():
            with suppress(OSError):
                # Not SSLSocket's own, which would let a thread that writes go on without encryption.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        self._stream.close()

    def abandon(self) -> None:
        """Close this process's end alone."""
        for sock in self._sockets():
            with suppress(OSError):
                os.close(sock.detach())

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        """Encrypt the connection."""
        left = _left(timeout, httpcore.ConnectTimeout)
        sock = self._stream.get_extra_info("socket")
        # The handshake takes the socket out of its object; by this one it can still be ended from another thread.
        # Within another encryption, to a proxy, it does not.
        if isinstance(sock, socket.socket) and not isinstance(sock, ssl.SSLSocket):
            self._handshaking = sock.dup()
        try:
            # The watched stream stays the same object, so that it can still be closed and abandoned.
            self._stream = self._stream.start_tls(ssl_context, server_hostname, left)
        finally:
            if self._handshaking is not None:
                self._handshaking.close()
                self._handshaking = None
        self._framing = None
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        if info == "is_readable" and self._framing is not None and not self._framing.is_exact:
            # What httpcore asks of an idle connection, to close one that has something to say.
            return True
        return self._stream.get_extra_info(info)

    def _sockets(self) -> list[socket.socket]:
        found = (self._handshaking, self._stream.get_extra_info("socket"))
        return [sock for sock in found if isinstance(sock, socket.socket)]


def _addresses(host: str, port: int, timeout: float | None) -> list[str]:
    """Return a host's addresses, each of which has the whole timeout of a connection to itself."""
    found: list[Any] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)

    try:
        ipaddress.ip_address(host)
    except ValueError:
        # The system's look-up takes as long as it likes and cannot be interrupted; it can be left to itself.
        looking = threading.Thread(target=look_up, name=f"look-up-{host}", daemon=True)
        looking.start()
        looking.join(timeout)
    else:
        look_up()
    if not found:
        raise httpcore.ConnectTimeout(f"the address of {host} was not found in time")
    if isinstance(found[0], Exception):
        raise httpcore.ConnectError(str(found[0])) from found[0]
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
