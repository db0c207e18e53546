"""The faults of the table, by the names that stand there."""

from __future__ import annotations

import gzip
import json
from email.utils import formatdate
from typing import TYPE_CHECKING

from attrs import field, frozen

from tests.faults.agent import container, good, good_answer, page, record
from tests.faults.server import (
    Seen,
    Step,
    Then,
    answer,
    answer_by,
    answer_unread,
    chunk,
    close_after_request,
    close_on_connect,
    close_unread,
    drip,
    forever,
    head,
    held,
    in_pieces,
    late,
    never_read,
    repeat,
    reset_after_request,
    response,
    say,
    silence,
    stale,
    truncated,
)
from tests.faults.shells import WALL
from tests.faults.table import MOST

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Fault:
    """What goes wrong.

    Attributes:
        script: The server's script, given another server's URL.
        before: Which call succeeds before the one that counts, and leaves its connection open.
        server: How the server begins, where it does not listen and accept as usual.
        wakes: Whether the server begins to listen when the client waits for the first time.
        busy: Whether the client has one connection, which another call holds.
        unresolved: Whether the agent's host has no address.
    """

    script: Callable[[str], list[Step]] = field(repr=False)
    before: str | None = None
    server: dict[str, bool] = field(factory=dict)
    wakes: bool = False
    busy: bool = False
    unresolved: bool = False


def always(step: Step) -> Fault:
    return Fault(lambda _: [forever(step)])


def then(*steps: Step) -> Fault:
    return Fault(lambda _: list(steps))


def kept(*steps: Step, before: str = "get") -> Fault:
    """What goes wrong on a connection that the first step, which answers another call, leaves behind."""
    return Fault(lambda _: list(steps), before=before)


def refusal(status: int, retry_after: str | None = None) -> Step:
    return answer(status, {"detail": "no"}, headers=[("Retry-After", retry_after)] if retry_after is not None else [])


def moved(status: int, origin: str = "") -> Step:
    """Point to the same place, at another origin if one is given, in which `{host}` is this one's host and port."""

    def decide(seen: Seen) -> bytes:
        # Never twice to the same URL, so that nothing but the number of redirects ends a circle.
        target = f"{seen.target.partition('?')[0]}?moved={seen.at}"
        return response(status, headers=[("Location", origin.replace("{host}", seen.headers["host"]) + target)])

    return answer_by(decide)


def slow(raw: bytes, at_once: int = 0) -> Step:
    """Send an answer byte by byte, so slowly that all of it takes longer than a call may take at the most."""
    assert (len(raw) - at_once) * SLOW_SECONDS > MOST
    return drip(raw, at_once=at_once, seconds=SLOW_SECONDS)


def slow_body(raw: bytes) -> Step:
    """Send an answer's head and the first byte of its body at once, and then byte by byte."""
    return slow(raw, at_once=raw.index(b"\r\n\r\n") + 5)


def pointing(status: int, location: str) -> Fault:
    return always(answer(status, headers=[("Location", location)]))


# Short enough that some bytes come before a deadline of some tenths of a second passes.
SLOW_SECONDS = 0.1

CONTAINER = json.dumps(container()).encode()
ANSWER = response(200, container())
HEAD = ANSWER.partition(b"{")[0]
NO = response(503, {"detail": "no"})
ZIPPED = gzip.compress(CONTAINER)
AS_GZIP = [("Content-Encoding", "gzip")]
CHUNKED = [("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")]
OF_NOBODY = response(200, {"id": "of nobody"})
OF_NOBODY_IN_CHUNKS = head(200, CHUNKED) + chunk(b'{"id": "of nobody"}') + chunk(b"")

