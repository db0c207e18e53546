"""Where a redirect leads, and whether it is followed."""

from __future__ import annotations

import httpx

STATUSES = frozenset({301, 302, 303, 307, 308})
MOST = 5

#: These ask for the same request again; the others turn what is no GET into one.
KEEP_METHOD = frozenset({307, 308})

_PORTS = {"http": 80, "https": 443}


class NotFollowedError(Exception):
    """A redirect that is not followed; the message says why, and where it points."""


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return what makes two URLs lead to the same server: scheme, host and port."""
    return url.scheme, url.host, url.port or _PORTS.get(url.scheme)


def follow(
    method: str, url: httpx.URL, status: int, location: str | None, *, followed: int, base_url: str
) -> httpx.URL:
    """Return the URL that a redirect leads to.

    Args:
        method: The request's method.
        url: Where it was asked.
        status: The answer's status.
        location: The answer's `Location`.
        followed: How many redirects were followed before.
        base_url: The client's base URL.

    Raises:
        NotFollowedError: If it leads to another origin, is one too many, would turn the request into another, or
            leads nowhere.
    """
    if status not in STATUSES or not location:
        raise NotFollowedError("it is no answer to this request, and points nowhere")
    try:
        target = url.join(location)
    except httpx.InvalidURL:
        raise NotFollowedError("it points to what is no URL") from None
    target = target.copy_with(userinfo=b"", fragment=None)
    if origin(target) != origin(url):
        raise NotFollowedError(_elsewhere(url, target, base_url))
    if method != "GET" and status not in KEEP_METHOD:
        raise NotFollowedError(f"it points to {target}, and to follow it would turn the {method} into a GET")
    if followed >= MOST:
        raise NotFollowedError(f"it points to {target}, and {MOST} redirects were followed before")
    return target


def _elsewhere(url: httpx.URL, target: httpx.URL, base_url: str) -> str:
    text = f"it points to {target}, which is another origin, where nothing is sent"
    if (url.scheme, target.scheme, url.host) == ("http", "https", target.host):
        secure = httpx.URL(base_url).copy_with(scheme="https", port=target.port)
        text += f"; if that is the agent, give base_url={str(secure).rstrip('/')!r}"
    return text
