"""What the SDK logs: silent by default, one line a call, one a retry, and never a body or a secret."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from synapse_sdk.clients._call import Answer
from synapse_sdk.exceptions import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse_sdk.clients._call import Again, Call, Outcome

logger = logging.getLogger("synapse_sdk")
logger.addHandler(logging.NullHandler())

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}


def configure(environment: Mapping[str, str]) -> None:
    """Switch logging to standard error on, where `SYNAPSE_LOG` is `debug` or `info`."""
    level = _LEVELS.get(environment.get("SYNAPSE_LOG", "").lower())
    if level is None:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
    # A program that logs too would have each line twice.
    handler.addFilter(lambda _: not logging.getLogger().handlers)


class CallLog:
    """Writes one line a call, and one a retry.

    Attributes:
        outcome: What came of the last attempt.
    """

    def __init__(self, call: Call) -> None:
        self.outcome: Outcome | None = None
        self._began = call.deadline - call.seconds

    def again(self, step: Again, call: Call) -> None:
        """Log that a request goes out once more."""
        if step.why is None:
            logger.debug(
                "%s %s: redirected to %s", call.request.method, call.request.path, step.call.url.raw_path.decode()
            )
        else:
            logger.warning(
                "%s %s: attempt %d of %d failed, %s; trying again in %.2f s",
                call.request.method,
                call.request.path,
                call.attempts,
                call.retries + 1,
                step.why,
                step.wait,
            )

    def end(self, call: Call, now: float) -> None:
        """Log how a call ended."""
        if not logger.isEnabledFor(logging.INFO):
            return
        answer = self.outcome if isinstance(self.outcome, Answer) else None
        logger.info(
            "%s %s: %s in %.3f s, attempts %d, request id %s",
            call.request.method,
            call.request.path,
            outcome_of(answer),
            now - self._began,
            call.attempts,
            printable(answer.headers.get("x-request-id", "none")) if answer else "none",
        )


def outcome_of(answer: Answer | None) -> str:
    """Return what came back, in a few words."""
    if answer is None:
        return "no answer"
    return str(answer.status) if answer.broken is None else f"{answer.status}, broken off,"
