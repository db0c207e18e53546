"""Sockets for tasks. The cancel scope around the whole call keeps the deadline, so none is kept here.

They are not those of httpcore, which give up what an agent said when it closes before it has read the whole request,
keep what they read ahead where nobody sees it, and take a third more time.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from synapse_sdk.clients._network import is_address
from synapse_sdk.clients._traffic import KEEP_ALIVE, Traffic, has_unread, pieces

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from httpcore import AsyncNetworkStream

_BROKEN = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Opens connections that stay alive through silence, under asyncio and trio alike, and knows all that are open."""

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """Open a connection to the first address of a host that takes it."""
        del local_address
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *KEEP_ALIVE, *(socket_options or [])]
        reason: Exception | None = None
        for address in await _addresses(host, port, timeout):
            try:
                with _errors(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
                    sock = await _connected(address, options)
                self._open.add(sock)
                return AsyncStream(_Socket(sock, self._open), timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                reason = error
        raise reason or httpcore.ConnectError(f"{host} has no address")

    def close(self) -> None:
        """Close all connections. Nobody may wait for one any more, for whom that would be no end."""
        for sock in self._open:
            sock.close()


class AsyncStream(httpcore.AsyncNetworkStream):
    """A connection whose traffic is followed.

    Args:
        stream: The connection.
        connect_timeout: How long to wait for a proxy to open a tunnel, in seconds.
    """

    def __init__(self, stream: _Socket, connect_timeout: float | None = None) -> None:
        self._socket = stream
        self._stream: ByteStream = stream
        self._encryptions: list[ssl.SSLObject] = []
        self._traffic = Traffic(connect_timeout)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for something to come."""
        with _errors(self._traffic.reading(timeout), httpcore.ReadTimeout, httpcore.ReadError):
            try:
                data = await self._stream.receive(max_bytes)
            except anyio.EndOfStream:
                data = b""
        self._traffic.received(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write, in pieces, each of which has the timeout to itself."""
        if not buffer:
            return
        timeout = self._traffic.writing(buffer, timeout)
        for piece in pieces(buffer):
            with _errors(timeout, httpcore.WriteTimeout, httpcore.WriteError):
                await self._stream.send(piece)
                if self._socket.unsent is not None:
                    raise self._socket.unsent

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> AsyncNetworkStream:
        """Encrypt the connection."""
        try:
            with _errors(timeout, httpcore.ConnectTimeout, httpcore.ConnectError):
                self._stream = await TLSStream.wrap(
                    self._stream, hostname=server_hostname, ssl_context=ssl_context, standard_compatible=False
                )
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.aclose()
            raise
        self._encryptions.append(self._stream.extra(TLSAttribute.ssl_object))
        self._traffic.encrypted()
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows of itself."""
        if info == "ssl_object":
            return self._stream.extra(TLSAttribute.ssl_object, None)
        if info == "socket":
            return self._stream.extra(SocketAttribute.raw_socket, None)
        if info == "is_readable":
            unread = self._traffic.has_surplus or any(has_unread(encryption) for encryption in self._encryptions)
            return unread or _is_readable(self.get_extra_info("socket"))
        return None


class _Socket(ByteStream):
    """A stream on a socket as it is, from which nothing is read that nobody asked for.

    Args:
        sock: The socket.
        open_sockets: What it is in while it is open.

    Attributes:
        unsent: Why something was not sent. It is not raised, since `TLSStream` then reads no more, though the peer may
            have said why before it closed.
    """

    def __init__(self, sock: socket.socket, open_sockets: set[socket.socket]) -> None:
        self.unsent: OSError | None = None
        self._sock = sock
        self._open = open_sockets

    async def receive(self, max_bytes: int = 65536) -> bytes:
        # Not at once, though something may have come: a task that never waits is never cancelled.
        await anyio.wait_readable(self._sock)
        while True:
            with suppress(BlockingIOError):
                if data := self._sock.recv(max_bytes):
                    return data
                raise anyio.EndOfStream
            await anyio.wait_readable(self._sock)

    async def send(self, item: bytes) -> None:
        rest = memoryview(item)
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._sock)
            except OSError as error:
                self.unsent = error
                return

    async def send_eof(self) -> None:
        self._sock.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        self._open.discard(self._sock)
        self._sock.close()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        return {SocketAttribute.raw_socket: lambda: self._sock}


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
    except _BROKEN as error:
        raise broken(str(error.__cause__ or error)) from error


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


def _is_readable(sock: socket.socket) -> bool:
    """Return whether an idle socket has something to say, its end perhaps."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
