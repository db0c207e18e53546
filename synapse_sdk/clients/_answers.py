"""What an answer means, and what its absence does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from synapse_sdk import exceptions
from synapse_sdk.clients._request import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse_sdk.clients._request import Request

_ERRORS_BY_STATUS: dict[int, type[exceptions.HTTPError]] = {
    400: exceptions.ValidationError,
    401: exceptions.AuthenticationError,
    403: exceptions.AuthorizationError,
    404: exceptions.NotFoundError,
    422: exceptions.ValidationError,
    429: exceptions.RateLimitError,
}

# Statuses below 500 mean that the agent refused; with these two it says, too, that it did nothing.
_NOTHING_DONE = frozenset({501, 503})

_TYPES: dict[Shape, type] = {Shape.OBJECT: dict, Shape.ARRAY: list}

# What a body decodes to that is not JSON.
_NOT_JSON = object()

# What of a body that is not JSON is kept as an error's detail.
_MAX_TEXT = 10_000


def read_answer(request: Request[Any], url: str, status_code: int, headers: Mapping[str, str], content: bytes) -> Any:
    """Return what a request asked for from its answer, just as the agent sent it.

    Args:
        request: What was asked.
        url: Where it was asked.
        status_code: The answer's HTTP status.
        headers: The answer's headers.
        content: The answer's body, decompressed.

    Raises:
        HTTPError: If the status is not one of success.
        ResponseDecodeError: If the body is not the JSON, or not of the shape, that was asked for.
    """
    if not 200 <= status_code < 300:
        kind = _ERRORS_BY_STATUS.get(status_code) or (
            exceptions.ServerError if 500 <= status_code < 600 else exceptions.HTTPError
        )
        raise kind(
            status_code,
            _detail(content),
            operation=request.operation,
            method=request.method,
            url=url,
            headers=headers,
            may_have_taken_effect=not request.safe and status_code >= 500 and status_code not in _NOTHING_DONE,
        )
    if request.shape is Shape.NOTHING:
        return None
    value = _decode(content)
    if not isinstance(value, _TYPES[request.shape]):
        raise exceptions.ResponseDecodeError(
            status_code,
            f"{request.shape.value} was due, and {_describe_body(value, content, headers)} came",
            operation=request.operation,
            method=request.method,
            url=url,
            headers=headers,
            may_have_taken_effect=not request.safe,
        )
    return value


def failure_of(request: Request[Any], url: str, error: httpx.HTTPError) -> exceptions.ClientError:
    """Return the error that tells a caller why there is no answer.

    Args:
        request: What was asked.
        url: Where it was asked.
        error: What httpx raised.
    """
    never_sent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)
    kind: type[exceptions.ClientError] = exceptions.ClientConnectionError
    if isinstance(error, httpx.TimeoutException):
        kind = exceptions.ClientTimeoutError
    elif isinstance(error, httpx.DecodingError):
        kind = exceptions.ResponseDecodeError
    elif not never_sent and not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        kind = exceptions.ClientResponseIncompleteError
    return kind(
        None,
        str(error) or type(error).__name__,
        operation=request.operation,
        method=request.method,
        url=url,
        may_have_taken_effect=not never_sent and not request.safe,
    )


def _decode(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _detail(content: bytes) -> Any:
    value = _decode(content)
    if value is _NOT_JSON:
        return content[:_MAX_TEXT].decode(errors="replace") or None
    return value["detail"] if isinstance(value, dict) and "detail" in value else value


def _describe_body(value: Any, content: bytes, headers: Mapping[str, str]) -> str:
    if not content:
        return "an empty body"
    if value is not _NOT_JSON:
        return f"JSON of another kind, {exceptions.describe_detail(repr(value)[:200])}"
    what = headers.get("content-type") or "a body of no declared type"
    return f"{what}, {exceptions.describe_detail(content[:_MAX_TEXT].decode(errors='replace'))!r}"
