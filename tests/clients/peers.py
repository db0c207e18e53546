"""Peers on 127.0.0.1 that say what a test likes, connection by connection and record by record."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from tests.clients.agents import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


@contextmanager
def served(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve connections, one after the other, on the port that is given."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(PATIENCE)
                # What was sent is not kept back, and lost when the connection is closed.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection, suppress(OSError):
                    serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_head(connection: socket.socket) -> bytes:
    """Return what comes, up to the empty line at the end of a request's head."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(65_536)
        if not received:
            raise ConnectionError("the client is gone")
        head += received
    return head


class Encrypted:
    """The server's side of an encrypted connection, whose records are the test's to send.

    Args:
        connection: What carries it, which may itself be encrypted.
        context: The certificate that it shows, and how it encrypts.
    """

    def __init__(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._encryption = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def handshake(self) -> None:
        """Agree with the client on how to encrypt."""
        self._do(self._encryption.do_handshake)

    def read(self) -> bytes:
        """Return what the client says."""
        return self._do(self._encryption.read)

    def record(self, data: bytes) -> bytes:
        """Return what says this in a record of its own, which is still to be sent."""
        self._encryption.write(data)
        return self._outgoing.read()

    def _do(self, step: Callable[[], T]) -> T:
        while True:
            with suppress(ssl.SSLWantReadError):
                return step()
            self._connection.sendall(self._outgoing.read())
            received = self._connection.recv(65_536)
            if not received:
                raise ConnectionError("the client is gone")
            self._incoming.write(received)
