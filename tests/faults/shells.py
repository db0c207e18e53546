"""The clients that the table of faults is played against, each behind the same few methods.

A client of another kind takes part by one more class here and its name in `SHELLS`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from tests.kinds import KINDS

#: Half of the time that a retry may wait at most is what it waits.
CHANCE = 0.5

#: The time of day, for `Retry-After` with a date.
WALL = 1_800_000_000.0

# Nothing here is encrypted, and to load the system's certificates for each row takes longer than the row.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Shell(Protocol):
    """A client with its way to wait for answers, made from a base URL, a nap (called in place of sleeping) and options.

    `call` may be used from several threads.
    """

    def __init__(self, base_url: str, nap: Callable[[float], None], **options: Any) -> None: ...

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return what a method of the client returns, an iterator's rows as a list."""

    def patiently(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Do the same on the same connections with all the time that a busy machine may need."""

    def close(self) -> None:
        """Close the client."""


class SyncShell:
    """`AgentClient`."""

    kind = "sync"

    def __init__(self, base_url: str, nap: Callable[[float], None], **options: Any) -> None:
        self.client = KINDS[self.kind](base_url, **{"verify": _NO_TLS, **options})
        self._replace(_sleep=lambda seconds, _stop: nap(seconds), _random=lambda: CHANCE, _wall=lambda: WALL)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return _call(self.client, name, *args, **kwargs)

    def patiently(self, name: str, *args: Any, **kwargs: Any) -> Any:
        client = self.client.with_options(timeout=30, create_timeout=30, deadline=60)
        return _call(client, name, *args, **kwargs)

    def close(self) -> None:
        self.client.close()

    def _replace(self, **clocks: Callable[..., Any]) -> None:
        vars(self.client).update(clocks)


class AsyncShell(SyncShell):
    """`AsyncAgentClient` under asyncio."""

    kind = "asyncio"

    def _replace(self, **clocks: Callable[..., Any]) -> None:
        nap = clocks["_sleep"]

        async def sleep(seconds: float) -> None:
            nap(seconds, None)

        vars(self.client.inner).update({**clocks, "_sleep": sleep})


class TrioShell(AsyncShell):
    """`AsyncAgentClient` under trio."""

    kind = "trio"


def _call(client: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    result = getattr(client, name)(*args, **kwargs)
    return list(result) if isinstance(result, Iterator) else result


SHELLS: dict[str, type[Shell]] = {shell.kind: shell for shell in (SyncShell, AsyncShell, TrioShell)}
