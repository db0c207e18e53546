"""How a client reaches its agent, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import os
import platform
import re
from collections.abc import Mapping
from typing import Any

import httpx
from attrs import evolve, field, frozen

from synapse_sdk._version import __version__
from synapse_sdk.clients import _arguments

USER_AGENT = f"synapse-sdk/{__version__} python/{platform.python_version()}".encode()

#: Logs are text; what has gone wrong with them is not.
ACCEPT = b"application/json, text/plain;q=0.9"

#: How long everything together may take by default, in seconds.
DEADLINE = 60.0
CREATE_DEADLINE = 900.0
CREATE_TIMEOUT = 600.0
RETRIES = 2

#: How many pages are fetched at a time where all are.
PAGE_CONCURRENCY = 8

_LONGEST_URL = 2_000

# Headers that say how the request itself is sent.
_FRAMING = re.compile(
    "connection|content-(encoding|length|type)|expect|host|keep-alive|proxy-authorization|te|trailer|transfer-encoding|upgrade"
)

_CREDENTIALS = {"authorization": "access_token", "synapse-user": "user_token", "synapse-tenant": "tenant"}


@frozen
class Timeout:
    """How long a client waits, in seconds.

    Attributes:
        connect: For a connection to be made.
        read: For the next part of the answer.
        write: For the next part of the request to be taken.
        pool: For a connection of its own, where all are in use.
    """

    connect: float = 3.0
    read: float = 10.0
    write: float = 10.0
    pool: float = 10.0


@frozen
class Settings:
    """How a client reaches its agent.

    Attributes:
        base_url: The agent's URL, without a slash at its end.
        credentials: The headers that prove who asks. They never leave for another origin.
        headers: The headers of every request, which may be secret too.
        timeout: How long to wait for one step of a call.
        create_timeout: How long to wait for the answer while a container is built, started or stopped, in
            seconds.
        deadline: How long a call may take, retries and all, in seconds. None is the default, which is longer while
            a container is built, started or stopped.
        retries: How often a call may be tried again.
        page_concurrency: How many pages are fetched at a time where all are.
        json_headers: The headers of requests with a body.
    """

    base_url: str
    credentials: dict[str, bytes] = field(repr=False)
    headers: httpx.Headers = field(repr=False)
    timeout: Timeout
    create_timeout: float
    deadline: float | None
    retries: int
    page_concurrency: int
    json_headers: httpx.Headers = field(init=False, repr=False, eq=False)

    @json_headers.default
    def _json_headers(self) -> httpx.Headers:
        return httpx.Headers([*self.headers.raw, (b"Content-Type", b"application/json")])

    @property
    def pages_ahead(self) -> int:
        """How many pages are asked for before their turn."""
        return 0 if self.page_concurrency == 1 else self.page_concurrency

    def timeout_of(self, *, lasts: bool) -> Timeout:
        """Return how long to wait for one step of a call."""
        return evolve(self.timeout, read=self.create_timeout) if lasts else self.timeout

    def deadline_of(self, *, lasts: bool) -> float:
        """Return how long a call may take."""
        if self.deadline is not None:
            return self.deadline
        return max(CREATE_DEADLINE, self.create_timeout) if lasts else max(DEADLINE, self.timeout.read)

    def changed(
        self,
        *,
        timeout: float | Mapping[str, float] | None = None,
        deadline: float | None = None,
        create_timeout: float | None = None,
        retries: int | None = None,
        page_concurrency: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Settings:
        """Return settings with other options. None leaves one as it is, and headers come on top of those given."""
        changes: dict[str, Any] = {}
        if timeout is not None:
            changes["timeout"] = _timeout(timeout, self.timeout)
            changes["create_timeout"] = max(self.create_timeout, changes["timeout"].read)
        if deadline is not None:
            changes["deadline"] = _arguments.seconds("deadline", deadline)
        if create_timeout is not None:
            changes["create_timeout"] = _arguments.seconds("create_timeout", create_timeout)
        if retries is not None:
            changes["retries"] = _arguments.whole_number("retries", retries, least=0)
        if page_concurrency is not None:
            changes["page_concurrency"] = _arguments.whole_number("page_concurrency", page_concurrency, least=1)
        if headers is not None:
            given = [(name.encode(), value) for name, value in _headers(headers).items()]
            names = {name.lower() for name, _ in given}
            kept = [(name, value) for name, value in self.headers.raw if name.lower() not in names]
            changes["headers"] = httpx.Headers([*kept, *given])
        return evolve(self, **changes)


def make_settings(
    *,
    base_url: str | None = None,
    access_token: str | None = None,
    agent_token: str | None = None,
    user_token: str | None = None,
    tenant: str | None = None,
    timeout: float | Mapping[str, float] | None = None,
    create_timeout: float | None = None,
    deadline: float | None = None,
    retries: int = RETRIES,
    page_concurrency: int = PAGE_CONCURRENCY,
    headers: Mapping[str, str] | None = None,
    user_agent: str | None = None,
) -> Settings:
    """Return the settings that an agent client's arguments and the environment give, or raise an error naming one."""
    waits = Timeout() if timeout is None else _timeout(timeout, Timeout())
    return Settings(
        base_url=_base_url(base_url),
        credentials=_credentials(_token(access_token, agent_token), user_token, tenant),
        headers=httpx.Headers([(b"Accept", ACCEPT), (b"User-Agent", _user_agent(user_agent))]),
        timeout=waits,
        create_timeout=max(CREATE_TIMEOUT, waits.read),
        deadline=None,
        retries=_arguments.whole_number("retries", retries, least=0),
        page_concurrency=_arguments.whole_number("page_concurrency", page_concurrency, least=1),
    ).changed(create_timeout=create_timeout, deadline=deadline, headers=headers)


