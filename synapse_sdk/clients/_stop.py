"""Ends what waits in other threads."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Stop:
    """An event that ends what waits under it, whichever thread it waits in: set once, it interrupts that for good."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._interruptions: set[Callable[[], object]] = set()

    def is_set(self) -> bool:
        """Return whether everything is to end."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for everything to end, but not longer than this."""
        self._event.wait(seconds)

    def set(self) -> None:
        """End everything."""
        # While the lock is held nothing goes on to what comes after it, so nobody else's wait is interrupted.
        with self._lock:
            self._event.set()
            for interrupt in self._interruptions:
                interrupt()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """Have a function called should everything end while the block runs, or when it has ended before."""
        with self._lock:
            self._interruptions.add(interrupt)
            if self._event.is_set():
                interrupt()
        try:
            yield
        finally:
            with self._lock:
                self._interruptions.discard(interrupt)


def stoppable(stop: Stop | None, interrupt: Callable[[], object]) -> AbstractContextManager[None]:
    """Return the context of a wait that a function interrupts, where it can be stopped at all."""
    return nullcontext() if stop is None else stop.interrupting(interrupt)
