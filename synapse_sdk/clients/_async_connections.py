"""What sends for tasks: the SDK's own connections, or what a program brings; the twin of `_connections`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import httpx
from anyio.lowlevel import current_token

from synapse_sdk.clients import _brought
from synapse_sdk.clients._async_pool import AsyncPool
from synapse_sdk.clients._failures import BroughtFailures, OwnFailures
from synapse_sdk.clients._gate import ClosedError, Gate
from synapse_sdk.clients._route import Route
from synapse_sdk.clients._wire import HTTPCORE_ERRORS, httpcore_request, httpx_error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    import httpcore

    from synapse_sdk.clients._settings import Settings

AsyncConnections: TypeAlias = "AsyncOwnConnections | AsyncBroughtConnections"


def make_async_connections(settings: Settings, *, transport: Any, http_client: Any, **options: Any) -> AsyncConnections:
    """Return what sends, by what a client was given; see `make_connections`."""
    url = httpx.URL(settings.base_url)
    gate = Gate.of(url, settings.credentials)
    brought = _brought.only_one(transport, http_client, options, httpx.AsyncBaseTransport, httpx.AsyncClient)
    if brought is None:
        return AsyncOwnConnections(gate, Route.of(url, **options))
    own = isinstance(brought, httpx.AsyncClient)
    return AsyncBroughtConnections(gate, AsyncClientTransport(brought) if own else brought)


class Waits:
    """What tasks wait for, each until a time of its own, and all of them until the client is closed."""

    def __init__(self) -> None:
        self.closed = False
        self._scopes: set[anyio.CancelScope] = set()
        self._over: anyio.Event | None = None

    @contextmanager
    def limited(self, seconds: float) -> Iterator[anyio.CancelScope]:
        """End what is waited for in the block after some seconds, or when the client is closed."""
        with anyio.CancelScope(deadline=anyio.current_time() + seconds) as scope:
            self._scopes.add(scope)
            if self.closed:
                scope.cancel()
            try:
                yield scope
            finally:
                self._scopes.discard(scope)
                if self._over is not None and not self._scopes:
                    self._over.set()

    async def close(self) -> None:
        """End everything that is waited for, and return when it has ended."""
        self.closed = True
        if self._scopes:
            self._over = self._over or anyio.Event()
            for scope in self._scopes:
                scope.cancel()
            await self._over.wait()


class AsyncOwnConnections(OwnFailures, httpx.AsyncBaseTransport):
    """Connections for the tasks of one event loop at a time, that live until they are closed.

    Attributes:
        proxy: The URL of the proxy that they go through, without credentials, or None.
        waits: What calls wait for.
        always_wait: Whether a body that is read lets others have their turn, and so the call be ended.
    """

    always_wait = True

    def __init__(self, gate: Gate, route: Route) -> None:
        self._gate = gate
        self._route = route
        self.proxy = route.proxy_url
        self.waits = Waits()
        self._pool_of_loop: tuple[object, AsyncPool] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer with its body still to be read."""
        if self.waits.closed:
            raise ClosedError("the client is closed")
        pool = self._pool()
        wired = httpcore_request(request, self._gate.headers(request))
        try:
            response, connection = await pool.handle_request(wired)
        except HTTPCORE_ERRORS as error:
            raise httpx_error(error) from error
        body = _Body(response, lambda: pool.give_back(connection))
        return httpx.Response(response.status, headers=response.headers, stream=body, extensions=response.extensions)

    async def aclose(self) -> None:
        """Close the connections, and wake the calls that wait for them."""
        try:
            await self.waits.close()
        finally:
            if self._pool_of_loop is not None:
                await self._pool_of_loop[1].close()

    def _pool(self) -> AsyncPool:
        """Return the connections of this event loop. Those of one before it end with their last call."""
        loop = current_token()
        if self._pool_of_loop is None or self._pool_of_loop[0] != loop:
            self._pool_of_loop = loop, AsyncPool(self._route)
        return self._pool_of_loop[1]


class _Body(httpx.AsyncByteStream):
    """An answer's body, after which its connection can be used again."""

    def __init__(self, response: httpcore.Response, give_back: Callable[[], Awaitable[None]]) -> None:
        self._response = response
        self._give_back = give_back

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.aiter_stream():
                yield part
        except HTTPCORE_ERRORS as error:
            raise httpx_error(error) from error

    async def aclose(self) -> None:
        # Also in a task that is cancelled.
        with anyio.CancelScope(shield=True):
            try:
                await self._response.aclose()
            finally:
                await self._give_back()


class AsyncBroughtConnections(BroughtFailures, httpx.AsyncBaseTransport):
    """A transport that a program brings, and closes.

    Args:
        gate: Whom to ask, and what to tell.
        transport: The transport.
    """

    always_wait = False

    def __init__(self, gate: Gate, transport: httpx.AsyncBaseTransport) -> None:
        self.waits = Waits()
        self._gate = gate
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer with its body still to be read."""
        if self.waits.closed:
            raise ClosedError("the client is closed")
        with _brought.without_credentials(request):
            response = await self._transport.handle_async_request(_brought.with_credentials(request, self._gate))
        return _brought.unread(response)

    async def aclose(self) -> None:
        """Let nothing more be sent, and end the calls under way."""
        await self.waits.close()


class AsyncClientTransport(httpx.AsyncBaseTransport):
    """Sends through an `httpx.AsyncClient` that a program brings, with that client's headers, hooks and proxies.

    Args:
        client: The client.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        try:
            # Neither its authentication nor the environment's replaces the agent's token.
            return await self._client.send(
                _brought.rebuilt(request, self._client), stream=True, auth=None, follow_redirects=False
            )
        except httpx.HTTPStatusError as error:
            return error.response  # a hook has raised for the status, which is read here all the same
