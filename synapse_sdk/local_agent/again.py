"""Work that is done in the background, again and again until it is done."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from synapse_sdk.local_agent.errors import UnavailableError

_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0

_logger = logging.getLogger("synapse_sdk.local_agent")


class Again:
    """Does some work whenever it is asked to, in a thread of its own that is there only while there is work.

    Args:
        work: The work. It is tried again when it fails, or asks for itself.
        name: The name of the thread.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        self._work = work
        self._name = name
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_wanted = False

    def ask(self) -> None:
        """Have the work done soon, unless this is closed."""
        with self._lock:
            self._is_wanted = True
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Have it done no more, and wait a while for what is being done."""
        with self._lock:
            self._closing.set()
            thread = self._thread
        if thread:
            thread.join(_LONGEST_PAUSE)

    def _run(self) -> None:
        pause = _SHORTEST_PAUSE
        while self._is_next():
            try:
                self._work()
            except Exception as error:
                # Whoever met them first has logged the failures of the engine and the database.
                is_known = isinstance(error, UnavailableError | SQLAlchemyError)
                _logger.log(logging.INFO if is_known else logging.ERROR, "%s failed", self._name, exc_info=True)
                self.ask()
            self._closing.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _is_next(self) -> bool:
        with self._lock:
            if self._closing.is_set() or not self._is_wanted:
                self._thread = None
                return False
            self._is_wanted = False
            return True
