"""Whether what the agent needs does its work, found out in bounded time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from synapse_sdk.local_agent.errors import AgentError

_PATIENCE = 5.0


class Probe:
    """Asks one thing how it is.

    A check may wait long, for a lock or for a server that is gone. Whoever asks meanwhile waits for that same check.

    Args:
        name: What the thing is called.
        check: Returns if it does its work, and raises an error of the agent or of SQLAlchemy if it does not.
    """

    def __init__(self, name: str, check: Callable[[], None]) -> None:
        self._name = name
        self._check = check
        self._lock = threading.Lock()
        self._checking: Future[None] | None = None

    def ask(self) -> Callable[[], dict[str, Any]]:
        """Begin to find out, and return what waits for it and returns the contract's `ComponentHealth`."""
        with self._lock:
            checking = self._checking
            if checking is None or checking.done():
                self._checking = checking = Future()
                threading.Thread(target=self._run, args=(checking,), name=f"health-{self._name}", daemon=True).start()
        return lambda: self._answer(checking)

    def _run(self, checking: Future[None]) -> None:
        try:
            self._check()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            checking.set_exception(error)
        else:
            checking.set_result(None)

    def _answer(self, checking: Future[None]) -> dict[str, Any]:
        try:
            checking.result(_PATIENCE)
        except TimeoutError:
            return self._unavailable(f"It did not answer within {_PATIENCE:g} s.")
        except (AgentError, SQLAlchemyError) as error:
            return self._unavailable(str(getattr(error, "orig", error)))
        return {"name": self._name, "status": "ok", "detail": None}

    def _unavailable(self, detail: str) -> dict[str, Any]:
        return {"name": self._name, "status": "unavailable", "detail": " ".join(detail.split())}
