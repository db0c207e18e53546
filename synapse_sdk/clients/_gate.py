"""Who may be asked, and who is told the credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from attrs import field, frozen

from synapse_sdk.clients._redirect import origin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class ClosedError(RuntimeError):
    """The client is closed."""


@frozen
class Gate:
    """Adds the credentials to what goes to one origin, and lets nothing go anywhere else.

    They are added below httpx's clients, so that no request that an httpx error carries holds them.

    Attributes:
        origin: The origin that may be asked.
        credentials: The headers to add.
    """

    origin: tuple[str, str, int | None]
    credentials: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    _names: frozenset[bytes]

    @classmethod
    def of(cls, url: httpx.URL, credentials: Mapping[str, bytes]) -> Gate:
        """Return the gate to the origin of a URL."""
        headers = tuple((name.encode(), value) for name, value in credentials.items())
        return cls(origin(url), headers, frozenset(name.lower() for name, _ in headers))

    def headers(self, request: httpx.Request) -> list[tuple[bytes, bytes]]:
        """Return the headers of a request with the credentials, which replace what it may have of their names.

        Raises:
            UnsupportedProtocol: If it goes to another origin.
        """
        if origin(request.url) != self.origin:
            raise httpx.UnsupportedProtocol(f"{request.url} is not at this client's agent")
        kept = [(name, value) for name, value in request.headers.raw if name.lower() not in self._names]
        return [*kept, *self.credentials]

    def redacted(self, error: Exception) -> Exception:
        """Return an error of whoever has seen the credentials without them, and without causes that show them."""
        secrets = [value.decode("latin-1").removeprefix("Token ") for _, value in self.credentials]
        if not any(secret in text for text in _texts(error) for secret in secrets):
            return error
        text = str(error)
        for secret in secrets:
            text = text.replace(secret, "***")
        # A class of the program's own may be made from anything.
        kinds = (kind for kind in type(error).__mro__ if kind.__module__ == httpx.TransportError.__module__)
        kind = next((kind for kind in kinds if issubclass(kind, httpx.TransportError)), httpx.TransportError)
        return kind(text)


def _texts(error: BaseException) -> Iterator[str]:
    """Return what is said by an error, its notes, and all errors that hang on it."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield from (str(one), *getattr(one, "__notes__", ()))
        waiting += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
