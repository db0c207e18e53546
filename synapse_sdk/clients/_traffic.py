"""What goes over one connection, as far as timeouts and its further use depend on it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from synapse_sdk.clients._framing import Framing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synapse_sdk.clients._stop import Stop

_WRITTEN_AT_ONCE = 16 * 1024

# A build is silent for minutes, and whatever translates addresses on the way forgets silent connections.
KEEP_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))
        if hasattr(socket, name)
    ),
]


class Until(float):
    """A timeout in seconds that knows when the whole call ends, and whether something was written under it.

    httpcore hands the timeouts that it was given down to each operation of a connection as they are.
    """

    __slots__ = ("deadline", "stop", "wrote")
    deadline: float
    stop: Stop | None
    wrote: bool

    @classmethod
    def of(cls, seconds: float, deadline: float, now: float, stop: Stop | None = None) -> Until:
        """Return a timeout that is over at the deadline at the latest, both in monotonic time."""
        until = cls(max(0.001, min(seconds, deadline - now)))
        until.deadline = deadline
        until.stop = stop
        until.wrote = False
        return until


class Traffic:
    """Follows what is written to and read from one connection.

    Args:
        connect_timeout: How long to wait for a proxy to open a tunnel, in seconds.
    """

    def __init__(self, connect_timeout: float | None = None) -> None:
        self._connect_timeout = connect_timeout
        self._framing: Framing | None = None
        self._asks_for_tunnel = False

    @property
    def has_surplus(self) -> bool:
        """Whether the peer may have sent more than the answer that was asked for.

        It would be taken for the answer to the next request, so the connection must not be used again.
        """
        return self._framing is not None and not self._framing.is_exact

    def writing(self, buffer: bytes, timeout: float | None) -> float | None:
        """Return the timeout of writing this, and note that it is written."""
        self._framing = Framing()
        self._asks_for_tunnel = buffer.startswith(b"CONNECT ")
        if isinstance(timeout, Until) and not self._asks_for_tunnel:
            timeout.wrote = True
        return self._connect_timeout if timeout is None else timeout

    def reading(self, timeout: float | None) -> float | None:
        """Return the timeout of reading what comes."""
        # What a proxy takes is part of connecting, not of the answer; for SOCKS httpcore gives no timeout at all.
        return self._connect_timeout if self._asks_for_tunnel or timeout is None else timeout

    def received(self, data: bytes) -> None:
        """Note what came."""
        if self._framing is not None:
            self._framing.feed(data)

    def encrypted(self) -> None:
        """Note that from now on all is encrypted, and what came before was part of connecting."""
        self._framing = None


def pieces(buffer: bytes) -> Iterator[bytes]:
    """Return what is written at once, so that a peer that reads slowly has a timeout for each."""
    for start in range(0, len(buffer), _WRITTEN_AT_ONCE):
        yield buffer[start : start + _WRITTEN_AT_ONCE]
