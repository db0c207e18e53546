"""Fetches pages before their turn, in threads or in tasks, none of which outlives the block that it is for."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anyio

from synapse_sdk.clients import _pages
from synapse_sdk.clients._stop import Stop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping
    from concurrent.futures import Future, ThreadPoolExecutor

Query: TypeAlias = "Mapping[str, Any]"


class Threads:
    """Fetches pages in threads.

    Args:
        fetch: Returns a page, or raises when the stop that it is given is set.
        most: How many threads there may be.
        closed: What ends everything.
    """

    def __init__(self, fetch: Callable[[Query, Stop], Any], most: int, closed: Stop) -> None:
        self._fetch = fetch
        self._most = most
        self._stop = Stop()
        self._ending = closed.interrupting(self._stop.set)
        self._process = os.getpid()
        self._executor: ThreadPoolExecutor | None = None
        self._futures: dict[str, Future[Any]] = {}

    def __enter__(self) -> Self:
        self._ending.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.__exit__(None, None, None)
        if self._executor is not None and self._is_here():
            self._stop.set()
            self._executor.shutdown(cancel_futures=True)

    def start(self, query: Query) -> None:
        """Begin to fetch a page, unless that has begun, or there can be no more threads."""
        key = _pages.key(query)
        if key in self._futures or not self._is_here():
            return
        # At the end of a program there are none; the page is fetched when its turn has come.
        with suppress(RuntimeError):
            if self._executor is None:
                from concurrent.futures import ThreadPoolExecutor

                self._executor = ThreadPoolExecutor(self._most, "synapse-sdk-pages")
            self._futures[key] = self._executor.submit(copy_context().run, self._fetch, query, self._stop)

    def page(self, query: Query) -> Any:
        """Return a page, or raise why it, or another that has begun, does not come."""
        future = self._futures.get(_pages.key(query))
        if future is None or not self._is_here():
            return self._fetch(query, self._stop)
        from concurrent.futures import FIRST_COMPLETED, wait

        while True:
            done = [one for one in self._futures.values() if one.done()]
            if failure := _pages.decisive(one.exception() for one in done):
                raise failure
            if future in done:
                return self._futures.pop(_pages.key(query)).result()
            wait([one for one in self._futures.values() if one not in done], return_when=FIRST_COMPLETED)

    def _is_here(self) -> bool:
        """Return whether the threads are in this process, and not in one that it was forked from."""
        return os.getpid() == self._process


class Tasks:
    """Fetches pages in tasks.

    Args:
        fetch: Returns a page.
    """

    def __init__(self, fetch: Callable[[Query], Awaitable[Any]]) -> None:
        self._fetch = fetch
        self._tasks: dict[str, _Task] = {}
        self._changed = anyio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks.values():
            task.scope.cancel()
        with anyio.CancelScope(shield=True):
            while not all(task.is_done for task in self._tasks.values()):
                await self._changed.wait()

    def start(self, query: Query) -> None:
        """Begin to fetch a page, unless that has begun."""
        key = _pages.key(query)
        if key not in self._tasks:
            self._tasks[key] = _Task(self._fetch, query, self._change)

    async def page(self, query: Query) -> Any:
        """Return a page, or raise why it, or another that has begun, does not come."""
        task = self._tasks.get(_pages.key(query))
        if task is None:
            return await self._fetch(query)
        while True:
            if failure := _pages.decisive(one.error for one in self._tasks.values()):
                raise failure
            if task.is_done:
                return self._tasks.pop(_pages.key(query)).result()
            await self._changed.wait()

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


class _Task:
    """A page that is fetched beside whoever asked for it, who need not be there to wait for it.

    Attributes:
        scope: What ends it.
        is_done: Whether it has ended.
        error: Why no page came.
    """

    def __init__(self, fetch: Callable[[Query], Awaitable[Any]], query: Query, on_end: Callable[[], None]) -> None:
        self.scope = anyio.CancelScope()
        self.is_done = False
        self.error: Exception | None = None
        self._page: Any = None
        self._fetch = fetch
        self._query = query
        self._on_end = on_end
        # asyncio keeps no task alive that nobody else does.
        self._running = _start(self._run, self._end)

    def result(self) -> Any:
        """Return the page, or raise why none came."""
        if self.error is not None:
            raise self.error
        return self._page

    async def _run(self) -> None:
        try:
            with self.scope:
                self._page = await self._fetch(self._query)
        except Exception as error:  # noqa: BLE001 - it is raised where the page is asked for
            self.error = error

    def _end(self) -> None:
        self.is_done = True
        if self._page is None and self.error is None:
            self.error = RuntimeError("the task that was to fetch a page was cancelled")
        self._on_end()


def _start(run: Callable[[], Coroutine[Any, Any, None]], on_end: Callable[[], None]) -> object:
    """Start a task that no block waits for: an iterator that a caller may leave cannot hold a task group open."""
    trio: Any = sys.modules.get("trio")
    if trio is not None and _is_running(trio):

        async def whole() -> None:
            try:
                await run()
            finally:
                on_end()

        return trio.lowlevel.spawn_system_task(whole, context=copy_context())
    import asyncio

    task = asyncio.get_running_loop().create_task(run())
    # Not at the end of the coroutine, which never begins where its task is cancelled before.
    task.add_done_callback(lambda _: on_end())
    return task


def _is_running(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
