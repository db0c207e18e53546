"""What an answer means, and what its absence does."""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Any

import httpx

from synapse_sdk import exceptions
from synapse_sdk.clients._json import decode_json
from synapse_sdk.clients._request import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse_sdk.clients._request import Request

_ERRORS_BY_STATUS: dict[int, type[exceptions.HTTPError]] = {
    400: exceptions.ValidationError,
    401: exceptions.AuthenticationError,
    403: exceptions.AuthorizationError,
    404: exceptions.NotFoundError,
    409: exceptions.ConflictError,
    422: exceptions.ValidationError,
    429: exceptions.RateLimitError,
}

_TYPES: dict[Shape, type] = {Shape.OBJECT: dict, Shape.ARRAY: list, Shape.TEXT: str}

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)

# What a gateway signs in by, and no program's output.
_PAGES = frozenset({"text/html", "application/xhtml+xml"})

_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)

_CERTIFICATE_REQUIRED = "TLSV13_ALERT_CERTIFICATE_REQUIRED"

# What encryption ends with that no second attempt mends, and what does.
_TLS_HINTS = {
    "CERTIFICATE_VERIFY_FAILED": "verify names the certificates to trust",
    "WRONG_VERSION_NUMBER": "the agent may speak http, not https",
    _CERTIFICATE_REQUIRED: "cert gives the client's own certificate",
}

# What a body decodes to that is not JSON.
_NOT_JSON = object()

# What of a body that is not JSON is kept as an error's detail.
_MAX_TEXT = 10_000
_MOST_LEVELS = 50


def read(
    request: Request[Any], status: int, headers: Mapping[str, str], content: bytes, context: Mapping[str, Any]
) -> Any:
    """Return what a request asked for from an answer of success, just as the agent sent it.

    Args:
        request: What was asked.
        status: The answer's HTTP status.
        headers: The answer's headers, with names in lower case.
        content: The answer's body, decompressed.
        context: The attributes of an error, if there is one.

    Raises:
        ResponseDecodeError: If the body is not of the shape that was asked for.
    """
    if request.shape is Shape.NOTHING:
        return None
    value = _text(content, headers) if request.shape is Shape.TEXT else _decode(content)
    if not isinstance(value, _TYPES[request.shape]):
        detail = f"{request.shape.value} was due, and {_describe_body(value, content, headers)} came"
        raise exceptions.ResponseDecodeError(status, detail, **context)
    return value


def failure(status: int, content: bytes, context: Mapping[str, Any]) -> exceptions.HTTPError:
    """Return the error that an answer with an error status is.

    Args:
        status: The answer's HTTP status.
        content: The answer's body, as far as it came.
        context: The error's attributes.
    """
    kind = _ERRORS_BY_STATUS.get(status) or (exceptions.ServerError if 500 <= status < 600 else exceptions.HTTPError)
    return kind(status, _detail(content), **context)


def kind_of(error: Exception, *, sent: bool) -> type[exceptions.ClientError]:
    """Return the class of error that tells a caller why there is no answer.

    Args:
        error: What was raised.
        sent: Whether the agent may have read the request.
    """
    if isinstance(error, httpx.TimeoutException):
        return exceptions.ClientTimeoutError
    return broken_off(sent=sent)


def broken_off(*, sent: bool) -> type[exceptions.ClientConnectionError]:
    """Return the class of error of a request that has no answer, by whether the agent may have read it."""
    return exceptions.ClientResponseIncompleteError if sent else exceptions.ClientConnectionError


def may_have_been_sent(error: Exception) -> bool:
    """Return whether the agent may have read the request, as far as the error alone tells."""
    return not isinstance(error, _NEVER_SENT) and not wants_certificate(error)


def describe(error: Exception) -> str:
    """Return why there is no answer, as a text."""
    hint = _TLS_HINTS.get(_tls_reason(error) or "")
    text = str(error) or type(error).__name__
    return f"{text} ({hint})" if hint else text


def is_final(error: Exception) -> bool:
    """Return whether another attempt would end in the same way."""
    return _tls_reason(error) in _TLS_HINTS


def wants_certificate(error: Exception) -> bool:
    """Return whether the agent refused a client without a certificate, which it may say after the handshake."""
    return _tls_reason(error) == _CERTIFICATE_REQUIRED


def _tls_reason(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error.reason
        error = error.__cause__ or error.__context__
    return None


def _decode(content: bytes) -> Any:
    try:
        return decode_json(content)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _text(content: bytes, headers: Mapping[str, str]) -> Any:
    """Return the text of a body, whatever it is encoded in, or what came in its place."""
    if not content:
        return ""
    declared = headers.get("content-type", "")
    kind = declared.partition(";")[0].strip().lower()
    if kind in _PAGES:
        return _NOT_JSON
    if kind == "application/json" and (value := _decode(content)) is not _NOT_JSON:
        return value
    charset = _CHARSET.search(declared)
    try:
        return content.decode(charset[1] if charset else "utf-8", errors="replace")
    except (LookupError, ValueError):  # no encoding of text that Python knows
        return content.decode(errors="replace")


def _detail(content: bytes) -> Any:
    value = _decode(content)
    if value is _NOT_JSON or not _is_flat(value):
        return content[:_MAX_TEXT].decode(errors="replace") or None
    return value["detail"] if isinstance(value, dict) and "detail" in value else value


def _is_flat(value: Any, levels: int = _MOST_LEVELS) -> bool:
    """Return whether a value is not nested so deeply that it could be neither shown nor pickled."""
    if not isinstance(value, dict | list):
        return True
    parts = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_flat(part, levels - 1) for part in parts)


def _describe_body(value: Any, content: bytes, headers: Mapping[str, str]) -> str:
    if not content:
        return "an empty body"
    if value is not _NOT_JSON:
        return f"JSON of another kind, {exceptions.describe_detail(content[:200].decode(errors='replace'))}"
    what = headers.get("content-type") or "a body of no declared type"
    return f"{what}, {exceptions.describe_detail(content[:_MAX_TEXT].decode(errors='replace'))!r}"
