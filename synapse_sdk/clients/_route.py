"""The way to an agent: its origin, a proxy before it, its certificates, and how many connections there may be."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx
from attrs import field, frozen

from synapse_sdk.clients._redirect import origin
from synapse_sdk.clients._tls import ssl_context
from synapse_sdk.clients._wire import httpcore_url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


@frozen
class Route:
    """The way to an agent.

    Attributes:
        url: A URL of the agent.
        encryption: How to verify the agent, or None where nothing is encrypted.
        proxy: The proxy, if there is one.
        limits: How many connections there may be.
    """

    url: httpx.URL
    encryption: ssl.SSLContext | None
    proxy: httpx.Proxy | None = field(repr=False)
    limits: httpx.Limits

    @classmethod
    def of(cls, url: httpx.URL, *, verify: Any, cert: Any, proxy: Any, limits: Any) -> Route:
        """Return the way that a client's arguments and the environment give.

        Args:
            url: A URL of the agent.
            verify: How to verify the agent; see `ssl_context`.
            cert: The client's own certificate; see `ssl_context`.
            proxy: The proxy, False for none, or None for what the environment names.
            limits: How many connections there may be.

        Raises:
            ValueError: If one cannot be right.
            TypeError: If one is of a wrong type.
        """
        # To read certificates takes longer than all else here, and a plain connection needs none.
        plain = url.scheme == "http" and verify is True and cert is None
        return cls(
            url=url,
            encryption=None if plain else ssl_context(verify, cert),
            proxy=_proxy(url, proxy, verify),
            limits=_limits(limits),
        )

    @property
    def proxy_url(self) -> str | None:
        """The URL of the proxy, without credentials."""
        return str(self.proxy.url) if self.proxy else None

    def connector(self, pool: type[Any], backend: object) -> Callable[[], Any]:
        """Return what makes a connection to the agent, which is opened with its first request.

        Args:
            pool: Which of httpcore's pools is to make it: it knows how the kinds of proxies are passed.
            backend: What opens the connection.
        """
        proxy = self.proxy and httpcore.Proxy(
            httpcore_url(self.proxy.url),
            auth=self.proxy.raw_auth,
            headers=self.proxy.headers.raw,
            ssl_context=self.proxy.ssl_context,
        )
        made = pool(
            ssl_context=self.encryption,
            proxy=proxy,
            keepalive_expiry=self.limits.keepalive_expiry,
            network_backend=backend,
        )
        return partial(made.create_connection, httpcore_url(self.url).origin)


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
