"""Sockets that keep a deadline, and that another thread can interrupt.

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
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import httpcore

from synapse_sdk.clients._encryption import Encryption
from synapse_sdk.clients._stop import stoppable
from synapse_sdk.clients._traffic import KEEP_ALIVE, Traffic, Until, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from httpcore import NetworkStream

    from synapse_sdk.clients._encryption import Steps
    from synapse_sdk.clients._stop import Stop

T = TypeVar("T")


def stop_of(timeout: float | None) -> Stop | None:
    """Return what may end an operation before its timeout."""
    return timeout.stop if isinstance(timeout, Until) else None


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections that keep deadlines and stay alive through silence, and knows all that are open."""

    def __init__(self) -> None:
        self._streams: weakref.WeakSet[DeadlineStream] = weakref.WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> NetworkStream:
        """Open a connection to the first address of a host that takes it, each of which has the timeout to itself."""
        del local_address
        options = connection_options(socket_options)
        reason: Exception | None = None
        for address in _addresses(host, port, timeout):
            try:
                with _errors(httpcore.ConnectTimeout, httpcore.ConnectError):
                    return self._connected(address, options, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                reason = error
        raise reason or httpcore.ConnectError(f"{host} has no address")

    def abandon(self) -> None:
        """Give up all connections without a word to the peer: they are the parent process's."""
        for stream in list(self._streams):
            stream.abandon()

    def _connected(self, address: Any, options: Iterable[Any], timeout: float | None) -> DeadlineStream:
        family, kind, protocol, _, target = address
        stream = DeadlineStream(socket.socket(family, kind, protocol), timeout)
        self._streams.add(stream)
        try:
            stream.connect(target, options, timeout)
        except BaseException:
            stream.close()
            raise
        return stream


class DeadlineStream(httpcore.NetworkStream):
    """A connection whose operations end at the deadline, or when their call is stopped.

    Args:
        sock: A socket that is to be connected.
        connect_timeout: How long to wait for a proxy to open a tunnel, in seconds.
    """

    def __init__(self, sock: socket.socket, connect_timeout: float | None = None) -> None:
        self._hold(sock)
        self._within: Encryption | None = None
        self._traffic = Traffic(connect_timeout)

    def connect(self, target: Any, options: Iterable[Any], timeout: float | None) -> None:
        """Connect the socket."""
        for option in options:
            self._sock.setsockopt(*option)
        with stoppable(stop_of(timeout), self.interrupt):
            self._prepare(timeout)
            self._sock.connect(target)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for something to come."""
        timeout = self._traffic.reading(timeout)
        with (
            _errors(httpcore.ReadTimeout, httpcore.ReadError),
            stoppable(stop_of(timeout), self.interrupt),
        ):
            if self._within is None:
                data = self._receive(max_bytes, timeout)
            else:
                data = self._do(self._within.read(max_bytes), timeout)
        self._traffic.received(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, in pieces, each of which has the timeout to itself."""
        if not buffer:
            return
        timeout = self._traffic.writing(buffer, timeout)
        with (
            _errors(httpcore.WriteTimeout, httpcore.WriteError),
            stoppable(stop_of(timeout), self.interrupt),
        ):
            for piece in pieces(buffer):
                if self._within is None:
                    self._transmit(piece, timeout)
                else:
                    self._do(self._within.write(piece), timeout)

    def interrupt(self) -> None:
        """End what waits for this connection in another thread, which is then to close it.

        To close it here would let the other thread go on with whatever has its number next.
        """
        with suppress(OSError):
            # Not SSLSocket's own, which would let a thread that writes go on without encryption.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, which no other thread may be waiting for."""
        self.interrupt()
        self._sock.close()

    def abandon(self) -> None:
        """Close this process's end alone."""
        with suppress(OSError):
            os.close(self._sock.detach())

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> NetworkStream:
        """Encrypt the connection."""
        try:
            with (
                _errors(httpcore.ConnectTimeout, httpcore.ConnectError),
                stoppable(stop_of(timeout), self.interrupt),
            ):
                self._encrypt(ssl_context, server_hostname, timeout)
        except BaseException:
            self.close()
            raise
        self._traffic.encrypted()
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        if info == "ssl_object":
            encrypted = self._sock if isinstance(self._sock, ssl.SSLSocket) else None
            return encrypted if self._within is None else self._within.connection
        if info == "socket":
            return self._sock
        if info == "is_readable":
            # What httpcore asks of an idle connection, to close one that has something to say.
            return (
                self._traffic.has_surplus
                or (self._within is not None and self._within.has_unread)
                or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0)
                or is_readable(self._sock)
            )
        return None

    def _encrypt(self, context: ssl.SSLContext, hostname: str | None, timeout: float | None) -> None:
        if isinstance(self._sock, ssl.SSLSocket):
            within = Encryption(context, hostname)
            self._do(within.handshake(), timeout)
            self._within = within
            return
        encrypted = context.wrap_socket(self._sock, server_hostname=hostname, do_handshake_on_connect=False)
        self._hold(encrypted)
        # For a moment there was nothing to interrupt.
        self._prepare(timeout)
        encrypted.do_handshake()

    def _hold(self, sock: socket.socket) -> None:
        self._sock = sock
        # httpcore drops a connection whose SOCKS proxy refuses it, and does not close it.
        self._finalizer = weakref.finalize(self, sock.close)
        self._finalizer.atexit = False

    def _prepare(self, timeout: float | None) -> None:
        """Let the next operation of the socket take as long as it may, if it still may."""
        stop = stop_of(timeout)
        if stop is not None and stop.is_set():
            raise OSError("the call was ended")
        if isinstance(timeout, Until):
            left = timeout.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the deadline passed")
            timeout = min(timeout, left)
        self._sock.settimeout(timeout)

    def _receive(self, most: int, timeout: float | None) -> bytes:
        self._prepare(timeout)
        return self._sock.recv(most)

    def _transmit(self, data: bytes, timeout: float | None) -> None:
        while data:
            self._prepare(timeout)
            data = data[self._sock.send(data) :]

    def _do(self, steps: Steps[T], timeout: float | None) -> T:
        """Do what an encryption within that of the socket needs."""
        received: bytes | None = None
        while True:
            try:
                wanted = steps.send(received)
            except StopIteration as end:
                value: T = end.value
                return value
            received = None
            if wanted is None:
                received = self._receive(1 << 16, timeout)
            else:
                self._transmit(wanted, timeout)


