"""What goes wrong between a program and an agent.

::

    Exception
    └── ClientError                            anything below
        ├── ClientConnectionError              never reached the agent, or broke off
        │   └── ClientResponseIncompleteError  sent, and the answer was lost
        ├── ClientTimeoutError                 took longer than was allowed
        ├── HTTPError                          answered with an error status
        │   ├── AuthenticationError            401
        │   ├── AuthorizationError             403
        │   ├── NotFoundError                  404
        │   ├── ConflictError                  409
        │   ├── ValidationError                400, 422
        │   ├── RateLimitError                 429
        │   ├── GpuUnavailableError            never raised here
        │   └── ServerError                    500 to 599
        ├── RedirectError                      pointed elsewhere, and not followed
        ├── ResponseDecodeError                answered, but not with what was asked for
        ├── ContainerEndedError                waited for, and ended otherwise
        └── StreamError                        never raised here
            ├── StreamLimitExceededError       never raised here
            └── WebSocketError                 never raised here

What is never raised here are names of the platform's other calls, so that programs that catch them run.

Arguments that cannot be right raise `ValueError` or `TypeError` before anything is sent.

A request is tried again, twice unless told otherwise, where that does no harm: any request that never reached the
agent, or that was answered 429 or 503; GET and DELETE also after 502, 504 or a lost answer. A POST or PATCH that may
have taken effect is never sent again.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synapse_agent_types import DockerContainer

__all__ = [
    "AuthenticationError",
    "AuthorizationError",
    "ClientConnectionError",
    "ClientError",
    "ClientResponseIncompleteError",
    "ClientTimeoutError",
    "ConflictError",
    "ContainerEndedError",
    "GpuUnavailableError",
    "HTTPError",
    "NotFoundError",
    "RateLimitError",
    "RedirectError",
    "ResponseDecodeError",
    "ServerError",
    "StreamError",
    "StreamLimitExceededError",
    "ValidationError",
    "WebSocketError",
]

_MAX_DETAIL = 2_000
_MAX_FIELD_ERRORS = 20


class ClientError(Exception):
    """A call to an agent that did not succeed.

    Its text says what was asked, of whom, what came back, and whether the request may have taken effect. It can be
    pickled and copied.

    Attributes:
        status_code: The answer's HTTP status, or None when there was no answer.
        detail: The agent's own words: the `detail` of its JSON answer, else the whole JSON, else the text. Without
            an answer, what went wrong.
        operation: The contract's operation that was asked for, such as `get_docker_container`.
        method: The HTTP method.
        url: Where it was asked, without credentials.
        headers: The answer's headers, with names in lower case. Empty when there was no answer.
        request_id: The answer's `X-Request-ID`, or None.
        retry_after: After how many seconds the answer asked to try again, or None.
        attempts: How many times it was tried, all in all.
        rows: How many rows had come before, where the call was to fetch all pages of a list; else None.
        may_have_taken_effect: Whether the agent may have done what was asked, although the call failed. Always
            False for a request that changes nothing.
    """

    def __init__(
        self,
        status_code: int | None = None,
        detail: Any = None,
        *,
        operation: str | None = None,
        method: str | None = None,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
        may_have_taken_effect: bool = False,
    ) -> None:
        # What args hold is what pickle and copy make the error from; the rest travels in __dict__.
        super().__init__(status_code, detail)
        self.status_code = status_code
        self.detail = detail
        self.operation = operation
        self.method = method
        self.url = url
        self.headers: dict[str, str] = {name.lower(): value for name, value in (headers or {}).items()}
        self.request_id = self.headers.get("x-request-id")
        self.retry_after = retry_after
        self.attempts = attempts
        self.rows: int | None = None
        self.may_have_taken_effect = may_have_taken_effect

    def __str__(self) -> str:
        detail = describe_detail(self.detail)
        text = f"{self._request()} {self._outcome()}" + (f": {detail}" if detail else ".")
        if advice := " ".join(self._advice()):
            between = "\n" if "\n" in text else " " if text[-1] in ".!?" else ". "
            text = f"{text}{between}{advice}"
        return text.encode(errors="backslashreplace").decode()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(status_code={self.status_code}, detail={_shorten(repr(self.detail))})"

    def _request(self) -> str:
        if self.method is None or self.url is None:
            return self.operation or "The request"
        request = f"{self.method} {_shorten(self.url, 500)}"
        return f"{self.operation} ({request})" if self.operation else request

    def _outcome(self) -> str:
        return "failed"

    def _advice(self) -> Iterator[str]:
        if self.may_have_taken_effect:
            yield "The request may have taken effect."
        if self.retry_after is not None:
            yield f"The answer asks to try again after {self.retry_after:g} s."
        if self.attempts > 1:
            yield f"It was tried {self.attempts} times."
        if self.rows is not None:
            yield f"{self.rows} rows had come before."
        if self.request_id:
            yield f"Request id: {printable(self.request_id)}."


class ClientConnectionError(ClientError):
    """The agent was not reached, or the connection to it broke off."""

    def _outcome(self) -> str:
        return "did not reach the agent"


class ClientResponseIncompleteError(ClientConnectionError):
    """The request was sent, and the answer was lost. The request may have taken effect."""

    def _outcome(self) -> str:
        return "was sent, but its answer was lost"


class ClientTimeoutError(ClientError):
    """The agent, or the way to it, took longer than was allowed."""

    def _outcome(self) -> str:
        return "timed out"


class HTTPError(ClientError):
    """The agent, or a gateway before it, answered with an error status."""

    def _outcome(self) -> str:
        return f"was answered {_status_text(self.status_code)}"


class AuthenticationError(HTTPError):
    """401: the token is missing or wrong."""


class AuthorizationError(HTTPError):
    """403: the token does not allow this."""


class NotFoundError(HTTPError):
    """404: there is no such container, record, page or plugin release."""


class ConflictError(HTTPError):
    """409: what is there does not allow this now."""


class ValidationError(HTTPError):
    """400 or 422: the agent refused the request as malformed, or could not start the release from it."""


class RateLimitError(HTTPError):
    """429: too many requests. Nothing was done."""


class GpuUnavailableError(HTTPError):
    """Never raised here: a name of the platform's other calls."""


