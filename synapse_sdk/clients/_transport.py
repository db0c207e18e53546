"""The way to the agent: one transport for one origin, which alone knows the credentials."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import httpx

from synapse_sdk.clients._network import DeadlineBackend
from synapse_sdk.clients._redirect import origin

if TYPE_CHECKING:
    from collections.abc import Mapping


class OriginTransport(httpx.BaseTransport):
    """Adds the credentials to what goes to one origin, and lets nothing go anywhere else.

    The credentials are added here, below the client, so that no request that an httpx error carries holds them.

    Args:
        url: A URL of the origin that may be asked.
        credentials: The headers to add.
        transport: What sends.
    """

    def __init__(self, url: httpx.URL, credentials: Mapping[str, bytes], transport: httpx.BaseTransport) -> None:
        self._origin = origin(url)
        self._credentials = [(name.encode(), value) for name, value in credentials.items()]
        self._names = {name.lower() for name, _ in self._credentials}
        self.transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the origin."""
        if origin(request.url) != self._origin:
            raise httpx.UnsupportedProtocol(f"{request.url} is not at this client's agent")
        kept = [(name, value) for name, value in request.headers.raw if name.lower() not in self._names]
        sent = httpx.Request(
            request.method,
            request.url,
            headers=httpx.Headers(kept + self._credentials),
            stream=request.stream,
            extensions=request.extensions,
        )
        try:
            return self.transport.handle_request(sent)
        except httpx.RequestError as error:
            error.request = request
            raise

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()


class ClientTransport(httpx.BaseTransport):
    """Sends through an `httpx.Client` that a program brings, with that client's headers, hooks and proxies.

    Args:
        client: The client. It stays the program's to close.
    """

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        built = self._client.build_request(
            request.method,
            request.url,
            content=request.read() or None,
            headers=request.headers,
            extensions=request.extensions,
        )
        # Neither its authentication nor the environment's replaces the agent's token.
        response = self._client.send(built, stream=True, auth=None, follow_redirects=False)
        # Without the request, which has the credentials, and which an error while reading would carry.
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=response.stream,
            extensions=response.extensions,
        )


def connect(
    *, verify: ssl.SSLContext | bool, proxy: httpx.Proxy | None, limits: httpx.Limits
) -> tuple[httpx.BaseTransport, DeadlineBackend]:
    """Return a transport to an agent, and what opens its connections.

    Args:
        verify: How to verify the agent.
        proxy: The proxy, if there is one.
        limits: How many connections there may be.
    """
    transport = httpx.HTTPTransport(verify=verify, proxy=proxy, limits=limits)
    # httpx has no argument for httpcore's `network_backend`; the tests of deadlines fail if this ends to work.
    pool: Any = transport._pool
    backend = DeadlineBackend(pool._network_backend)
    pool._network_backend = backend
    return transport, backend


def ssl_context(verify: object, cert: object) -> ssl.SSLContext:
    """Return how to verify the agent, and how to be verified by it.

    Args:
        verify: True for the usual certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), False for none, a
            path of a file or folder of certificates, or a context that is ready.
        cert: A path of a file with certificate and key, or a tuple of the paths of the two, and of the key's password.

    Raises:
        TypeError: If one is of another type.
        OSError: If a file cannot be read.
    """
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif isinstance(verify, bool):
        context = httpx.create_ssl_context(verify=verify)
    elif isinstance(verify, str | Path):
        folder = Path(verify).is_dir()
        context = ssl.create_default_context(
            cafile=None if folder else str(verify), capath=str(verify) if folder else None
        )
    else:
        raise TypeError(f"verify must be a bool, a path or an ssl.SSLContext, not {type(verify).__name__}")
    if isinstance(cert, str | Path):
        context.load_cert_chain(cert)
    elif isinstance(cert, tuple) and 2 <= len(cert) <= 3:
        context.load_cert_chain(*cert)
    elif cert is not None:
        raise TypeError(f"cert must be a path or a tuple of paths, not {type(cert).__name__}")
    return context


def environment_proxy(url: httpx.URL) -> str | None:
    """Return the proxy that the environment names for a URL, or None.

    httpx looks at the environment only where it makes the transport itself.
    """
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
