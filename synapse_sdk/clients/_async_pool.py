"""The connections to one agent, for tasks; the twin of `_pool`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import httpcore

from synapse_sdk.clients._async_network import AsyncBackend
from synapse_sdk.clients._pool import NONE_FREE, Idle, most_connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from synapse_sdk.clients._route import Route


class AsyncPool:
    """Connections for the tasks of one event loop.

    Args:
        route: The way to the agent.
    """

    def __init__(self, route: Route) -> None:
        self._connect: Callable[[], httpcore.AsyncConnectionInterface] = route.connector(
            httpcore.AsyncConnectionPool, AsyncBackend()
        )
        self._idle: Idle[httpcore.AsyncConnectionInterface] = Idle(route.limits.max_keepalive_connections)
        self._free = anyio.Semaphore(most_connections(route), fast_acquire=True)
        self._waiting = 0

    async def handle_request(
        self, request: httpcore.Request
    ) -> tuple[httpcore.Response, httpcore.AsyncConnectionInterface]:
        """Send a request, and return the answer, with its body to be read, and the connection, to be given back."""
        await self._wait(request.extensions["timeout"]["pool"])
        connection: httpcore.AsyncConnectionInterface | None = None
        try:
            connection, useless = self._idle.take()
            await _close(useless)
            connection = connection or self._connect()
            return await connection.handle_async_request(request), connection
        except BaseException:
            await self.give_back(connection)
            raise

    async def give_back(self, connection: httpcore.AsyncConnectionInterface | None) -> None:
        """Take a connection back, or only the right to one."""
        try:
            if connection is not None:
                await _close(self._idle.put(connection, self._waiting))
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close the connections that nobody uses now."""
        await _close(self._idle.clear())

    async def _wait(self, timeout: float) -> None:
        """Wait until one connection more may be in use."""
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            self._waiting += 1
            try:
                with anyio.fail_after(timeout):
                    await self._free.acquire()
            except TimeoutError:
                raise httpcore.PoolTimeout(NONE_FREE) from None
            finally:
                self._waiting -= 1


async def _close(connections: list[httpcore.AsyncConnectionInterface]) -> None:
    """Close connections, also in a task that is cancelled."""
    if connections:
        with anyio.CancelScope(shield=True):
            for one in connections:
                await one.aclose()
