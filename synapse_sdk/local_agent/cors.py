"""Lets pages of other origins ask the agent, by what browsers know as cross-origin resource sharing."""

import re
from collections.abc import Collection

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

ANY = "*"

# As browsers send it: in small letters, with an ASCII host, and without what a URL may have behind that.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?")
_USUAL = re.compile(r"http://.*:80|https://.*:443")


def check_origin(origin: str) -> None:
    """See whether a browser could send an origin, for one that it never sends would let nobody in.

    Args:
        origin: The origin, or `*` for any.

    Raises:
        ValueError: If not; the message says why.
    """
    if origin == ANY:
        return
    found = _ORIGIN.fullmatch(origin)
    if not found or int(found["port"] or 0) > 65535:
        raise ValueError(
            f"{origin!r} is not an origin. One is scheme://host or scheme://host:port in small letters, with nothing "
            f"behind it, such as http://localhost:3000; {ANY} stands for any."
        )
    if _USUAL.fullmatch(origin):
        raise ValueError(f"{origin!r} must be {origin.rpartition(':')[0]!r}, for browsers leave the usual port out.")


def shared(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Return an application whose answers, errors too, can be read by pages of these origins.

    A browser asks first, without the token, whether it may send a page's request: that is answered here. No method and
    no header is held back, for what a request may have is the application's to say. Cookies count for nothing with the
    agent, and are not asked for.

    Args:
        app: The application.
        origins: The origins; without one the application stays as it is.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=["*"], allow_headers=["*"], expose_headers=["Retry-After"]
    )
