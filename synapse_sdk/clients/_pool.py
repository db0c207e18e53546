"""The connections to one agent, which are used again for as long as their peer keeps them open.

httpcore's own pools look at every connection and every waiting request whenever a request comes or goes. This one knows
that all of them lead to the same place: what is idle, and how many are in use, is all that matters.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import httpcore

from synapse_sdk.clients._network import DeadlineBackend, stop_of
from synapse_sdk.clients._stop import Stop, stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse_sdk.clients._route import Route

#: What a call is told that waited for a connection in vain.
NONE_FREE = "no connection was free in time"


class _Connection(Protocol):
    """What both kinds of httpcore's connections can tell."""

    def is_closed(self) -> bool: ...

    def is_idle(self) -> bool: ...

    def has_expired(self) -> bool: ...


C = TypeVar("C", bound=_Connection)


class Idle(Generic[C]):
    """The connections that nobody uses now. The one that was used last is used first.

    Args:
        most: How many are kept.
    """

    def __init__(self, most: int | None) -> None:
        self._most = sys.maxsize if most is None else most
        self._connections: deque[C] = deque()

    def take(self) -> tuple[C | None, list[C]]:
        """Return a connection to use again, if there is one, and those that are to be closed."""
        useless: list[C] = []
        found: C | None = None
        while self._connections and found is None:
            found = self._connections.pop()
            if found.has_expired():
                useless.append(found)
                found = None
        while self._connections and self._connections[0].has_expired():
            useless.append(self._connections.popleft())
        return found, useless

    def put(self, connection: C, waiting: int) -> list[C]:
        """Keep a connection that was used, and return those that are to be closed.

        Args:
            connection: The connection.
            waiting: How many calls wait for a connection, which are about to take one.
        """
        if connection.is_closed() or not connection.is_idle():
            return [connection]
        self._connections.append(connection)
        surplus = len(self._connections) - self._most - waiting
        return [self._connections.popleft() for _ in range(surplus)]

    def clear(self) -> list[C]:
        """Return all connections, and keep none."""
        connections = list(self._connections)
        self._connections.clear()
        return connections


class Pool:
    """Connections for threads.

    Args:
        route: The way to the agent.
    """

    def __init__(self, route: Route) -> None:
        self.closed = Stop()
        self._backend = DeadlineBackend()
        self._connect: Callable[[], httpcore.ConnectionInterface] = route.connector(
            httpcore.ConnectionPool, self._backend
        )
        self._idle: Idle[httpcore.ConnectionInterface] = Idle(route.limits.max_keepalive_connections)
        self._lock = threading.Lock()
        self._free = most_connections(route)
        self._line: deque[threading.Event] = deque()
        # Those that stand in line, and those whose turn has come that have not taken a connection yet.
        self._waiting = 0

    def handle_request(self, request: httpcore.Request) -> tuple[httpcore.Response, httpcore.ConnectionInterface]:
        """Send a request, and return the answer, with its body to be read, and the connection, to be given back."""
        self._wait(request.extensions["timeout"]["pool"])
        connection: httpcore.ConnectionInterface | None = None
        try:
            with self._lock:
                self._waiting -= 1
                connection, useless = self._idle.take()
            for one in useless:
                one.close()
            connection = connection or self._connect()
            return connection.handle_request(request), connection
        except BaseException:
            self.give_back(connection)
            raise

    def give_back(self, connection: httpcore.ConnectionInterface | None) -> None:
        """Take a connection back, or only the right to one, which whoever has waited longest has next."""
        try:
            if connection is not None:
                with self._lock:
                    useless = [connection] if self.closed.is_set() else self._idle.put(connection, self._waiting)
                for one in useless:
                    one.close()
        finally:
            with self._lock:
                if self._line:
                    self._line.popleft().set()
                else:
                    self._free += 1

    def close(self) -> None:
        """Close the connections that nobody uses, and end what waits for the others, which close them then."""
        self.closed.set()
        with self._lock:
            idle = self._idle.clear()
        for one in idle:
            one.close()

    def abandon(self) -> None:
        """Leave the connections to the parent process."""
        self._backend.abandon()

    def _wait(self, timeout: float) -> None:
        """Wait until one connection more may be in use, in the order in which it was asked for."""
        turn = threading.Event()
        with self._lock:
            self._waiting += 1
            if self._free and not self._line:
                self._free -= 1
                return
            self._line.append(turn)
        try:
            with stoppable(stop_of(timeout), turn.set):
                turn.wait(timeout)
        except BaseException:
            if not self._leave(turn):
                with self._lock:
                    self._waiting -= 1
                self.give_back(None)
            raise
        if self._leave(turn):
            raise httpcore.PoolTimeout(NONE_FREE)

    def _leave(self, turn: threading.Event) -> bool:
        """Leave the line, and return whether that was before one's turn."""
        with self._lock:
            is_early = turn in self._line
            if is_early:
                self._line.remove(turn)
                self._waiting -= 1
            return is_early


def most_connections(route: Route) -> int:
    """Return how many connections may be in use."""
    return sys.maxsize if route.limits.max_connections is None else route.limits.max_connections