def sends_token_in_the_clear(settings: Settings) -> bool:
    """Return whether whoever listens on the way to the agent can read the token."""
    url = httpx.URL(settings.base_url)
    if not settings.credentials or url.scheme == "https" or url.host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        return True


def _base_url(base_url: str | None) -> str:
    name = "base_url"
    if base_url is None:
        name = "SYNAPSE_AGENT_URL"
        base_url = os.environ.get(name)
        if not base_url:
            raise ValueError("base_url is missing: give it, or set SYNAPSE_AGENT_URL")
    if not isinstance(base_url, str):
        raise TypeError(f"{name} must be a string, not {type(base_url).__name__}")
    example = "https://agent.example.com"
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        # The URL itself is not shown where it may hold a password.
        raise ValueError(f"{name} is not a URL such as {example}: {error}") from None
    if len(base_url) > _LONGEST_URL:
        raise ValueError(f"{name} must be a URL such as {example}, not a text of {len(base_url):,} characters")
    if url.userinfo:
        raise ValueError(f"{name} must not hold a user or password: give the token as access_token")
    if re.search(r"\s", base_url) or not 0 < (url.port or 1) < 65_536:
        raise ValueError(f"{name} must be a URL such as {example}, not {base_url!r}")
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"{name} must be a whole URL such as {example}, not {base_url!r}")
    if url.query or url.fragment or "?" in base_url or "#" in base_url:
        raise ValueError(f"{name} must not hold a query or a fragment: {base_url!r}")
    return str(url).rstrip("/")


def _token(access_token: str | None, agent_token: str | None) -> tuple[str, str] | None:
    """Return the name of the argument that gave the token, and the token."""
    if access_token is not None and agent_token is not None and access_token != agent_token:
        raise ValueError("access_token and agent_token are two names of one value, and differ: give one of them")
    if access_token is not None:
        return "access_token", access_token
    if agent_token is not None:
        return "agent_token", agent_token
    token = os.environ.get("SYNAPSE_AGENT_TOKEN")
    return ("SYNAPSE_AGENT_TOKEN", token) if token else None


def _credentials(token: tuple[str, str] | None, user_token: str | None, tenant: str | None) -> dict[str, bytes]:
    headers = {}
    if token is not None:
        headers["Authorization"] = _header_value(*token)
    if user_token is not None:
        headers["SYNAPSE-User"] = b"Token " + _header_value("user_token", user_token)
    if tenant is not None:
        headers["SYNAPSE-Tenant"] = b"Token " + _header_value("tenant", tenant)
    return headers


def _header_value(name: str, value: object) -> bytes:
    """Return a secret as a header's value. No error shows it."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} is empty: leave it out to go without")
    try:
        encoded = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{name} has characters that a header cannot hold") from None
    if value != value.strip() or any(byte < 0x20 or byte == 0x7F for byte in encoded):
        raise ValueError(f"{name} has white space around it, or control characters, which a header cannot hold")
    return encoded


def _user_agent(user_agent: str | None) -> bytes:
    return USER_AGENT if user_agent is None else _header_value("user_agent", user_agent) + b" " + USER_AGENT


def _headers(headers: Mapping[str, str]) -> dict[str, bytes]:
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a dictionary of strings, not {type(headers).__name__}")
    values: dict[str, bytes] = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise ValueError(f"headers has a name that cannot be a header's: {name!r}")
        if argument := _CREDENTIALS.get(name.lower()):
            raise ValueError(f"headers must not hold {name}: give {argument}")
        if _FRAMING.fullmatch(name.lower()):
            raise ValueError(f"headers must not hold {name}, which says how the request itself is sent")
        if name.lower() in {other.lower() for other in values}:
            raise ValueError(f"headers holds {name} twice")
        values[name] = _header_value(f"headers[{name!r}]", value)
    return values


def _timeout(timeout: float | Mapping[str, float], otherwise: Timeout) -> Timeout:
    if not isinstance(timeout, Mapping):
        seconds = _arguments.seconds("timeout", timeout)
        return Timeout(connect=seconds, read=seconds, write=seconds, pool=seconds)
    known = ("connect", "read", "write", "pool")
    unknown = sorted(repr(key) for key in timeout if key not in known)
    if unknown:
        raise ValueError(f"timeout must have the keys {', '.join(map(repr, known))} alone, not {', '.join(unknown)}")
    return evolve(otherwise, **{key: _arguments.seconds(f"timeout[{key!r}]", given) for key, given in timeout.items()})
