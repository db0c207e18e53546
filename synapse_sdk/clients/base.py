"""The shell that does what the modules beside it decide: it sends requests, and waits."""

from __future__ import annotations

import platform
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import httpx

from synapse_sdk._version import __version__
from synapse_sdk.clients import _answers
from synapse_sdk.clients._transport import OriginTransport, environment_proxy

if TYPE_CHECKING:
    from types import TracebackType

    from synapse_agent_api import AuthenticatedClient

    from synapse_sdk.clients._request import Request
    from synapse_sdk.clients._settings import Settings

T = TypeVar("T")

USER_AGENT = f"synapse-sdk/{__version__} python/{platform.python_version()}"


class BaseClient:
    """A client on one pool of connections. It may be used from several threads, and is a context manager.

    Args:
        settings: How it reaches its agent.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        url = httpx.URL(settings.base_url)
        self._http = httpx.Client(
            base_url=url,
            headers={"Accept": "application/json", "User-Agent": USER_AGENT},
            timeout=_httpx_timeout(settings, builds=False),
            transport=OriginTransport(
                url, settings.headers, httpx.HTTPTransport(proxy=environment_proxy(url), trust_env=True)
            ),
            # Nothing of .netrc: what proves who asks is what the program gave.
            trust_env=False,
        )
        # A program that never closes its client, as the documented ones, leaves no socket open behind it.
        self._close = weakref.finalize(self, self._http.close)

    @property
    def base_url(self) -> str:
        """The agent's URL, without a slash at its end."""
        return self._settings.base_url

    @cached_property
    def api(self) -> AuthenticatedClient:
        """The generated client (`synapse_agent_api`) on the same connections, for code that wants attrs models.

        Its functions answer as the generator made them: an error status comes back as an `ErrorBody`, and errors of
        the network are httpx's own.
        """
        from synapse_sdk.clients._api import share

        return share(self, self._http)

    def close(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def _send(self, request: Request[T]) -> T:
        """Send a request and return what its answer holds.

        Raises:
            ClientError: If there is no answer, or another than was asked for.
        """
        url = self.base_url + request.path
        if self._http.is_closed:
            raise RuntimeError(f"{self!r} is closed")
        try:
            response = self._http.request(
                request.method,
                request.path,
                params=request.query,
                json=request.body,
                timeout=_httpx_timeout(self._settings, builds=request.builds),
            )
        except httpx.HTTPError as error:
            raise _answers.failure_of(request, url, error) from error
        answer: Any = _answers.read_answer(request, url, response.status_code, response.headers, response.content)
        return cast("T", answer)


def _httpx_timeout(settings: Settings, *, builds: bool) -> httpx.Timeout:
    timeout = settings.timeout_of(builds=builds)
    return httpx.Timeout(timeout.read, connect=timeout.connect)
