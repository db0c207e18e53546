"""What goes over the wire, in httpx's types and in httpcore's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import httpcore
import httpx

from synapse_sdk.clients._call import Answer
from synapse_sdk.clients._json import encode_json
from synapse_sdk.clients._traffic import Until, pieces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from typing import Self

    from synapse_sdk.clients._call import Call
    from synapse_sdk.clients._settings import Settings
    from synapse_sdk.clients._stop import Stop

#: What httpcore raises.
HTTPCORE_ERRORS = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)


def wire_request(call: Call, settings: Settings, now: float, stop: Stop | None = None) -> httpx.Request:
    """Return what goes over the wire for an attempt, without the credentials."""
    waits = timeouts(settings, call.deadline, now, lasts=call.request.lasts, stop=stop)
    body = call.request.body
    return httpx.Request(
        call.request.method,
        call.url,
        headers=settings.headers if body is None else settings.json_headers,
        content=None if body is None else encode_json(body),
        extensions={"timeout": waits},
    )


def timeouts(
    settings: Settings, deadline: float, now: float, *, lasts: bool, stop: Stop | None = None
) -> dict[str, float]:
    """Return the timeouts of a request, none of which goes beyond the deadline."""
    timeout = settings.timeout_of(lasts=lasts)
    steps = {"connect": timeout.connect, "read": timeout.read, "write": timeout.write, "pool": timeout.pool}
    return {name: Until.of(seconds, deadline, now, stop) for name, seconds in steps.items()}


def timeouts_from_now(settings: Settings, *, lasts: bool, stop: Stop | None = None) -> dict[str, float]:
    """Return the timeouts of a request whose deadline begins now."""
    now = time.monotonic()
    return timeouts(settings, now + settings.deadline_of(lasts=lasts), now, lasts=lasts, stop=stop)


def seconds_left(request: httpx.Request) -> float:
    """Return how long a request with such timeouts may take altogether."""
    until: Until = request.extensions["timeout"]["read"]
    return until.deadline - time.monotonic()


def was_written(request: httpx.Request) -> bool:
    """Return whether anything of a request was written to the agent."""
    until = request.extensions["timeout"]["write"]
    return isinstance(until, Until) and until.wrote


class Body:
    """An answer's body as it comes, which is not copied while it does.

    Args:
        most: How much of it is needed, in bytes.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def is_enough(self) -> bool:
        """Whether more has come than is needed."""
        return self._size > self.most

    def append(self, part: bytes) -> None:
        """Take what has come."""
        self._parts.append(part)
        self._size += len(part)

    def whole(self) -> bytes:
        """Return what has come."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


def answer(response: httpx.Response, body: Body, broken: Exception | None) -> Answer:
    """Return what came back.

    Args:
        response: The answer, whose body has been read.
        body: Its body, as far as it came.
        broken: Why no more of it came.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    if "content-encoding" not in headers:
        return Answer(response.status_code, headers, body.whole(), broken)
    content, undecodable = _decompressed(response, body)
    return Answer(response.status_code, headers, content, broken or undecodable)


def _decompressed(response: httpx.Response, body: Body) -> tuple[bytes, Exception | None]:
    decompressed = Body(body.most)
    again = httpx.Response(response.status_code, headers=response.headers, stream=Content(body.whole()))
    try:
        for part in again.iter_bytes():
            decompressed.append(part)
            if decompressed.is_enough:
                break
    except httpx.DecodingError as error:
        return decompressed.whole(), error
    return decompressed.whole(), None


class Content(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is there already, in pieces.

    httpx and httpcore have generators for it, of which trio warns when they are left before their end.

    Args:
        content: The body.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        return pieces(self._content)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _AsyncPieces(pieces(self._content))


class _AsyncPieces:
    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def httpcore_url(url: httpx.URL) -> httpcore.URL:
    """Return a URL in httpcore's type."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def httpcore_request(request: httpx.Request, headers: Sequence[tuple[bytes, bytes]]) -> httpcore.Request:
    """Return a request in httpcore's type, with these headers."""
    is_there = isinstance(request.stream, httpx.ByteStream)
    return httpcore.Request(
        request.method,
        httpcore_url(request.url),
        headers=headers,
        content=cast("Content", Content(request.content) if is_there else request.stream),
        extensions=request.extensions,
    )


def httpx_error(error: Exception) -> httpx.TransportError:
    """Return what httpx raises in place of an error of httpcore's, which has the same name."""
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    return kind(str(error))
