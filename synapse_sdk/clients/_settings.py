"""How a client reaches its agent, checked before anything is sent."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import httpx
from attrs import evolve, field, frozen

#: How long to wait by default, in seconds.
CONNECT_TIMEOUT = 3.0
READ_TIMEOUT = 10.0
CREATE_TIMEOUT = 600.0


@frozen
class Timeout:
    """How long a client waits, in seconds.

    Attributes:
        connect: For the connection.
        read: For the next part of the answer.
    """

    connect: float = CONNECT_TIMEOUT
    read: float = READ_TIMEOUT


@frozen
class Settings:
    """How a client reaches its agent.

    Attributes:
        base_url: The agent's URL, without a slash at its end.
        headers: The headers that prove who asks. They never leave for another origin.
        timeout: How long to wait.
        create_timeout: How long to wait for the answer while a container is built and started, in seconds.
    """

    base_url: str
    headers: dict[str, bytes] = field(repr=False)
    timeout: Timeout
    create_timeout: float

    def timeout_of(self, *, builds: bool) -> Timeout:
        """Return how long to wait for a request."""
        return evolve(self.timeout, read=self.create_timeout) if builds else self.timeout


def make_settings(
    *,
    base_url: str | None,
    access_token: str | None,
    agent_token: str | None,
    user_token: str | None,
    tenant: str | None,
    timeout: float | Mapping[str, float] | None,
    create_timeout: float | None,
) -> Settings:
    """Return the settings that an agent client's arguments and the environment give, or raise an error naming one."""
    waits = _timeout(timeout)
    return Settings(
        base_url=_base_url(base_url),
        headers=_credentials(_token(access_token, agent_token), user_token, tenant),
        timeout=waits,
        create_timeout=(
            max(CREATE_TIMEOUT, waits.read) if create_timeout is None else _seconds("create_timeout", create_timeout)
        ),
    )


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
    if url.userinfo:
        raise ValueError(f"{name} must not hold a user or password: give the token as access_token")
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


def _timeout(timeout: float | Mapping[str, float] | None) -> Timeout:
    if timeout is None:
        return Timeout()
    if not isinstance(timeout, Mapping):
        seconds = _seconds("timeout", timeout)
        return Timeout(connect=seconds, read=seconds)
    known = {"connect", "read"}
    unknown = sorted(repr(key) for key in timeout if key not in known)
    if unknown:
        raise ValueError(f"timeout must have the keys 'connect' and 'read' alone, not {', '.join(unknown)}")
    return Timeout(**{key: _seconds(f"timeout[{key!r}]", seconds) for key, seconds in timeout.items()})


def _seconds(name: str, value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a number of seconds above 0 and not endless, not {value}")
    return float(value)
