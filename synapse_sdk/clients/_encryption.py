"""TLS on bytes, for what is no socket of the system's: an encryption within another, and whatever tasks wait for."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

T = TypeVar("T")

#: Yields what is to be sent, or None where something is to be received, which is then sent in; returns a value.
Steps: TypeAlias = "Generator[bytes | None, bytes | None, T]"

_HEADER = 5


class Encryption:
    """One side of an encrypted connection, which does no I/O: it says what to send, and when to receive.

    Args:
        context: How to verify the peer.
        hostname: Whom to expect.
    """

    def __init__(self, context: ssl.SSLContext, hostname: str | None) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.connection = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        self._begun = b""
        self._left = 0

    @property
    def has_unread(self) -> bool:
        """Whether more came than was read, which no socket shows: a further record, or a part of one."""
        try:
            # What came may be nothing to read, such as a ticket of TLS 1.3.
            self.connection.read(1)
        except ssl.SSLWantReadError:
            return bool(self._left or self._begun)
        except ssl.SSLError:
            return True
        return True

    def handshake(self) -> Steps[None]:
        """Agree with the peer on how to encrypt."""
        return self._steps(self.connection.do_handshake)

    def read(self, most: int) -> Steps[bytes]:
        """Return what the peer says, and nothing at its end."""

        def read() -> bytes:
            try:
                return self.connection.read(most)
            except ssl.SSLEOFError:
                # The answer's own framing tells whether that was too early.
                return b""

        return self._steps(read)

    def write(self, data: bytes) -> Steps[Any]:
        """Say something to the peer."""
        return self._steps(lambda: self.connection.write(data))

    def _steps(self, operation: Callable[[], T]) -> Steps[T]:
        while True:
            try:
                value = operation()
            except ssl.SSLWantReadError:
                if self._outgoing.pending:
                    yield self._outgoing.read()
                self._receive((yield None) or b"")
            except ssl.SSLError:
                # The peer is told why it is refused.
                if self._outgoing.pending:
                    yield self._outgoing.read()
                raise
            else:
                if self._outgoing.pending:
                    yield self._outgoing.read()
                return value

    def _receive(self, data: bytes) -> None:
        if not data:
            self._incoming.write_eof()
            return
        self._incoming.write(data)
        # Where the next record begins, by the lengths of those that came.
        seen = self._begun + data
        at = self._left
        while at + _HEADER <= len(seen):
            at += _HEADER + int.from_bytes(seen[at + _HEADER - 2 : at + _HEADER], "big")
        self._left = max(0, at - len(seen))
        self._begun = seen[at:]
