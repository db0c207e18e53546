"""The way to the agent: one transport for one origin, which alone knows the credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping


class OriginTransport(httpx.BaseTransport):
    """Adds the credentials to what goes to one origin, and lets nothing go anywhere else.

    The credentials are added here, below the client, so that no request that an httpx error carries holds them.

    Args:
        origin: A URL of the origin that may be asked.
        credentials: The headers to add.
        transport: What sends.
    """

    def __init__(self, origin: httpx.URL, credentials: Mapping[str, bytes], transport: httpx.BaseTransport) -> None:
        self._origin = _origin(origin)
        self._credentials = dict(credentials)
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the origin."""
        if _origin(request.url) != self._origin:
            raise httpx.UnsupportedProtocol(f"{request.url} is not at this client's agent")
        return self._transport.handle_request(_with_headers(request, self._credentials))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


def environment_proxy(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for a URL, or None.

    httpx looks at the environment only where it makes the transport itself.
    """
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, port


def _with_headers(request: httpx.Request, headers: Mapping[str, bytes]) -> httpx.Request:
    added = [(name.encode(), value) for name, value in headers.items()]
    names = {name.lower() for name, _ in added}
    kept = [(name, value) for name, value in request.headers.raw if name.lower() not in names]
    return httpx.Request(
        request.method,
        request.url,
        headers=httpx.Headers(kept + added),
        stream=request.stream,
        extensions=request.extensions,
    )
