"""What sends for threads: the SDK's own connections, or what a program brings.

Each is a transport to one agent, shared by a client, its copies and its `api`.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from synapse_sdk.clients import _brought
from synapse_sdk.clients._failures import BroughtFailures, OwnFailures
from synapse_sdk.clients._gate import ClosedError, Gate
from synapse_sdk.clients._pool import Pool
from synapse_sdk.clients._route import Route
from synapse_sdk.clients._stop import Stop
from synapse_sdk.clients._wire import HTTPCORE_ERRORS, httpcore_request, httpx_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpcore

    from synapse_sdk.clients._settings import Settings

Connections: TypeAlias = "OwnConnections | BroughtConnections"

_all: weakref.WeakSet[OwnConnections] = weakref.WeakSet()


def make_connections(settings: Settings, *, transport: Any, http_client: Any, **options: Any) -> Connections:
    """Return what sends, by what a client was given.

    Args:
        settings: How the agent is reached.
        transport: What a program brings to send by; it stays the program's to close.
        http_client: The same, as a whole client.
        options: How to connect otherwise; see `Route.of`.

    Raises:
        ValueError: If two of these cannot be together, or one cannot be right.
        TypeError: If one is of a wrong type.
    """
    url = httpx.URL(settings.base_url)
    gate = Gate.of(url, settings.credentials)
    brought = _brought.only_one(transport, http_client, options, httpx.BaseTransport, httpx.Client)
    if brought is None:
        return OwnConnections(gate, Route.of(url, **options))
    return BroughtConnections(gate, ClientTransport(brought) if isinstance(brought, httpx.Client) else brought)


class OwnConnections(OwnFailures, httpx.BaseTransport):
    """Connections that live as long as any client that uses them, or until they are closed.

    Attributes:
        proxy: The URL of the proxy that they go through, without credentials, or None.
    """

    def __init__(self, gate: Gate, route: Route) -> None:
        self._gate = gate
        self._route = route
        self.proxy = route.proxy_url
        self._begin()
        _all.add(self)

    @property
    def closed(self) -> Stop:
        """Set when the connections have been closed."""
        return self._pool.closed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer with its body still to be read."""
        pool = self._pool
        if pool.closed.is_set():
            raise ClosedError("the client is closed")
        wired = httpcore_request(request, self._gate.headers(request))
        try:
            response, connection = pool.handle_request(wired)
        except HTTPCORE_ERRORS as error:
            raise httpx_error(error) from error
        body = _Body(response, lambda: pool.give_back(connection))
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    def close(self) -> None:
        """Close the connections, and wake the calls that wait for them."""
        self._finalizer()

    def after_fork(self) -> None:
        """Leave the parent process its connections, and begin with none."""
        if not self.closed.is_set():
            self._finalizer.detach()
            self._pool.abandon()
            # Another thread of the parent may have held the old one's locks.
            self._begin()

    def _begin(self) -> None:
        self._pool = Pool(self._route)
        # A program that never closes its client, as the documented ones, leaves no socket open behind it.
        self._finalizer = weakref.finalize(self, self._pool.close)


class _Body(httpx.SyncByteStream):
    """An answer's body, after which its connection can be used again."""

    def __init__(self, response: httpcore.Response, give_back: Callable[[], None]) -> None:
        self._response = response
        self._give_back = give_back

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_stream()
        except HTTPCORE_ERRORS as error:
            raise httpx_error(error) from error

    def close(self) -> None:
        try:
            self._response.close()
        finally:
            self._give_back()


class BroughtConnections(BroughtFailures, httpx.BaseTransport):
    """A transport that a program brings, and closes.

    Args:
        gate: Whom to ask, and what to tell.
        transport: The transport.
    """

    def __init__(self, gate: Gate, transport: httpx.BaseTransport) -> None:
        self.closed = Stop()
        self._gate = gate
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer with its body still to be read."""
        if self.closed.is_set():
            raise ClosedError("the client is closed")
        with _brought.without_credentials(request):
            response = self._transport.handle_request(_brought.with_credentials(request, self._gate))
        return _brought.unread(response)

    def close(self) -> None:
        """Let nothing more be sent, and wake the calls that wait to be tried again."""
        self.closed.set()


class ClientTransport(httpx.BaseTransport):
    """Sends through an `httpx.Client` that a program brings, with that client's headers, hooks and proxies.

    Args:
        client: The client.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        try:
            # Neither its authentication nor the environment's replaces the agent's token.
            return self._client.send(
                _brought.rebuilt(request, self._client), stream=True, auth=None, follow_redirects=False
            )
        except httpx.HTTPStatusError as error:
            return error.response  # a hook has raised for the status, which is read here all the same


def _after_fork() -> None:
    for connections in list(_all):
        connections.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
