"""The shell that does what the modules beside it decide: it sends requests, and waits."""

from __future__ import annotations

import os
import random
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import httpx

from synapse_sdk.clients import _log
from synapse_sdk.clients._call import Again, Answer, Call, Moment, Outcome, Silence
from synapse_sdk.clients._connections import Connections
from synapse_sdk.clients._redirect import origin
from synapse_sdk.clients._settings import sends_token_in_the_clear
from synapse_sdk.clients._transport import ClosedError
from synapse_sdk.clients._wire import wire_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from synapse_agent_api import AuthenticatedClient

    from synapse_sdk.clients._request import Request
    from synapse_sdk.clients._settings import Settings

T = TypeVar("T")

#: How much is read of a body that says nothing more than the status does, in bytes.
LONGEST_NEEDLESS_BODY = 1_000_000

_log.configure(os.environ)
_api_lock = threading.Lock()


class BaseClient:
    """A client on one pool of connections. It may be used from several threads, and is a context manager.

    Args:
        settings: How it reaches its agent.
        options: What it connects with; see `Connections`.
    """

    _monotonic = staticmethod(time.monotonic)
    _wall = staticmethod(time.time)
    _random = staticmethod(random.random)

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._settings = settings
        self._connections = Connections(settings, **options)
        self._is_copy = False
        self._api: AuthenticatedClient | None = None
        warn_of_token_in_the_clear(settings)

    @property
    def base_url(self) -> str:
        """The agent's URL, without a slash at its end."""
        return self._settings.base_url

    @property
    def api(self) -> AuthenticatedClient:
        """The generated client (`synapse_agent_api`) on the same connections, for code that wants attrs models.

        Its functions answer as the generator made them: an error status comes back as an `ErrorBody`, errors of the
        network are httpx's own, and no redirect is followed and nothing tried again. The timeouts and the deadline
        are this client's. To close it closes nothing.
        """
        from synapse_sdk.clients._api import share

        with _api_lock:
            if self._api is None or self._api.get_httpx_client().is_closed:
                self._api = share(self, self._connections.http_client(self._settings))
            return self._api

    def with_options(
        self,
        *,
        timeout: float | Mapping[str, float] | None = None,
        deadline: float | None = None,
        create_timeout: float | None = None,
        retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a copy with other options, on the same connections. This client stays as it is.

        Closing the copy closes nothing.

        Args:
            timeout: How long to wait for one step of a call, in seconds, as for the client itself.
            deadline: How long a call may take, retries and all, in seconds; `create_docker_container` too.
            create_timeout: How long to wait for `create_docker_container` to answer, in seconds.
            retries: How often a call may be tried again.
            headers: Headers on top of those that this client sends.

        Raises:
            ValueError: If one cannot be right.
            TypeError: If one is of a wrong type.
        """
        settings = self._settings.changed(
            timeout=timeout, deadline=deadline, create_timeout=create_timeout, retries=retries, headers=headers
        )
        other = object.__new__(type(self))
        vars(other).update({**vars(self), "_settings": settings, "_is_copy": True, "_api": None})
        return other

    def __copy__(self) -> Self:
        return self.with_options()

    def close(self) -> None:
        """Close the connections. The client and its copies cannot be used afterwards.

        Calls that are under way in other threads end with an error. A copy made by `with_options` closes nothing.
        """
        if not self._is_copy:
            self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def _send(self, request: Request[T]) -> T:
        """Send a request, again where that is right, and return what its answer holds.

        Raises:
            ClientError: If there is no answer, or another than was asked for.
        """
        if self._connections.closed.is_set():
            raise RuntimeError(f"{self!r} is closed")
        call = Call.first(request, self._settings, self._monotonic())
        log = _log.CallLog(call)
        try:
            while True:
                outcome = self._attempt(call)
                log.outcome = outcome
                closed = self._connections.closed.is_set()
                step = call.after(outcome, Moment(self._monotonic(), self._wall(), self._random(), closed))
                if not isinstance(step, Again):
                    return cast("T", step.value)
                log.again(step, call)
                call = step.call
                if step.wait:
                    self._sleep(step.wait)
                if self._connections.closed.is_set():
                    raise call.interrupted()
        finally:
            log.end(call, self._monotonic())

    def _attempt(self, call: Call) -> Outcome:
        """Send a request once, and return what came of it."""
        request = wire_request(call, self._settings, self._monotonic())
        try:
            response = self._connections.send(request)
        except ClosedError:
            raise RuntimeError(f"{self!r} is closed") from None
        except Exception as error:  # noqa: BLE001 - a transport that the program brought may raise anything
            sent = self._connections.was_sent(request, error)
            return Silence(self._connections.redacted(error), sent=sent, proxy=self._connections.proxy)
        return self._read(response, call)

    def _read(self, response: httpx.Response, call: Call) -> Outcome:
        content = bytearray()
        broken: Exception | None = None
        try:
            for part in response.iter_bytes():
                content += part
                if self._monotonic() >= call.deadline:
                    broken = httpx.ReadTimeout("the deadline passed")
                    break
                if len(content) > LONGEST_NEEDLESS_BODY and not call.needs_body(response.status_code):
                    break
        except Exception as error:  # noqa: BLE001 - see above
            broken = self._connections.redacted(error)
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, bytes(content), broken)

    def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than the client lives."""
        self._connections.closed.wait(seconds)


_warned_of: set[tuple[str, str, int | None]] = set()


def warn_of_token_in_the_clear(settings: Settings) -> None:
    """Warn, once for an agent, that its token is sent without encryption."""
    agent = origin(httpx.URL(settings.base_url))
    if sends_token_in_the_clear(settings) and agent not in _warned_of:
        message = f"the token is sent to {settings.base_url} without encryption: use https"
        warnings.warn(message, stacklevel=4)
        _warned_of.add(agent)
