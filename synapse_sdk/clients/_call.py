"""One call, from its request to its end: what an attempt's outcome means, and what is to be done next.

The shells that do the I/O are loops over this: they make an attempt, hand its outcome to `Call.after`, and do the step
that comes back. Nothing here waits, sends, or looks at a clock.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
from attrs import evolve, field, frozen

from synapse_sdk import exceptions
from synapse_sdk.clients import _answers, _redirect, _retry
from synapse_sdk.clients._request import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synapse_sdk.clients._request import Request
    from synapse_sdk.clients._settings import Settings


@frozen
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: The headers, with names in lower case.
        content: The body, decompressed, as far as it came.
        broken: Why no more of it came, or None when it is whole.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(default=b"", repr=False)
    broken: Exception | None = None


@frozen
class Silence:
    """No answer came.

    Attributes:
        error: Why.
        sent: Whether the agent may have read the request.
        proxy: The URL of the proxy that was to pass the request on, without credentials.
    """

    error: Exception
    sent: bool
    proxy: str | None = None


# How much is read of a body that says nothing more than the status does, in bytes.
_LONGEST_NEEDLESS_BODY = 1_000_000

Outcome: TypeAlias = Answer | Silence

#: What ends a call whose client is closed while it waits.
CLOSED = "the client was closed meanwhile"


@frozen
class Moment:
    """What varies between two calls that are alike.

    Attributes:
        now: The monotonic time, in seconds.
        wall: The time of day, in seconds since 1970.
        chance: A random number from 0 up to 1.
        closed: Whether the client has been closed.
    """

    now: float
    wall: float
    chance: float
    closed: bool = False


@frozen
class Return:
    """The call ends with a value."""

    value: Any


@frozen
class Again:
    """The request goes out once more.

    Attributes:
        call: The call as it is then.
        wait: How long to wait before, in seconds.
        why: What went wrong, or None when a redirect is followed.
    """

    call: Call
    wait: float = 0.0
    why: str | None = None


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx.URL:
    """Return a URL, which is parsed once while the same is asked for again and again, as who polls does."""
    return httpx.URL(url)


@frozen
class Call:
    """A call on its way.

    Attributes:
        request: What is asked.
        url: Where it is asked now.
        base_url: The client's base URL.
        deadline: When the call ends, come what may, in monotonic time.
        seconds: How long that was at the beginning.
        retries: How often it may be tried again.
        attempts: How many attempts there were, the one under way included.
        redirects: How many redirects were followed.
        may_have_taken_effect: Whether an attempt before this one may have done something that lasts.
    """

    request: Request[Any]
    url: httpx.URL
    base_url: str
    deadline: float
    seconds: float
    retries: int
    attempts: int = 1
    redirects: int = 0
    may_have_taken_effect: bool = False

    @classmethod
    def first(cls, request: Request[Any], settings: Settings, now: float) -> Call:
        """Return the call that a request begins.

        Args:
            request: What is asked.
            settings: How the agent is reached.
            now: The monotonic time, in seconds.
        """
        seconds = settings.deadline_of(lasts=request.lasts)
        query = f"?{httpx.QueryParams(request.query)}" if request.query else ""
        return cls(
            request=request,
            url=_parsed(f"{settings.base_url}{request.path}{query}"),
            base_url=settings.base_url,
            deadline=now + seconds,
            seconds=seconds,
            retries=settings.retries,
        )

    def after(self, outcome: Outcome, moment: Moment) -> Return | Again:
        """Return what is to be done after an attempt.

        Raises:
            ClientError: If the call ends without what was asked for.
        """
        if isinstance(outcome, Silence):
            return self._after_silence(outcome, moment)
        if outcome.broken is not None and self.needs_body(outcome.status):
            if isinstance(outcome.broken, httpx.DecodingError):
                raise self._undecodable(outcome) from outcome.broken
            return self._after_silence(Silence(outcome.broken, sent=True), moment)
        return self._after_answer(outcome, moment)

    def interrupted(self) -> exceptions.ClientError:
        """Return the error that ends a call whose client is closed before it is tried again."""
        kind = _answers.broken_off(sent=self.may_have_taken_effect)
        context = self._context(_retry.Attempt(self.request.method, sent=False))
        return kind(None, f"{CLOSED}, before it was tried again", **{**context, "attempts": self.attempts - 1})

    def needs_body(self, status: int) -> bool:
        """Return whether the call depends on the body of an answer with this status."""
        # An error's status says enough, and so does a success where nothing more was asked for.
        return 200 <= status < 300 and self.request.shape is not Shape.NOTHING

    def most_needed(self, status: int) -> int:
        """Return how much to read of the body of an answer with this status, in bytes."""
        return sys.maxsize if self.needs_body(status) else _LONGEST_NEEDLESS_BODY

    def _after_silence(self, silence: Silence, moment: Moment) -> Return | Again:
        error = silence.error
        attempt = _retry.Attempt(self.request.method, sent=silence.sent)
        context = self._context(attempt)
        if moment.now >= self.deadline:
            detail = f"the deadline of {self.seconds:g} s passed"
            raise exceptions.ClientTimeoutError(None, detail, **context) from error
        if moment.closed:
            raise _answers.broken_off(sent=silence.sent)(None, CLOSED, **context) from error
        detail = _answers.describe(error)
        if silence.proxy and not silence.sent:
            detail += f" (by the proxy {silence.proxy})"
        failure = _answers.kind_of(error, sent=silence.sent)(None, detail, **context)
        failure.__cause__ = error
        if _answers.is_final(error):
            raise failure
        return self._again(attempt, failure, moment, why=detail)

    def _after_answer(self, answer: Answer, moment: Moment) -> Return | Again:
        attempt = _retry.Attempt(self.request.method, status=answer.status)
        context = {**self._context(attempt), "headers": answer.headers}
        if 200 <= answer.status < 300:
            return Return(_answers.read(self.request, answer.status, answer.headers, answer.content, context))
        if 300 <= answer.status < 400:
            return self._redirected(answer, context)
        if answer.status == 404 and self.request.method == "DELETE" and self.may_have_taken_effect:
            # What an earlier attempt was to remove is gone.
            return Return(None)
        retry_after = _retry.parse_retry_after(answer.headers.get("retry-after"), moment.wall)
        failure = _answers.failure(answer.status, answer.content, {**context, "retry_after": retry_after})
        return self._again(attempt, failure, moment, why=f"it was answered {answer.status}", retry_after=retry_after)

    def _again(
        self,
        attempt: _retry.Attempt,
        failure: exceptions.ClientError,
        moment: Moment,
        *,
        why: str,
        retry_after: float | None = None,
    ) -> Again:
        if self.attempts > self.retries or not _retry.is_repeatable(attempt):
            raise failure
        if retry_after is not None and (
            retry_after > _retry.LONGEST_RETRY_AFTER or moment.now + retry_after >= self.deadline
        ):
            raise failure
        wait = _retry.backoff(self.attempts - 1, moment.chance) if retry_after is None else retry_after
        if moment.now + wait >= self.deadline:
            detail = f"the deadline of {self.seconds:g} s leaves no time to try again; the last attempt: {failure}"
            raise exceptions.ClientTimeoutError(None, detail, **self._context(attempt)) from failure
        again = evolve(
            self,
            attempts=self.attempts + 1,
            may_have_taken_effect=self.may_have_taken_effect or attempt.may_have_taken_effect,
        )
        return Again(again, wait, why)

    def _undecodable(self, answer: Answer) -> exceptions.ClientError:
        context = self._context(_retry.Attempt(self.request.method, status=answer.status))
        detail = f"{self.request.shape.value} was due, and a body that cannot be decompressed came: {answer.broken}"
        return exceptions.ResponseDecodeError(answer.status, detail, headers=answer.headers, **context)

    def _redirected(self, answer: Answer, context: Mapping[str, Any]) -> Again:
        try:
            target = _redirect.follow(
                self.request.method,
                self.url,
                answer.status,
                answer.headers.get("location"),
                followed=self.redirects,
                base_url=self.base_url,
            )
        except _redirect.NotFollowedError as error:
            if answer.status in _redirect.KEEP_METHOD:
                # It asks for the same request elsewhere, so it was not carried out here. The others may follow a
                # request that was: 303 says so, and 301 and 302 are often given for it.
                context = {**context, "may_have_taken_effect": self.may_have_taken_effect}
            raise exceptions.RedirectError(answer.status, str(error), **context) from None
        return Again(evolve(self, url=target, redirects=self.redirects + 1))

    def _context(self, attempt: _retry.Attempt) -> dict[str, Any]:
        return {
            "operation": self.request.operation,
            "method": self.request.method,
            "url": str(self.url),
            "attempts": self.attempts,
            "may_have_taken_effect": self.may_have_taken_effect or attempt.may_have_taken_effect,
        }
