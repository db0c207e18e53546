"""The way to the agent: one transport for one origin, which alone knows the credentials."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import httpx

from synapse_sdk.clients._network import DeadlineBackend
from synapse_sdk.clients._redirect import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ClosedError(RuntimeError):
    """The client is closed."""


class OriginTransport(httpx.BaseTransport):
    """Adds the credentials to what goes to one origin, and lets nothing go anywhere else.

    The credentials are added here, below the client, so that no request that an httpx error carries holds them.

    Args:
        url: A URL of the origin that may be asked.
        credentials: The headers to add.
        transport: What sends.
        backend: What opens its connections, where they are this client's own to close.
    """

    def __init__(
        self,
        url: httpx.URL,
        credentials: Mapping[str, bytes],
        transport: httpx.BaseTransport,
        backend: DeadlineBackend | None = None,
    ) -> None:
        self.closed = threading.Event()
        self._origin = origin(url)
        self._credentials = [(name.encode(), value) for name, value in credentials.items()]
        self._names = {name.lower() for name, _ in self._credentials}
        self.transport = transport
        self.backend = backend

    @property
    def is_own(self) -> bool:
        """Whether the connections are this client's own, and not a program's that brought them."""
        return self.backend is not None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the origin."""
        if self.closed.is_set():
            raise ClosedError("the client is closed")
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

    def redacted(self, error: Exception) -> Exception:
        """Return an error that shows no credentials, which a transport that a program brought has seen."""
        secrets = [value.decode("latin-1").removeprefix("Token ") for _, value in self._credentials]
        text = str(error)
        if self.is_own or not any(secret in text for secret in secrets):
            return error
        for secret in secrets:
            text = text.replace(secret, "***")
        return (type(error) if isinstance(error, httpx.TransportError) else httpx.TransportError)(text)

    def close(self) -> None:
        """Close the connections, and wake the calls that wait for them. Those that a program brought stay open."""
        self.closed.set()
        if self.backend is not None:
            self.backend.close()
            self.transport.close()

    def replace(self, transport: httpx.BaseTransport, backend: DeadlineBackend) -> None:
        """Leave the connections to the parent process, and send by others."""
        if self.backend is not None:
            self.backend.abandon()
        self.transport, self.backend = transport, backend
        # The old one's lock may have been held by another thread of the parent.
        self.closed = threading.Event()


class ApiTransport(httpx.BaseTransport):
    """The way of the generated client: the same connections and waits, and closing it closes nothing.

    Args:
        origin: The way to the agent.
        timeouts: Returns the timeouts of a request by its method.
    """

    def __init__(self, origin: OriginTransport, timeouts: Callable[[str], dict[str, float]]) -> None:
        self._origin = origin
        self._timeouts = timeouts

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        request.extensions = {**request.extensions, "timeout": self._timeouts(request.method)}
        return self._origin.handle_request(request)


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
        try:
            # Neither its authentication nor the environment's replaces the agent's token.
            response = self._client.send(built, stream=True, auth=None, follow_redirects=False)
        except httpx.HTTPStatusError as error:
            response = error.response  # a hook has raised for the status, which is read here all the same
        # Without the request, which has the credentials, and which an error while reading would carry.
        if not response.is_stream_consumed:
            return httpx.Response(
                response.status_code,
                headers=response.headers,
                stream=response.stream,
                extensions=response.extensions,
            )
        # A hook has read it, and decompressed it with that.
        decoded = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in decoded]
        content = b"".join(response.iter_bytes())
        return httpx.Response(response.status_code, headers=headers, content=content, extensions=response.extensions)


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
        ValueError: If a file cannot be read; the text names the argument or the variable, and the file.
    """
    if isinstance(verify, ssl.SSLContext):
        context = verify
    elif isinstance(verify, bool):
        context = _usual_context(verify=verify)
    elif isinstance(verify, str | os.PathLike) and os.fspath(verify):
        path = Path(os.fspath(verify))
        try:
            context = ssl.create_default_context(
                cafile=None if path.is_dir() else str(path), capath=str(path) if path.is_dir() else None
            )
        except OSError as error:
            raise ValueError(f"verify names {str(path)!r}, which holds no certificates: {error}") from None
    else:
        raise TypeError(f"verify must be a bool, a path or an ssl.SSLContext, not {type(verify).__name__} {verify!r}")
    if cert is not None:
        _present(context, cert)
    return context


def _usual_context(*, verify: bool) -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(verify=verify)
    except OSError as error:
        names = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
        given = " and ".join(f"{name}={os.environ[name]!r}" for name in names)
        raise ValueError(f"{given or 'the system'} gives no certificates: {error}") from None


def _present(context: ssl.SSLContext, cert: object) -> None:
    """Have a context present the client's own certificate."""
    parts = cert if isinstance(cert, tuple) and len(cert) in (2, 3) else (cert,)
    if not all(isinstance(part, str | os.PathLike) for part in parts):
        raise TypeError(
            "cert must be a path, or a tuple of the paths of certificate and key, and of the key's password"
        )
    certificate, key, password = (*parts, None, None)[:3]
    asked = []

    def answer() -> str:
        # Without this OpenSSL would ask for a password on the terminal.
        asked.append(True)
        return password or ""

    try:
        context.load_cert_chain(certificate, key, answer)
    except (OSError, ValueError) as error:
        files = " and ".join(repr(os.fspath(path)) for path in (certificate, key) if path is not None)
        why = f"{error} (the key is locked by a password)" if asked else str(error)
        raise ValueError(f"cert names {files}, which cannot be used: {why}") from None


def environment_proxy(url: httpx.URL) -> tuple[str, str] | None:
    """Return the variable that names the proxy for a URL in the environment, and its value, or None.

    httpx looks at the environment only where it makes the transport itself.
    """
    proxies = getproxies()
    _, host, port = origin(url)
    names = [host, f"[{host}]"] if ":" in host else [host]
    if any(proxy_bypass(form) for name in names for form in (name, f"{name}:{port}")):
        return None
    for name in (url.scheme, "all"):
        if proxy := proxies.get(name):
            return f"{name}_proxy", proxy if "://" in proxy else f"http://{proxy}"
    return None
