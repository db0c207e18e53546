"""The kinds of clients, each behind the methods of `AgentClient`, so that one test proves a promise of all of them."""

from __future__ import annotations

import copy
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from synapse_sdk import AgentClient, AsyncAgentClient

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

#: Makes a client of some kind. It takes the arguments of `AgentClient`.
Connect: TypeAlias = Callable[..., AgentClient]


class Loop:
    """An event loop in a thread of its own. What is called after its end has another for itself.

    Args:
        backend: The library whose event loop it is.
    """

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._thread = ExitStack()
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = self._thread.enter_context(start_blocking_portal(backend))

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return what a function, or the coroutine that it makes, returns."""
        with self._lock:
            future = self._portal and self._portal.start_task_soon(_result, function, args)
        return future.result() if future else anyio.run(_result, function, args, backend=self._backend)

    def end(self) -> None:
        """End, when all that was called has."""
        with self._lock:
            self._portal = None
        self._thread.close()


class BlockingClient:
    """`AsyncAgentClient` in an event loop of its own, whose coroutines any thread may wait for.

    Args:
        args: The arguments of the client.
        options: Its keyword arguments.
    """

    backend = "asyncio"

    def __init__(self, *args: Any, **options: Any) -> None:
        self._loop = Loop(self.backend)
        self._is_copy = False
        try:
            self.inner: AsyncAgentClient = self.run(partial(AsyncAgentClient, *args, **options))
        except BaseException:
            self._loop.end()
            raise

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call something in the client's event loop."""
        return self._loop.call(function, *args)

    def close(self) -> None:
        self.run(self.inner.close)
        if not self._is_copy:
            self._loop.end()

    def with_options(self, **options: Any) -> Self:
        return self._copy(self.inner.with_options(**options))

    def __copy__(self) -> Self:
        return self._copy(copy.copy(self.inner))

    def _copy(self, inner: AsyncAgentClient) -> Self:
        other = object.__new__(type(self))
        vars(other).update({**vars(self), "inner": inner, "_is_copy": True})
        return other

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self.inner)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        return self._blocking(value) if callable(value) and not name.startswith("_") else value

    def _blocking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            if isinstance(result, AsyncIterator):
                return self._rows(result)
            return self.run(lambda: result)

        return call

    def _rows(self, rows: AsyncIterator[Any]) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(rows, _END)

        try:
            while (row := self.run(step)) is not _END:
                yield row
        except GeneratorExit:
            self.run(cast("Any", rows).aclose)
            raise


class BlockingTrioClient(BlockingClient):
    """The same under trio."""

    backend = "trio"


_END = object()


async def _result(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    result = function(*args)
    return await result if isinstance(result, Awaitable) else result


#: What stands for `AgentClient` in the tests of each kind.
KINDS: dict[str, Any] = {"sync": AgentClient, "asyncio": BlockingClient, "trio": BlockingTrioClient}


def generated(operation: ModuleType, client: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what an operation of the generated client returns on the connections of a client of any kind."""
    if isinstance(client, AgentClient):
        return operation.sync(*args, client=client.api, **kwargs)
    return client.run(partial(operation.asyncio, *args, client=client.api, **kwargs))


def http_client(client: Any) -> Any:
    """Return the `httpx` client that the generated client of a client of any kind sends by."""
    return client.api.get_httpx_client() if isinstance(client, AgentClient) else client.api.get_async_httpx_client()


def get(client: Any, url: str) -> Any:
    """Return what that `httpx` client gets."""
    http = http_client(client)
    return http.get(url) if isinstance(client, AgentClient) else client.run(http.get, url)


def pool(client: Any) -> Any:
    """Return the pool of connections of a client of any kind."""
    connections = client._connections
    return connections._pool if isinstance(client, AgentClient) else client.run(connections._pool)
