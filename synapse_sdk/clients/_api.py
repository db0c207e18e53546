"""The generated client, on the connections of a hand-written one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

import httpx
from synapse_agent_api import AuthenticatedClient

from synapse_sdk.clients._call import CLOSED
from synapse_sdk.clients._wire import Content, seconds_left, timeouts_from_now
from synapse_sdk.clients.agent import _operations

if TYPE_CHECKING:
    from synapse_sdk.clients._async_connections import AsyncConnections
    from synapse_sdk.clients._connections import Connections
    from synapse_sdk.clients._settings import Settings
    from synapse_sdk.clients._stop import Stop
    from synapse_sdk.clients.base import AsyncBaseClient, BaseClient


class SharedApi(AuthenticatedClient):
    """The generated client for code that wants attrs models, without what would surprise on shared connections.

    It holds no token: the connections add the credentials. What would change or leave these connections is refused.
    """

    #: The client that it was taken from, which it keeps from being closed as unused.
    owner: BaseClient | AsyncBaseClient

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        """Close nothing: the connections are those of the client that this was taken from."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_args: object) -> None:
        """Close nothing: the connections are those of the client that this was taken from."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._base_url!r})"

    def get_httpx_client(self) -> httpx.Client:
        """Return the client for `sync` and `sync_detailed`."""
        if self._client is None:
            raise TypeError("this client is asynchronous: call asyncio or asyncio_detailed")
        return self._client

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Return the client for `asyncio` and `asyncio_detailed`."""
        if self._async_client is None:
            raise TypeError("this client is synchronous: call sync or sync_detailed")
        return self._async_client

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this client shares its connections: give options to the client that it was taken from")

    with_headers = _refuse
    with_cookies = _refuse
    with_timeout = _refuse


class ApiTransport(httpx.BaseTransport):
    """The generated client's way: the connections and the waits of another client. Closing it closes nothing.

    Args:
        connections: The connections.
        settings: What the waits are taken from.
    """

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections = connections
        self._settings = settings

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        return self._connections.handle_request(_with_timeouts(request, self._settings, self._connections.closed))


class AsyncApiTransport(httpx.AsyncBaseTransport):
    """The generated client's way for tasks. Closing it closes nothing.

    Args:
        connections: The connections.
        settings: What the waits are taken from.
    """

    def __init__(self, connections: AsyncConnections, settings: Settings) -> None:
        self._connections = connections
        self._settings = settings

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and read the whole answer, until the deadline passes or the client is closed."""
        waits = self._connections.waits
        request = _with_timeouts(request, self._settings)
        with waits.limited(seconds_left(request)):
            response = await self._connections.handle_async_request(request)
            try:
                content = b"".join([part async for part in cast("httpx.AsyncByteStream", response.stream)])
            finally:
                await response.aclose()
            return httpx.Response(
                response.status_code,
                headers=response.headers,
                stream=Content(content),
                extensions=response.extensions,
            )
        raise httpx.ReadError(CLOSED) if waits.closed else httpx.ReadTimeout("the deadline passed")


def share(owner: BaseClient, connections: Connections, settings: Settings) -> SharedApi:
    """Return the generated client on the connections of a client, with its options."""
    http = httpx.Client(
        base_url=settings.base_url,
        transport=ApiTransport(connections, settings),
        headers=settings.headers,
        trust_env=False,
    )
    return _owned_by(owner).set_httpx_client(http)


def share_async(owner: AsyncBaseClient, connections: AsyncConnections, settings: Settings) -> SharedApi:
    """Return the generated client on the connections of a client for tasks, with its options."""
    http = httpx.AsyncClient(
        base_url=settings.base_url,
        transport=AsyncApiTransport(connections, settings),
        headers=settings.headers,
        trust_env=False,
    )
    return _owned_by(owner).set_async_httpx_client(http)


def _owned_by(owner: BaseClient | AsyncBaseClient) -> SharedApi:
    api = SharedApi(base_url=owner.base_url, token="")
    api.owner = owner
    return api


def _with_timeouts(request: httpx.Request, settings: Settings, stop: Stop | None = None) -> httpx.Request:
    path = str(request.url).removeprefix(settings.base_url).partition("?")[0]
    waits = timeouts_from_now(settings, lasts=_operations.lasts(request.method, path), stop=stop)
    request.extensions = {**request.extensions, "timeout": waits}
    return request
