"""The connections of a client, which live as long as any client that uses them, or until they are closed."""

from __future__ import annotations

import importlib.util
import os
import weakref
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from synapse_sdk.clients._answers import may_have_been_sent, wants_certificate
from synapse_sdk.clients._transport import (
    ApiTransport,
    ClientTransport,
    OriginTransport,
    connect,
    environment_proxy,
    ssl_context,
)
from synapse_sdk.clients._wire import timeouts_by_method

if TYPE_CHECKING:
    import threading

    from synapse_sdk.clients._settings import Settings

_all: weakref.WeakSet[Connections] = weakref.WeakSet()


class Connections:
    """What sends: one pool of connections to one agent, shared by a client, its copies and its `api`.

    Args:
        settings: How the agent is reached.
        verify: How to verify the agent; see `ssl_context`.
        cert: The client's own certificate; see `ssl_context`.
        proxy: The proxy, False for none, or None for what the environment names.
        limits: How many connections there may be.
        transport: What a program brings to send by; it stays the program's to close.
        http_client: The same, as a whole client.

    Raises:
        ValueError: If two of these cannot be together, or one cannot be right.
        TypeError: If one is of a wrong type.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        verify: Any = True,
        cert: Any = None,
        proxy: Any = None,
        limits: Any = None,
        transport: httpx.BaseTransport | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._url = httpx.URL(settings.base_url)
        options = {"verify": verify is not True, "cert": cert, "proxy": proxy is not None, "limits": limits}
        self.proxy: str | None = None
        brought = _brought(transport, http_client, [name for name, given in options.items() if given])
        if brought is None:
            self._options = _options(self._url, verify, cert, proxy, limits)
            if made := self._options["proxy"]:
                self.proxy = str(made.url)
            self._origin = OriginTransport(self._url, settings.credentials, *connect(**self._options))
        else:
            self._origin = OriginTransport(self._url, settings.credentials, brought)
        # A program that never closes its client, as the documented ones, leaves no socket open behind it.
        self._finalizer = weakref.finalize(self, self._origin.close)
        _all.add(self)

    @property
    def closed(self) -> threading.Event:
        """Set when the connections have been closed."""
        return self._origin.closed

    def send(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and return the answer with its body still to be read."""
        return self._origin.handle_request(request)

    def was_sent(self, request: httpx.Request, error: Exception) -> bool:
        """Return whether the agent may have read a request that failed."""
        if wants_certificate(error):
            return False
        if self._origin.is_own:
            return bool(request.extensions["timeout"]["write"].wrote)
        return may_have_been_sent(error)

    def redacted(self, error: Exception) -> Exception:
        """Return an error that shows no credentials."""
        return self._origin.redacted(error)

    def http_client(self, settings: Settings) -> httpx.Client:
        """Return an `httpx.Client` on these connections, which closes none of them."""
        return httpx.Client(
            base_url=self._url,
            transport=ApiTransport(self._origin, partial(timeouts_by_method, settings)),
            headers=[(name.encode(), value) for name, value in settings.headers.items()],
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections, and wake the calls that wait for them."""
        self._finalizer()

    def after_fork(self) -> None:
        """Leave the parent process its connections, and begin with none."""
        if self._origin.is_own and not self.closed.is_set():
            self._origin.replace(*connect(**self._options))


def _brought(
    transport: httpx.BaseTransport | None, http_client: httpx.Client | None, others: list[str]
) -> httpx.BaseTransport | None:
    """Return what the program brings to send by, if it brings something."""
    if transport is None and http_client is None:
        return None
    name = "transport" if http_client is None else "http_client"
    if transport is not None and http_client is not None:
        others = ["transport", *others]
    if others:
        raise ValueError(f"{name} brings its own {', '.join(others)}: give one or the other")
    if http_client is not None:
        if not isinstance(http_client, httpx.Client):
            raise TypeError(f"http_client must be an httpx.Client, not {type(http_client).__name__}")
        return ClientTransport(http_client)
    if not isinstance(transport, httpx.BaseTransport):
        raise TypeError(f"transport must be an httpx.BaseTransport, not {type(transport).__name__}")
    return transport


def _options(url: httpx.URL, verify: Any, cert: Any, proxy: Any, limits: Any) -> dict[str, Any]:
    """Return how to connect, in the types that `connect` takes."""
    # To read the usual certificates takes longer than all else here, and a plain connection needs none.
    plain = url.scheme == "http" and verify is True and cert is None
    return {
        "verify": False if plain else ssl_context(verify, cert),
        "proxy": _proxy(url, proxy, verify),
        "limits": _limits(limits),
    }


def _proxy(url: httpx.URL, proxy: Any, verify: Any) -> httpx.Proxy | None:
    name = "proxy"
    if proxy is None:
        named = environment_proxy(url)
        if named is None:
            return None
        name, proxy = named
    if proxy is False or isinstance(proxy, httpx.Proxy):
        return proxy or None
    if not isinstance(proxy, str | httpx.URL):
        raise TypeError(f"proxy must be a URL, an httpx.Proxy or False, not {type(proxy).__name__}")
    try:
        made = httpx.Proxy(proxy)
    except (ValueError, httpx.InvalidURL):
        made = None
    if made is None or not made.url.host:
        # The URL is not shown: it may hold a password.
        raise ValueError(f"{name} must be a URL such as http://proxy.example.com:3128")
    if made.url.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        raise ValueError(f"{name} is a SOCKS proxy, which needs the package socksio: pip install 'httpx[socks]'")
    if made.url.scheme == "https":
        made.ssl_context = ssl_context(verify, None)
    return made


def _limits(limits: Any) -> httpx.Limits:
    if isinstance(limits, httpx.Limits):
        return limits
    limits = {} if limits is None else limits
    if not isinstance(limits, Mapping):
        raise TypeError(f"limits must be a dictionary or an httpx.Limits, not {type(limits).__name__}")
    known = {"max_connections": 100, "max_keepalive_connections": 20, "keepalive_expiry": 5.0}
    for name, value in limits.items():
        if name not in known:
            raise ValueError(f"limits must have the keys {', '.join(map(repr, known))} alone, not {name!r}")
        kinds = (int, float) if name == "keepalive_expiry" else (int,)
        least = 0 if name == "max_keepalive_connections" else 1e-9
        if not isinstance(value, kinds) or isinstance(value, bool) or not value >= least:
            what = "a number" if name == "keepalive_expiry" else "an int"
            raise ValueError(
                f"limits[{name!r}] must be {what} {'of at least' if least == 0 else 'above'} 0, not {value!r}"
            )
    return httpx.Limits(**{**known, **limits})


def _after_fork() -> None:
    for connections in list(_all):
        connections.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
