"""What can be wrong with a request, whatever part of the agent finds it.

AgentError
├── UnauthorizedError
├── NotFoundError
├── MethodNotAllowedError
├── ConflictError
├── TooLargeError
├── InvalidError
└── UnavailableError
"""

from collections.abc import Mapping, Sequence
from typing import Any

FieldError = Mapping[str, Any]


class AgentError(Exception):
    """A request that is answered with an error.

    Args:
        detail: What is wrong: a text, or a list of field errors (see `field_error`).
        headers: Headers of the answer.
    """

    status: int

    def __init__(self, detail: str | Sequence[FieldError], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})


class UnauthorizedError(AgentError):
    """The token is missing or wrong."""

    status = 401


class NotFoundError(AgentError):
    """What the request names is not there."""

    status = 404


class MethodNotAllowedError(AgentError):
    """The path is there, but not for this method."""

    status = 405


class ConflictError(AgentError):
    """What is there does not allow this now."""

    status = 409


class TooLargeError(AgentError):
    """The body is longer than the agent reads."""

    status = 413


class InvalidError(AgentError):
    """The request is malformed, or a release cannot be started from it."""

    status = 422


class UnavailableError(AgentError):
    """The agent cannot serve the request now, through no fault of the request."""

    status = 503


_LONGEST_MESSAGE = 500
_LONGEST_INPUT = 1000


def field_error(kind: str, loc: Sequence[str | int], msg: str, value: object = None) -> FieldError:
    """Return what is wrong with one field, as the contract's `FieldError`.

    Args:
        kind: The kind of error, for programs.
        loc: Where it is, from the part of the request inwards.
        msg: What is wrong, for people.
        value: What was sent there; left out of the answer where it is long.
    """
    if len(msg) > _LONGEST_MESSAGE:
        msg = msg[:_LONGEST_MESSAGE] + "…"
    short = value if len(repr(value)) <= _LONGEST_INPUT else None
    return {"type": kind, "loc": list(loc), "msg": msg, "input": short}