class ServerError(HTTPError):
    """500 to 599: the agent, or a gateway before it, failed."""


class RedirectError(ClientError):
    """The answer points elsewhere, and is not one to follow; the text says where it points."""

    def _outcome(self) -> str:
        return f"was answered {_status_text(self.status_code)}"


class ResponseDecodeError(ClientError):
    """The agent's answer is not what was asked for: no JSON, of another shape, or a page where text was due."""

    def _outcome(self) -> str:
        return f"was answered {_status_text(self.status_code)}, but not with what was asked for"


class ContainerEndedError(ClientError):
    """The container that was waited for has ended, and not as was wanted.

    Attributes:
        container: The container as it was found.
    """

    def __init__(
        self,
        status_code: int | None = None,
        detail: Any = None,
        *,
        container: DockerContainer | None = None,
        **context: Any,
    ) -> None:
        super().__init__(status_code, detail, **context)
        self.container = container or cast("DockerContainer", {})

    def _outcome(self) -> str:
        return "waited in vain"


class StreamError(ClientError):
    """Never raised here: a name of the platform's other calls."""


class StreamLimitExceededError(StreamError):
    """Never raised here: a name of the platform's other calls."""


class WebSocketError(StreamError):
    """Never raised here: a name of the platform's other calls."""


def printable(text: str) -> str:
    """Return what a header says, short and without what would move a terminal's cursor or begin a line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:100])


def describe_detail(detail: Any) -> str:
    """Return an error's detail as text for people, of bounded length whatever an agent or a gateway sent.

    FastAPI's field errors become one line each, an HTML page its title.
    """
    if detail is None or detail == "":
        return ""
    if isinstance(detail, list):
        return _describe_list(detail)
    if not isinstance(detail, str):
        return _shorten(repr(detail))
    title = re.search(r"<title[^>]*>(.*?)</title>", detail[:_MAX_DETAIL], re.IGNORECASE | re.DOTALL)
    if title:
        return _shorten(f"an HTML page titled {' '.join(title[1].split())!r}")
    return _tidy(_shorten(detail.strip()))


def _tidy(text: str) -> str:
    """Return an agent's text without what moves a terminal's cursor, and with every line but the first indented."""
    lines = ("".join(c if c.isprintable() or c == "\t" else "?" for c in line) for line in text.split("\n"))
    return "\n  ".join(lines)


def _describe_list(errors: list[Any]) -> str:
    lines = [f"\n  {_tidy(_shorten(_describe_field(error), 300))}" for error in errors[:_MAX_FIELD_ERRORS]]
    if len(errors) > _MAX_FIELD_ERRORS:
        lines.append(f"\n  and {len(errors) - _MAX_FIELD_ERRORS} more")
    return "".join(lines)


def _describe_field(error: Any) -> str:
    # An error's `input` is left out: it may be an environment variable's secret.
    if not isinstance(error, dict) or "msg" not in error:
        return error if isinstance(error, str) else repr(error)
    loc = error.get("loc")
    where = ".".join(str(part) for part in loc) if isinstance(loc, list | tuple) else str(loc or "")
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def _shorten(text: str, length: int = _MAX_DETAIL) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text):,} characters)"


def _status_text(status_code: int | None) -> str:
    try:
        return f"{status_code} {HTTPStatus(status_code or 0).phrase}"
    except ValueError:
        return str(status_code)
