"""Whether a request is sent again, and after how long. No I/O, no clock, no chance: what varies is an argument."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from attrs import frozen

#: Methods whose second time does no harm: what they ask for is a state, not a step.
IDEMPOTENT = frozenset({"GET", "DELETE"})

#: The agent says that it did nothing.
REFUSED = frozenset({429, 503})

#: A gateway lost the agent's answer.
LOST = frozenset({502, 504})

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 8.0

#: The longest `Retry-After` that is waited for, in seconds.
LONGEST_RETRY_AFTER = 60.0


@frozen
class Attempt:
    """How one attempt ended, as far as trying again goes.

    Attributes:
        method: The HTTP method.
        sent: Whether the agent may have read the request.
        status: The answer's status, or None when there was no answer.
    """

    method: str
    sent: bool = True
    status: int | None = None

    @property
    def may_have_taken_effect(self) -> bool:
        """Whether the agent may have done something that lasts, although it did not say so."""
        if self.method == "GET" or not self.sent:
            return False
        if self.status is None:
            return True
        # Statuses from 400 to 499 are refusals; 501 and 503 say that nothing was done.
        return self.status < 400 or (self.status >= 500 and self.status not in {501, 503})


def is_repeatable(attempt: Attempt) -> bool:
    """Return whether a request may be sent again after an attempt that failed."""
    if not attempt.sent or attempt.status in REFUSED:
        return True
    return attempt.method in IDEMPOTENT and (attempt.status is None or attempt.status in LOST)


def backoff(retry: int, chance: float) -> float:
    """Return how long to wait before a retry, in seconds: a random part of a time that doubles.

    Args:
        retry: How many retries there were before this one.
        chance: A random number from 0 up to 1.
    """
    return chance * float(min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(retry, 10)))


def parse_retry_after(value: str | None, wall_time: float) -> float | None:
    """Return after how many seconds a `Retry-After` header asks to try again, or None where it says nothing.

    Args:
        value: The header's value, seconds or a date.
        wall_time: The time now, in seconds since 1970.
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,15}(\.[0-9]{1,15})?\s*", value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
        # A date without a zone means the same as one in GMT, not the time here.
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall_time)
    except (ValueError, OverflowError):
        return None