@contextmanager
def _errors(over: type[httpcore.TimeoutException], broken: type[httpcore.NetworkError]) -> Iterator[None]:
    """Raise httpcore's errors for those of sockets."""
    try:
        yield
    except TimeoutError as error:
        raise over(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


def connection_options(more: Iterable[Any] | None) -> list[Any]:
    """Return the options of every socket: small requests go out at once, and silence is survived."""
    return [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *KEEP_ALIVE, *(more or [])]


def is_address(host: str) -> bool:
    """Return whether a host is an address already, which needs no look-up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_readable(sock: socket.socket) -> bool:
    """Return whether an idle socket has something to say, its end perhaps."""
    try:
        sock.setblocking(False)
        # Not SSLSocket's own, which would decrypt it.
        socket.socket.recv(sock, 1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _addresses(host: str, port: int, timeout: float | None) -> list[Any]:
    """Return what the system knows of a host's addresses."""
    found: list[Any] = []
    failed: list[Exception] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failed.append(error)
        done.set()

    try:
        if is_address(host):
            look_up()
        else:
            # The system's look-up takes as long as it likes and cannot be interrupted; it can be left to itself.
            threading.Thread(target=look_up, name=f"look-up-{host}", daemon=True).start()
    except RuntimeError:
        # There are no more threads at the end of a program.
        look_up()
    with stoppable(stop_of(timeout), done.set):
        done.wait(timeout)
    if failed:
        raise httpcore.ConnectError(str(failed[0])) from failed[0]
    if not found:
        raise httpcore.ConnectTimeout(f"the address of {host} was not found in time")
    return found
