"""The kinds of clients, each behind the methods of `AgentClient`, so that one test proves a promise of all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal

from synapse_sdk import AgentClient, AsyncAgentClient

if TYPE_CHECKING:
    from types import TracebackType


class BlockingClient:
    """`AsyncAgentClient` in an event loop of its own, whose coroutines any thread may wait for.

    Args:
        args: The arguments of the client.
        options: Its keyword arguments.
    """

    backend = "asyncio"

    def __init__(self, *args: Any, **options: Any) -> None:
        async def make() -> AsyncAgentClient:
            return AsyncAgentClient(*args, **options)

        self._loop = ExitStack()
        self._portal: BlockingPortal = self._loop.enter_context(start_blocking_portal(self.backend))
        try:
            self.inner: AsyncAgentClient = self._portal.call(make)
        except BaseException:
            self._loop.close()
            raise

    def close(self) -> None:
        self._portal.call(self.inner.close)
        self._loop.close()

    def with_options(self, **options: Any) -> Self:
        copy = object.__new__(type(self))
        copy._loop = ExitStack()
        copy._portal = self._portal
        copy.inner = self.inner.with_options(**options)
        return copy

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
            return self._portal.call(_waited_for, result)

        return call

    def _rows(self, rows: AsyncIterator[Any]) -> Iterator[Any]:
        async def step() -> Any:
            return await anext(rows, _END)

        async def leave() -> None:
            await cast("Any", rows).aclose()

        try:
            while (row := self._portal.call(step)) is not _END:
                yield row
        finally:
            self._portal.call(leave)


class BlockingTrioClient(BlockingClient):
    """The same under trio."""

    backend = "trio"


_END = object()


async def _waited_for(result: Awaitable[Any]) -> Any:
    return await result


#: What stands for `AgentClient` in the tests of each kind.
KINDS: dict[str, Any] = {"sync": AgentClient, "asyncio": BlockingClient, "trio": BlockingTrioClient}
