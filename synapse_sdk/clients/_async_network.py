"""Sockets for tasks. The cancel scope around the whole call keeps the deadline, so none is kept here.

They are not those of httpcore, which give up what an agent said when it closes before it has read the whole request,
keep what they read ahead where nobody sees it, and take a third more time.
"""

from __future__ import annotations

import os
import socket
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpcore

from synapse_sdk.clients._encryption import Encryption
from synapse_sdk.clients._network import connection_options, is_address, is_readable
from synapse_sdk.clients._traffic import Traffic, pieces

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator, Sequence

    from httpcore import AsyncNetworkStream

    from synapse_sdk.clients._encryption import Steps

T = TypeVar("T")


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens connections that stay alive through silence, under asyncio and trio alike."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Open a connection to the first address of a host that takes it, each of which has the timeout to itself."""
        del local_address
        options = connection_options(socket_options)
        reason: Exception | None = None
        for address in await _addresses(host, port, timeout):
            try:
                with _errors(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
                    return AsyncStream(await _connected(address, options), timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                reason = error
        raise reason or httpcore.ConnectError(f"{host} has no address")


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection whose traffic is followed.

    Args:
        sock: A socket that is connected.
        connect_timeout: How long to wait for a proxy to open a tunnel, in seconds.
    """

    def __init__(self, sock: socket.socket, connect_timeout: float | None = None) -> None:
        self._sock = sock
        self._layers: list[Encryption] = []
        self._traffic = Traffic(connect_timeout)
        # An event loop that ends, or a program that never closes its client, leaves no socket open behind it.
        self._finalizer = weakref.finalize(self, sock.close)
        self._finalizer.atexit = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for something to come."""
        with _errors(self._traffic.reading(timeout), httpcore.ReadTimeout, httpcore.ReadError):
            data = await self._receive(max_bytes, self._layers)
        self._traffic.received(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, in pieces, each of which has the timeout to itself."""
        if not buffer:
            return
        timeout = self._traffic.writing(buffer, timeout)
        for piece in pieces(buffer):
            with _errors(timeout, httpcore.WriteTimeout, httpcore.WriteError):
                await self._transmit(piece, self._layers)

    async def aclose(self) -> None:
        """Close the connection."""
        self._finalizer()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> AsyncNetworkStream:
        """Encrypt the connection."""
        try:
            with _errors(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
                layer = Encryption(ssl_context, server_hostname)
                await self._do(layer.handshake(), self._layers)
        except BaseException:
            self._finalizer()
            raise
        self._layers.append(layer)
        self._traffic.encrypted()
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        if info == "ssl_object":
            return self._layers[-1].connection if self._layers else None
        if info == "socket":
            return self._sock
        if info == "is_readable":
            # What httpcore asks of an idle connection, to close one that has something to say.
            unread = self._traffic.has_surplus or any(layer.has_unread for layer in self._layers)
            return unread or is_readable(self._sock)
        return None

    async def _receive(self, most: int, layers: Sequence[Encryption]) -> bytes:
        """Return what comes through these encryptions, of which the last is within the others."""
        if layers:
            return await self._do(layers[-1].read(most), layers[:-1])
        # Not at once, though something may have come: a task that never waits is never cancelled.
        await anyio.wait_readable(self._sock)
        while True:
            try:
                return self._sock.recv(most)
            except BlockingIOError:
                await anyio.wait_readable(self._sock)

    async def _transmit(self, data: bytes, layers: Sequence[Encryption]) -> None:
        """Send through these encryptions."""
        if layers:
            await self._do(layers[-1].write(data), layers[:-1])
            return
        while data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                await anyio.wait_writable(self._sock)

    async def _do(self, steps: Steps[T], layers: Sequence[Encryption]) -> T:
        """Do what an encryption within these needs."""
        received: bytes | None = None
        while True:
            try:
                wanted = steps.send(received)
            except StopIteration as end:
                value: T = end.value
                return value
            received = None
            if wanted is None:
                received = await self._receive(1 << 16, layers)
            else:
                await self._transmit(wanted, layers)


@contextmanager
def _errors(
    timeout: float | None, over: type[httpcore.TimeoutException], broken: type[httpcore.NetworkError]
) -> Iterator[None]:
    """Raise httpcore's errors for what goes wrong in the block, or takes longer than this."""
    try:
        with anyio.fail_after(timeout):
            yield
    except TimeoutError as error:
        raise over(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


async def _addresses(host: str, port: int, timeout: float | None) -> list[Any]:
    """Return what the system knows of a host's addresses, each of which has the whole timeout to itself."""
    try:
        if is_address(host):
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        with anyio.fail_after(timeout):
            return await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"the address of {host} was not found in time") from error
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(str(error)) from error


async def _connected(address: Any, options: Iterable[Any]) -> socket.socket:
    """Return a socket that is connected to an address."""
    family, kind, protocol, _, target = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        for option in options:
            sock.setsockopt(*option)
        try:
            sock.connect(target)
        except BlockingIOError:
            await anyio.wait_writable(sock)
            if code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(code, os.strerror(code)) from None
    except BaseException:
        sock.close()
        raise
    return sock
