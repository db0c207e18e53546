"""What a program brings to send by, and what becomes of the credentials on that way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from synapse_sdk.clients._wire import Content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from synapse_sdk.clients._gate import Gate


def only_one(
    transport: Any, http_client: Any, options: Mapping[str, Any], transport_type: type[Any], client_type: type[Any]
) -> Any:
    """Return the transport or client that a program brings, or None where it brings nothing.

    Args:
        transport: The transport, if it is one.
        http_client: The client, if it is one.
        options: What the SDK would connect with.
        transport_type: What a transport must be.
        client_type: What a client must be.

    Raises:
        ValueError: If there is more than one, or an option that it brings itself.
        TypeError: If it is of another type.
    """
    if transport is None and http_client is None:
        return None
    name, brought, kind = (
        ("transport", transport, transport_type) if http_client is None else ("http_client", http_client, client_type)
    )
    others = [option for option, value in options.items() if value is not (True if option == "verify" else None)]
    if transport is not None and http_client is not None:
        others = ["transport", *others]
    if others:
        raise ValueError(f"{name} brings its own {', '.join(others)}: give one or the other")
    if not isinstance(brought, kind):
        raise TypeError(f"{name} must be an httpx.{kind.__name__}, not {type(brought).__name__}")
    return brought


def with_credentials(request: httpx.Request, gate: Gate) -> httpx.Request:
    """Return a copy of a request that has the credentials."""
    return httpx.Request(
        request.method,
        request.url,
        headers=gate.headers(request),
        stream=request.stream,
        extensions=request.extensions,
    )


@contextmanager
def without_credentials(request: httpx.Request) -> Iterator[None]:
    """Have errors that leave the block carry this request, and not its copy with the credentials."""
    try:
        yield
    except httpx.RequestError as error:
        error.request = request
        raise


def rebuilt(request: httpx.Request, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
    """Return a request with what a client adds to its own."""
    return client.build_request(
        request.method,
        request.url,
        content=request.read() or None,
        headers=request.headers,
        extensions=request.extensions,
    )


def unread(response: httpx.Response) -> httpx.Response:
    """Return an answer with its body to be read, without its request, which has the credentials.

    An error while reading would carry that.
    """
    if not response.is_stream_consumed:
        return httpx.Response(
            response.status_code, headers=response.headers, stream=response.stream, extensions=response.extensions
        )
    # Whoever has read it, such as a hook, has decompressed it.
    decoded = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in decoded]
    return httpx.Response(
        response.status_code, headers=headers, stream=Content(response.content), extensions=response.extensions
    )
