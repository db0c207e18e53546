"""What goes over the wire, in httpx's types and in httpcore's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

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
    waits = timeouts(settings, call.deadline, now, builds=call.request.builds, stop=stop)
    method, headers, extensions = call.request.method, settings.headers, {"timeout": waits}
    if call.request.body is None:
        return httpx.Request(method, call.url, headers=headers, extensions=extensions)
    content = encode_json(call.request.body)
    headers = httpx.Headers([*headers.raw, (b"Content-Type", b"application/json")])
    return httpx.Request(method, call.url, headers=headers, content=content, extensions=extensions)


def timeouts(
    settings: Settings, deadline: float, now: float, *, builds: bool, stop: Stop | None = None
) -> dict[str, float]:
    """Return the timeouts of a request, none of which goes beyond the deadline."""
    timeout = settings.timeout_of(builds=builds)
    steps = {"connect": timeout.connect, "read": timeout.read, "write": timeout.write, "pool": timeout.pool}
    return {name: Until.of(seconds, deadline, now, stop) for name, seconds in steps.items()}


def timeouts_by_method(settings: Settings, method: str) -> dict[str, float]:
    """Return the timeouts of a request of which only the method is known: what creates may take long."""
    now, builds = time.monotonic(), method == "POST"
    return timeouts(settings, now + settings.deadline_of(builds=builds), now, builds=builds)


def was_written(request: httpx.Request) -> bool:
    """Return whether anything of a request was written to the agent."""
    until = request.extensions["timeout"]["write"]
    return isinstance(until, Until) and until.wrote


def answer(response: httpx.Response, raw: bytearray, broken: Exception | None, most: int) -> Answer:
    """Return what came back.

    Args:
        response: The answer, whose body has been read.
        raw: Its body as it came, as far as it came.
        broken: Why no more of it came.
        most: How much of the body is needed, decompressed.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    content = bytes(raw)
    if "content-encoding" in headers:
        content, undecodable = _decompressed(response, content, most)
        broken = broken or undecodable
    return Answer(response.status_code, headers, content, broken)


def _decompressed(response: httpx.Response, raw: bytes, most: int) -> tuple[bytes, Exception | None]:
    content = bytearray()
    again = httpx.Response(response.status_code, headers=response.headers, stream=Content(raw))
    try:
        for part in again.iter_bytes():
            content += part
            if len(content) > most:
                break
    except httpx.DecodingError as error:
        return bytes(content), error
    return bytes(content), None


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
    """Return a request whose body is there in httpcore's type, with these headers."""
    return httpcore.Request(
        request.method,
        httpcore_url(request.url),
        headers=headers,
        content=Content(request.content),
        extensions=request.extensions,
    )


def httpx_error(error: Exception) -> httpx.TransportError:
    """Return what httpx raises in place of an error of httpcore's, which has the same name."""
    kind: type[httpx.TransportError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    return kind(str(error))
