"""The shells that do what the modules beside them decide: they send requests, and wait.

`BaseClient` is for threads, `AsyncBaseClient` for the tasks of asyncio and trio.
"""

from __future__ import annotations

import os
import random
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

import anyio
import httpx
from anyio.lowlevel import checkpoint_if_cancelled

from synapse_sdk.clients import _log
from synapse_sdk.clients._call import Again, Call, Moment, Outcome, Silence
from synapse_sdk.clients._connections import make_connections
from synapse_sdk.clients._gate import ClosedError
from synapse_sdk.clients._redirect import origin
from synapse_sdk.clients._settings import sends_token_in_the_clear
from synapse_sdk.clients._wire import Body, answer, wire_request

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from synapse_agent_api import AuthenticatedClient

    from synapse_sdk.clients._request import Request
    from synapse_sdk.clients._settings import Settings
    from synapse_sdk.clients._stop import Stop

T = TypeVar("T")

_log.configure(os.environ)
_api_lock = threading.Lock()


class _Client:
    """What both shells are: settings, and connections that their copies share."""

    _monotonic = staticmethod(time.monotonic)
    _wall = staticmethod(time.time)
    _random = staticmethod(random.random)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._is_copy = False
        self._api: AuthenticatedClient | None = None
        warn_of_token_in_the_clear(settings)

    @property
    def base_url(self) -> str:
        """The agent's URL, without a slash at its end."""
        return self._settings.base_url

    def with_options(
        self,
        *,
        timeout: float | Mapping[str, float] | None = None,
        deadline: float | None = None,
        create_timeout: float | None = None,
        retries: int | None = None,
        page_concurrency: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a copy with other options, on the same connections. This client stays as it is.

        Closing the copy closes nothing.

        Args:
            timeout: How long to wait for one step of a call, in seconds, as for the client itself.
            deadline: How long a call may take, retries and all, in seconds; one that waits for a container too.
            create_timeout: How long to wait for an answer while a container is created, started or stopped, in seconds.
            retries: How often a call may be tried again.
            page_concurrency: How many pages are fetched at a time where all are.
            headers: Headers on top of those that this client sends.

        Raises:
            ValueError: If one cannot be right.
            TypeError: If one is of a wrong type.
        """
        settings = self._settings.changed(
            timeout=timeout,
            deadline=deadline,
            create_timeout=create_timeout,
            retries=retries,
            page_concurrency=page_concurrency,
            headers=headers,
        )
        other = object.__new__(type(self))
        vars(other).update({**vars(self), "_settings": settings, "_is_copy": True, "_api": None})
        return other

    def __copy__(self) -> Self:
        return self.with_options()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def _closed_error(self) -> RuntimeError:
        return RuntimeError(f"{self!r} is closed")

    def _moment(self, *, closed: bool) -> Moment:
        return Moment(self._monotonic(), self._wall(), self._random(), closed)


class BaseClient(_Client):
    """A client on one pool of connections. It may be used from several threads, and is a context manager.

    Args:
        settings: How it reaches its agent.
        options: What it connects with; see `make_connections`.
    """

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._connections = make_connections(settings, **options)
        super().__init__(settings)

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
                self._api = share(self, self._connections, self._settings)
            return self._api

    def close(self) -> None:
        """Close the connections. The client and its copies cannot be used afterwards.

        Calls that are under way end with an error. A copy made by `with_options` closes nothing.
        """
        if not self._is_copy:
            self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, request: Request[T], stop: Stop | None = None) -> T:
        """Send a request, again where that is right, and return what its answer holds.

        Args:
            request: What is asked.
            stop: What may end the call from another thread, where that is not the end of the client alone.

        Raises:
            ClientError: If there is no answer, or another than was asked for.
        """
        if self._connections.closed.is_set():
            raise self._closed_error()
        stop = stop or self._connections.closed
        call = Call.first(request, self._settings, self._monotonic())
        log = _log.CallLog(call)
        try:
            while True:
                outcome = self._attempt(call, stop)
                log.outcome = outcome
                step = call.after(outcome, self._moment(closed=stop.is_set()))
                if not isinstance(step, Again):
                    return cast("T", step.value)
                log.again(step, call)
                call = step.call
                if step.wait:
                    self._sleep(step.wait, stop)
                if stop.is_set():
                    raise call.interrupted()
        finally:
            log.end(call, self._monotonic())

    def _attempt(self, call: Call, stop: Stop) -> Outcome:
        """Send a request once, and return what came of it."""
        request = wire_request(call, self._settings, self._monotonic(), stop)
        connections = self._connections
        try:
            response = connections.handle_request(request)
        except ClosedError:
            raise self._closed_error() from None
        except Exception as error:  # noqa: BLE001 - a transport that the program brought may raise anything
            sent = connections.was_sent(request, error)
            return Silence(connections.redacted(error), sent=sent, proxy=connections.proxy)
        body = Body(call.most_needed(response.status_code))
        broken: Exception | None = None
        try:
            for part in cast("httpx.SyncByteStream", response.stream):
                body.append(part)
                # The SDK's own connections keep the deadline; what a program brought may not.
                if self._monotonic() >= call.deadline:
                    broken = httpx.ReadTimeout("the deadline passed")
                if broken or body.is_enough:
                    break
        except Exception as error:  # noqa: BLE001 - see above
            broken = connections.redacted(error)
        finally:
            response.close()
        return answer(response, body, broken)

    def _sleep(self, seconds: float, stop: Stop) -> None:
        """Wait, but not longer than the client lives, or than anybody wants the answer."""
        stop.wait(seconds)


class AsyncBaseClient(_Client):
    """A client on one pool of connections, for tasks. It is an async context manager.

    Args:
        settings: How it reaches its agent.
        options: What it connects with; see `make_connections`.
    """

    def __init__(self, settings: Settings, **options: Any) -> None:
        # What a program without tasks need not import.
        from synapse_sdk.clients._async_connections import make_async_connections

        self._connections = make_async_connections(settings, **options)
        super().__init__(settings)

    @property
    def api(self) -> AuthenticatedClient:
        """The generated client (`synapse_agent_api`) on the same connections, for code that wants attrs models.

        Its functions answer as the generator made them: an error status comes back as an `ErrorBody`, errors of the
        network are httpx's own, and no redirect is followed and nothing tried again. The timeouts and the deadline
        are this client's. To close it closes nothing.
        """
        from synapse_sdk.clients._api import share_async

        with _api_lock:
            if self._api is None or self._api.get_async_httpx_client().is_closed:
                self._api = share_async(self, self._connections, self._settings)
            return self._api

    async def close(self) -> None:
        """Close the connections. The client and its copies cannot be used afterwards.

        Calls that are under way end with an error. A copy made by `with_options` closes nothing.
        """
        if not self._is_copy:
            await self._connections.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, request: Request[T]) -> T:
        """Send a request, again where that is right, and return what its answer holds.

        Args:
            request: What is asked.

        Raises:
            ClientError: If there is no answer, or another than was asked for.
        """
        waits = self._connections.waits
        if waits.closed:
            raise self._closed_error()
        call = Call.first(request, self._settings, self._monotonic())
        log = _log.CallLog(call)
        try:
            while True:
                outcome = await self._attempt(call)
                log.outcome = outcome
                step = call.after(outcome, self._moment(closed=waits.closed))
                if not isinstance(step, Again):
                    return cast("T", step.value)
                log.again(step, call)
                call = step.call
                if step.wait:
                    await self._sleep(step.wait)
                if waits.closed:
                    raise call.interrupted()
        finally:
            log.end(call, self._monotonic())

    async def _attempt(self, call: Call) -> Outcome:
        """Send a request once, and return what came of it."""
        request = wire_request(call, self._settings, self._monotonic())
        connections = self._connections
        response: httpx.Response | None = None
        body = Body(0)
        broken: Exception | None = None
        with connections.waits.limited(call.deadline - self._monotonic()) as scope:
            try:
                response = await connections.handle_async_request(request)
                body = Body(call.most_needed(response.status_code))
                async for part in cast("httpx.AsyncByteStream", response.stream):
                    body.append(part)
                    if body.is_enough or self._monotonic() >= call.deadline:
                        # Not `break`, which leaves generators unfinished, of which trio warns.
                        scope.cancel()
                        if not connections.always_wait:
                            await checkpoint_if_cancelled()
            except ClosedError:
                raise self._closed_error() from None
            except Exception as error:  # noqa: BLE001 - a transport that the program brought may raise anything
                broken = connections.redacted(error)
            finally:
                if response is not None:
                    await response.aclose()
        if scope.cancelled_caught and not body.is_enough:
            broken = httpx.ReadTimeout("the deadline passed")
        if response is not None:
            return answer(response, body, broken)
        reason = cast("Exception", broken)  # without an answer there is one
        return Silence(reason, sent=connections.was_sent(request, reason), proxy=connections.proxy)

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not longer than the client lives."""
        with self._connections.waits.limited(seconds):
            await anyio.sleep_forever()


_warned_of: set[tuple[str, str, int | None]] = set()


def warn_of_token_in_the_clear(settings: Settings) -> None:
    """Warn, once for an agent, that its token is sent without encryption."""
    agent = origin(httpx.URL(settings.base_url))
    if sends_token_in_the_clear(settings) and agent not in _warned_of:
        message = f"the token is sent to {settings.base_url} without encryption: use https"
        warnings.warn(message, stacklevel=5)
        _warned_of.add(agent)