FAULTS: dict[str, Fault] = {
    # Never reached.
    "refused": Fault(lambda _: [], server={"listening": False}),
    "refused, then well": Fault(lambda _: [good()], server={"listening": False}, wakes=True),
    "refused, 404": Fault(lambda _: [refusal(404)], server={"listening": False}, wakes=True),
    "refused, closed": Fault(lambda _: [close_after_request()], server={"listening": False}, wakes=True),
    "no such host": Fault(lambda _: [], unresolved=True),
    "full queue": Fault(lambda _: [], server={"full": True}),
    "busy pool": Fault(lambda _: [held(good()), forever(good())], busy=True),
    # An error status, always or at first.
    **{
        str(status): always(refusal(status))
        for status in (400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 499, 500, 501, 502, 503, 504, 505, 599, 700)
    },
    **{
        f"{status}, then well": then(refusal(status), good())
        for status in (401, 404, 409, 422, 429, 500, 501, 502, 503, 504)
    },
    **{f"{status}, 404": then(refusal(status), refusal(404)) for status in (429, 502, 503, 504)},
    "429, 503, then well": then(refusal(429), refusal(503), good()),
    "503, 502": then(refusal(503), refusal(502), good()),
    "503, closed, then well": then(refusal(503), close_after_request(), good()),
    "503, 500": then(refusal(503), refusal(500)),
    # What an error says.
    "a reason": always(answer(500, {"detail": "no"}, headers=[("X-Request-ID", "r-1")])),
    "fields": always(
        answer(422, {"detail": [{"type": "missing", "loc": ["body", "a"], "msg": "Field required", "input": "s"}]})
    ),
    "a list of text": always(answer(422, {"detail": ["boom"]})),
    "other JSON": always(answer(500, {"error": "boom"})),
    "a page of HTML": always(answer(500, body=b"<html><title>Bad day</title>" + b"<p>x" * 250_000)),
    "nothing": always(answer(500)),
    "bytes": always(answer(500, body=b"\xff\xfe\xff")),
    # When to try again.
    **{
        f"{status} after {wait}": then(refusal(status, wait), good())
        for status, waits in {
            429: ("7", "0", "60", "61", "soon", "inf"),
            503: ("7", "60", "61"),
            502: ("7",),
            500: ("7",),
        }.items()
        for wait in waits
    },
    "429 after a date": then(refusal(429, formatdate(WALL + 30, usegmt=True)), good()),
    "503 after a date": then(refusal(503, formatdate(WALL + 30, usegmt=True)), good()),
    "429 after a past date": then(refusal(429, formatdate(WALL - 30, usegmt=True)), good()),
    "429 after a far date": then(refusal(429, formatdate(WALL + 3600, usegmt=True)), good()),
    # The answer is lost.
    "closed": always(close_after_request()),
    "closed, then well": then(close_after_request(), good()),
    "closed, 404": then(close_after_request(), refusal(404)),
    "closed, 401": then(close_after_request(), refusal(401)),
    "closed, 500": then(close_after_request(), refusal(500)),
    "closed, 503, 404": then(close_after_request(), refusal(503), refusal(404)),
    "closed, 503, 429": then(close_after_request(), refusal(503), refusal(429)),
    "reset": always(reset_after_request()),
    "reset, then well": then(reset_after_request(), good()),
    "reset, 404": then(reset_after_request(), refusal(404)),
    "closed unread": always(close_unread()),
    "closed on connect": always(close_on_connect()),
    "closed on connect, 404": then(close_on_connect(), refusal(404)),
    "half a status line": always(say(b"HTTP/1.1 20", Then.CLOSE)),
    "half a head": always(say(HEAD[:40], Then.CLOSE)),
    "not HTTP": always(say(b"SSH-2.0-OpenSSH_9.9\r\n", Then.CLOSE)),
    "not HTTP, 404": then(say(b"SSH-2.0-OpenSSH_9.9\r\n", Then.CLOSE), refusal(404)),
    "a status of letters": always(say(ANSWER.replace(b"200", b"abc"))),
    "two lengths": always(say(head(200, [("Content-Length", "2"), ("Content-Length", "3")]) + b"{}")),
    "a length of letters": always(say(head(200, [("Content-Length", "two")]) + b"{}")),
    "huge headers": always(answer(200, container(), headers=[("X-Much", "x" * 1_000_000)])),
    "endless headers": always(
        Step("endless headers", lambda line, _: line.send(b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 100_000))
    ),
    # Its body is lost.
    "half a body": always(truncated(ANSWER, keep=10)),
    "no body": always(truncated(ANSWER, keep=0)),
    "half a body, reset": always(truncated(ANSWER, keep=10, then=Then.RESET)),
    "half a body, then well": then(truncated(ANSWER, keep=10), good()),
    "half of chunks": always(say(head(200, CHUNKED) + chunk(CONTAINER), Then.CLOSE)),
    "half a chunk": always(say(head(200, CHUNKED) + chunk(CONTAINER)[:20], Then.CLOSE)),
    "no chunk": always(say(head(200, CHUNKED) + b"zzz\r\n{}\r\n", Then.CLOSE)),
    **{
        f"half a {status}": always(truncated(response(status, {"detail": "no"}), keep=5))
        for status in (401, 404, 422, 429, 500, 502, 503)
    },
    "half a 502, 404": then(truncated(response(502, {"detail": "no"}), keep=5), refusal(404)),
    "half a 503, then well": then(truncated(NO, keep=5), good()),
    # Slow.
    "silence": always(silence()),
    "silence, then well": then(silence(), good()),
    "silence, 404": then(silence(), refusal(404)),
    "half a status line, silence": always(say(b"HTTP/1.1 20", Then.SILENCE)),
    "half a head, silence": always(say(HEAD[:40], Then.SILENCE)),
    "half a body, silence": always(truncated(ANSWER, keep=10, then=Then.SILENCE)),
    "half a 422, silence": always(truncated(response(422, {"detail": "no"}), keep=5, then=Then.SILENCE)),
    # The head alone takes longer than a call may: between the parts of a body the client looks at the clock anyway.
    "dripped head": always(slow(response(200, container(), headers=[("X-Slow", "x" * 100)]))),
    "dripped body": always(slow_body(ANSWER)),
    "dripped 422": always(slow_body(response(422, {"detail": "no" * 50}))),
    "dripped 503": always(slow_body(response(503, {"detail": "no" * 50}))),
    "endless 100": always(repeat(head(100))),
    "late": then(late(good(), 0.2)),
    "503, silence": then(refusal(503), forever(silence())),
    "never read": always(never_read()),
    "never accepted": Fault(lambda _: [], server={"accepting": False}),
    "413 unread": always(answer_unread(413, {"detail": "no"})),
    # Connections that are kept alive.
    "kept": kept(good(), good()),
    "kept, in chunks": kept(in_pieces(head(200, CHUNKED), chunk(CONTAINER), chunk(b"")), good()),
    "kept, zipped": kept(answer(200, body=ZIPPED, headers=AS_GZIP), good()),
    "kept, in pieces": kept(in_pieces(HEAD, CONTAINER[:9], CONTAINER[9:]), good()),
    "kept, after a 404": kept(refusal(404), good(), before="gone"),
    "stale": kept(stale(good()), good()),
    "stale, reset": kept(stale(good(), reset=True), good()),
    "stale, with a 408": kept(
        stale(good(), last_words=response(408, headers=[("Connection", "close")])),
        good(),
    ),
    "kept, closed": kept(good(), close_after_request(), good()),
    "kept, closed unread": kept(good(), close_unread(), good()),
    "kept, reset": kept(good(), reset_after_request(), good()),
    "kept, half a status line": kept(good(), say(b"HTTP/1.1 20", Then.CLOSE), good()),
    "kept, 503, closed": kept(good(), refusal(503), close_after_request(), good()),
    "said to close": kept(answer(200, container(), headers=[("Connection", "close")], then=Then.CLOSE), good()),
    "more than its length": kept(say(ANSWER + b"surplus"), good()),
    "an answer unasked for": kept(say(ANSWER + OF_NOBODY), good()),
    "chunks unasked for": kept(say(head(200, CHUNKED) + (chunk(CONTAINER) + chunk(b"")) + OF_NOBODY_IN_CHUNKS), good()),
    "chunks and an answer": kept(say(head(200, CHUNKED) + chunk(CONTAINER) + chunk(b"") + OF_NOBODY), good()),
    "a late answer unasked for": kept(in_pieces(ANSWER, OF_NOBODY), good()),
    "204 with a body": kept(say(response(204) + b'{"id": "of nobody"}'), good(), before="del"),
    # Unusual, and right.
    "100 first": always(answer_by(lambda seen: head(100) + good_answer(seen))),
    "103 first": always(answer_by(lambda seen: head(103, [("Link", "</x>")]) * 3 + good_answer(seen))),
    "202": always(answer(202, container())),
    "without a length": always(say(head(200) + CONTAINER, Then.CLOSE)),
    "in chunks": always(say(head(200, CHUNKED) + chunk(CONTAINER[:9]) + chunk(CONTAINER[9:]) + chunk(b""))),
    "zipped": always(answer(200, body=ZIPPED, headers=AS_GZIP)),
    "in pieces": always(drip(ANSWER, seconds=0.0001)),
    # A success without what was asked for.
    "200 with HTML": always(answer(200, body=b"<title>Sign in</title>", headers=[("Content-Type", "text/html")])),
    "200 with nothing": always(answer(200, body=b"")),
    "204": always(answer(204)),
    "200 with half JSON": always(answer(200, body=CONTAINER[:20])),
    "200 with two JSONs": always(answer(200, body=CONTAINER * 2)),
    "200 with bytes": always(answer(200, body=b'{"id": "\xff"}')),
    "200 with an array": always(answer(200, [container()])),
    "200 with an object": always(answer(200, container())),
    "200 with text": always(answer(200, "running")),
    "200 with a number": always(answer(200, 7)),
    "200 with null": always(answer(200, body=b"null")),
    "200 with a depth": always(answer(200, body=b"[" * 200_000)),
    "200 with a long number": always(answer(200, body=b'{"id": %s}' % (b"9" * 5_000))),
    "200 with no gzip": always(answer(200, body=CONTAINER, headers=AS_GZIP)),
    "200 with half a gzip": always(answer(200, body=ZIPPED[:30], headers=AS_GZIP)),
    "422 with no gzip": always(answer(422, {"detail": "no"}, headers=AS_GZIP)),
    "503 with no gzip": always(answer(503, {"detail": "no"}, headers=AS_GZIP)),
    "101": always(answer(101, headers=[("Upgrade", "other")])),
    # Pointed elsewhere.
    **{f"{status} here": then(moved(status), good()) for status in (301, 302, 303, 307, 308)},
    **{
        f"{status} elsewhere": Fault(lambda url, status=status: [forever(moved(status, url))])  # type: ignore[misc]
        for status in (301, 302, 303, 307, 308)
    },
    "307 to //": Fault(lambda url: [forever(moved(307, url.removeprefix("http:")))]),
    "307 with a password": Fault(lambda url: [forever(moved(307, url.replace("//", "//me:hunter2@")))]),
    "307 to https": always(moved(307, "https://{host}")),
    "307 to its other name": Fault(lambda url: [forever(moved(307, url.replace("127.0.0.1", "localhost")))]),
    "307 here, with a password": then(moved(307, "http://me:hunter2@{host}"), good()),
    "307 to nowhere": always(answer(307)),
    "307 to no URL": pointing(307, "http://["),
    "307 to a mailbox": pointing(307, "mailto:a@example.com"),
    "307 in a circle": always(moved(307)),
    "302 in a circle": always(moved(302)),
    "307 five times": then(*[moved(307)] * 5, good()),
    "half a 307": then(say(head(307, [("Location", "?moved=1"), ("Content-Length", "9")]), Then.CLOSE), good()),
    "300": pointing(300, "/x"),
    "304": always(answer(304)),
    "305": pointing(305, "/x"),
    "307 here, 503, then well": then(moved(307), refusal(503), good()),
    "307 here, closed, then well": then(moved(307), close_after_request(), good()),
    "307 here, 404": then(moved(307), refusal(404)),
    "503, 307 here": then(refusal(503), moved(307), good()),
    "closed, 307 here, 404": then(close_after_request(), moved(307), refusal(404)),
    # Pages.
    "next elsewhere": Fault(
        lambda url: [
            answer(200, page([1, 2], f"{url}/containers/?page=2", count=3)),
            answer(200, page([3], count=3)),
        ]
    ),
    "cursors": then(
        answer(200, page([1], "https://gateway/x?cursor=a%2Fb")),
        answer(200, page([2], "?cursor=c")),
        answer(200, page([3])),
    ),
    **{
        f"page 2: {name}": Fault(lambda _, steps=steps: [answer(200, page([1, 2], "?page=2", count=3)), *steps])  # type: ignore[misc]
        for name, steps in {
            "503, then well": [refusal(503), answer(200, page([3], count=3))],
            "closed, then well": [close_after_request(), answer(200, page([3], count=3))],
            "503": [forever(refusal(503))],
            "500": [refusal(500)],
            "404": [refusal(404)],
            "closed": [forever(close_after_request())],
            "307 elsewhere": [answer(307, headers=[("Location", "http://gateway.invalid/")])],
            "an array": [answer(200, [record(3)])],
            "no results": [answer(200, {"count": 3, "next": None})],
            "leads to itself": [forever(answer(200, page([3], "?page=2", count=9)))],
            "too many": [answer(200, page([3, 4], count=3))],
            "too few": [answer(200, page([], count=3))],
            "page 1 again": [answer(200, page([1, 2], "?page=3", count=9)), refusal(500)],
        }.items()
    },
    "a next of another kind": always(answer(200, page([1], count=2) | {"next": 2})),
    "a next that is no URL": always(answer(200, page([1], "http://[?page=2", count=2))),
    # JSON can hold half of a character, which a URL cannot.
    "a next that is no text": always(answer(200, page([1], "?page=\udcff", count=2))),
    "a count of another kind": always(answer(200, page([1], count="many"))),
    "endless equal pages": then(*[answer(200, page([1, 2], f"?cursor={number}")) for number in range(30)]),
}
