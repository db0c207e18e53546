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

from synapse_sdk.clients._stop import stoppable
from synapse_sdk.clients._traffic import KEEP_ALIVE, Traffic, Until, has_unread, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from httpcore import NetworkStream

    from synapse_sdk.clients._stop import Stop


def stop_of(timeout: float | None) -> Stop | None:
    """Return what may end an operation before its timeout."""
    return timeout.stop if isinstance(timeout, Until) else None


def left(timeout: float | None, over: type[Exception]) -> float | None:
    """Return how long an operation may take now, or raise where the deadline has passed."""
    if not isinstance(timeout, Until):
        return timeout
    seconds = timeout.deadline - time.monotonic()
    if seconds <= 0:
        raise over("the deadline passed")
    return min(timeout, seconds)


def is_address(host: str) -> bool:
    """Return whether a host is an address already, which needs no look-up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections that keep deadlines and stay alive through silence, and knows all that are open."""

    def __init__(self) -> None:
        self._backend = httpcore.SyncBackend()
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
        options = [*KEEP_ALIVE, *(socket_options or [])]

        def connect(address: str) -> NetworkStream:
            seconds = left(timeout, httpcore.ConnectTimeout)
            stream = self._backend.connect_tcp(address, port, seconds, local_address, options)
            return self._watched(stream, timeout)

        *others, last = _addresses(host, port, left(timeout, httpcore.ConnectTimeout))
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
        self._traffic = Traffic(connect_timeout)
        self._handshaking: socket.socket | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for something to come."""
        timeout = self._traffic.reading(timeout)
        with stoppable(stop_of(timeout), self.close):
            data = self._stream.read(max_bytes, left(timeout, httpcore.ReadTimeout))
        self._traffic.received(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, in pieces, so that a peer that reads slowly cannot take longer than the deadline."""
        if not buffer:
            return
        timeout = self._traffic.writing(buffer, timeout)
        with stoppable(stop_of(timeout), self.close):
            for piece in pieces(buffer):
                self._stream.write(piece, left(timeout, httpcore.WriteTimeout))

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
        seconds = left(timeout, httpcore.ConnectTimeout)
        sock = self._stream.get_extra_info("socket")
        # The handshake takes the socket out of its object; by this one it can still be ended from another thread.
        # Within another encryption, to a proxy, it does not.
        if isinstance(sock, socket.socket) and not isinstance(sock, ssl.SSLSocket):
            self._handshaking = sock.dup()
        try:
            with stoppable(stop_of(timeout), self.close):
                # The watched stream stays the same object, so that it can still be closed and abandoned.
                self._stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        finally:
            if self._handshaking is not None:
                self._handshaking.close()
                self._handshaking = None
        self._traffic.encrypted()
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        if info == "is_readable" and (self._traffic.has_surplus or has_unread(self.get_extra_info("ssl_object"))):
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

    if is_address(host):
        look_up()
    else:
        # The system's look-up takes as long as it likes and cannot be interrupted; it can be left to itself.
        looking = threading.Thread(target=look_up, name=f"look-up-{host}", daemon=True)
        looking.start()
        looking.join(timeout)
    if not found:
        raise httpcore.ConnectTimeout(f"the address of {host} was not found in time")
    if isinstance(found[0], Exception):
        raise httpcore.ConnectError(str(found[0])) from found[0]
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
