"""Several pages at a time, and one page ahead of whoever iterates."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import define, field

from synapse_sdk.exceptions import ClientError, NotFoundError, ServerError
from tests.clients.agents import PATIENCE, Agent, Reply, Seen
from tests.clients.peers import read_head
from tests.faults.server import response
from tests.kinds import KINDS, BlockingClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = 4

whose: ContextVar[str] = ContextVar("whose", default="nobody's")


@define
class Pages:
    """An agent's pages of `SIZE` records each, numbered unless they have cursors.

    Attributes:
        total: How many records there are.
        before: Is called with the number of a page before it is answered; what it returns is the answer.
        cursors: Whether a page is named by a cursor.
        counted: Whether the agent says how many records there are.
        asked: The numbers of the pages that were asked for, in order.
        together: How many were asked for at a time, at the most.
    """

    total: int
    before: Callable[[int], Reply | None] = lambda _number: None
    cursors: bool = False
    counted: bool = True
    asked: list[int] = field(factory=list)
    together: int = 0
    _now: int = 0
    _lock: threading.Lock = field(factory=threading.Lock)

    def __call__(self, seen: Seen) -> Reply:
        query = parse_qs(urlsplit(seen.path).query)
        number = int(query.get("cursor" if self.cursors else "page", ["1"])[0])
        with self._lock:
            self.asked.append(number)
            self._now += 1
            self.together = max(self.together, self._now)
        try:
            return self.before(number) or Reply(self.page(number))
        finally:
            with self._lock:
                self._now -= 1

    def page(self, number: int) -> dict[str, Any]:
        last = min(number * SIZE, self.total)
        following = f"{'cursor' if self.cursors else 'page'}={number + 1}&page_size={SIZE}"
        page = {
            "next": f"http://gateway/containers/?{following}" if last < self.total else None,
            "results": [{"id": row} for row in range((number - 1) * SIZE + 1, last + 1)],
        }
        return {**page, "count": self.total} if self.counted else page


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as agent:
        yield agent


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, agent: Agent) -> Iterator[Any]:
    with KINDS[request.param](agent.url, retries=0) as client:
        yield client
    assert helpers() == []


def helpers() -> list[str]:
    """Return the threads that fetch pages, while they live."""
    return [thread.name for thread in threading.enumerate() if "synapse-sdk-pages" in thread.name]


def hold(agent: Agent) -> Callable[[int], None]:
    """Return what answers no page but the first before the end of the test."""

    def before(number: int) -> None:
        if number > 1:
            agent.closing.wait(PATIENCE)

    return before


def ids(rows: Any) -> list[int]:
    return [row["id"] for row in rows]


def asked(agent: Agent) -> list[int]:
    """Return the numbers of the pages that were asked for, each from when `Agent.wait_for_request` tells of it."""
    queries = [parse_qs(urlsplit(seen.path).query) for seen in agent.seen]
    return [int(query.get("page", query.get("cursor", ["1"]))[0]) for query in queries]


def everything(client: Any) -> list[int]:
    rows, total = client.list_containers({"page_size": SIZE}, list_all=True)
    assert total == len(rows)
    assert helpers() == []
    return ids(rows)


@pytest.mark.parametrize("most", [2, 3, 8])
def test_so_many_pages_are_fetched_at_a_time_and_no_more_and_come_in_order(
    agent: Agent, client: Any, most: int
) -> None:
    # None of these pages is answered before as many have been asked for as may be.
    together = threading.Barrier(most)

    def wait(number: int) -> None:
        if number > 1:
            together.wait(PATIENCE)

    agent.answer = pages = Pages(SIZE * (1 + 3 * most), before=wait)
    assert everything(client.with_options(page_concurrency=most)) == list(range(1, pages.total + 1))
    assert pages.together == most
    assert sorted(pages.asked) == list(range(1, 2 + 3 * most))


def test_eight_pages_are_fetched_at_a_time_unless_told_otherwise(agent: Agent, client: Any) -> None:
    together = threading.Barrier(8)

    def wait(number: int) -> None:
        if number > 1:
            together.wait(PATIENCE)

    agent.answer = pages = Pages(SIZE * 9, before=wait)
    assert everything(client) == list(range(1, 37))
    assert pages.together == 8


def test_pages_that_are_answered_in_another_order_come_in_theirs(agent: Agent, client: Any) -> None:
    answered = threading.Event()

    def before(number: int) -> None:
        if number == 2:
            answered.wait(PATIENCE)
        if number == 7:
            answered.set()

    agent.answer = Pages(30, before=before)
    assert everything(client) == list(range(1, 31))
    assert answered.is_set()


def test_with_a_page_concurrency_of_1_pages_come_one_after_the_other_in_the_callers_own_thread(
    agent: Agent, client: Any
) -> None:
    seen: list[list[str]] = []
    agent.answer = pages = Pages(30, before=lambda _: seen.append(helpers()))
    assert everything(client.with_options(page_concurrency=1)) == list(range(1, 31))
    assert (pages.together, pages.asked) == (1, list(range(1, 9)))
    assert seen == [[]] * 8


@pytest.mark.parametrize(
    "pages", [Pages(30, cursors=True), Pages(30, counted=False), Pages(30, cursors=True, counted=False)]
)
def test_pages_without_number_or_count_come_one_after_the_other(agent: Agent, client: Any, pages: Pages) -> None:
    pages.asked.clear()
    agent.answer = pages
    assert everything(client) == list(range(1, 31))
    assert (pages.together, pages.asked) == (1, list(range(1, 9)))


def test_a_single_page_is_one_request_and_no_thread(agent: Agent, client: Any) -> None:
    seen: list[list[str]] = []
    agent.answer = pages = Pages(SIZE, before=lambda _: seen.append(helpers()))
    assert everything(client) == [1, 2, 3, 4]
    assert (pages.asked, seen) == ([1], [[]])


def test_the_filters_hold_on_every_page(agent: Agent, client: Any) -> None:
    agent.answer = Pages(30)
    client.list_containers({"page_size": SIZE, "status": "running", "label": ["a", "b"]}, list_all=True)
    assert len(agent.seen) == 8
    for seen in agent.seen:
        query = parse_qs(urlsplit(seen.path).query)
        assert (query["page_size"], query["status"], query["label"]) == ([str(SIZE)], ["running"], ["a", "b"])


def test_a_page_that_fails_ends_the_others_although_they_would_wait_for_long(agent: Agent, client: Any) -> None:
    arrived = threading.Barrier(2)

    def before(number: int) -> Reply | None:
        if number in (2, 5):
            arrived.wait(PATIENCE)
        if number == 5:
            return Reply({"detail": "boom"}, 500)
        if number > 1:
            agent.closing.wait(PATIENCE)
        return None

    agent.answer = Pages(40, before=before)
    # Nothing but the failure of page 5 can end this before the agent does.
    with pytest.raises(ServerError) as caught:
        everything(client)
    assert not agent.closing.is_set()
    assert "page=5" in str(caught.value.url)
    assert caught.value.rows == SIZE
    assert helpers() == []
    # The client is as it was.
    agent.answer = Pages(6)
    assert everything(client) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_that_fails_ends_those_that_wait_for_a_connection_or_to_be_tried_again(agent: Agent, kind: str) -> None:
    busy = threading.Event()
    arrivals = count()

    def before(number: int) -> Reply | None:
        if number == 1:
            return None
        match next(arrivals):
            case 0:
                busy.set()
                return Reply({"detail": "busy"}, 503, {"Retry-After": "50"})
            case 1:
                busy.wait(PATIENCE)
                return Reply({"detail": "boom"}, 500)
        agent.closing.wait(PATIENCE)
        return None

    agent.answer = Pages(40, before=before)
    with KINDS[kind](agent.url, limits={"max_connections": 2}, timeout=55) as client:
        with pytest.raises(ServerError, match="boom"):
            everything(client)
        assert helpers() == []
    assert not agent.closing.is_set()


class Records(logging.Filter):
    """Sees what a logger says, where it is said.

    Args:
        logger: The logger.
        level: From which level on it says something.
        see: Is called with each message.
    """

    def __init__(self, logger: str, level: int, see: Callable[[str], object]) -> None:
        super().__init__()
        self._logger = logging.getLogger(logger)
        self._wanted = level
        self._see = see

    def filter(self, record: logging.LogRecord) -> bool:
        self._see(record.getMessage())
        return True

    def __enter__(self) -> Self:
        self._level = self._logger.level
        self._logger.setLevel(self._wanted)
        self._logger.addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeFilter(self)
        self._logger.setLevel(self._level)


class Full:
    """An agent that takes one connection, and then no more are even made.

    It answers the first request with a page, and the next, when it is told to fail, with an error.
    """

    def __init__(self) -> None:
        self.failing = threading.Event()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._fillers = [socket.socket() for _ in range(3)]
        self._thread = threading.Thread(target=self._serve)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        connection, _address = self._listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            read_head(connection)
            for filler in self._fillers:
                filler.setblocking(False)
                filler.connect_ex(self._listener.getsockname())
            connection.sendall(response(200, Pages(40).page(1)))
            read_head(connection)
            self.failing.wait(PATIENCE)
            connection.sendall(response(500, {"detail": "boom"}))
            connection.recv(1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        for sock in (self._listener, *self._fillers):
            sock.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_that_fails_ends_those_that_are_connecting(kind: str) -> None:
    # The first page's connection serves the page that fails; two others need one of their own.
    begun = count(1)
    with Full() as agent, KINDS[kind](agent.url, retries=0, timeout=50, page_concurrency=3) as client:

        def see(message: str) -> None:
            if "connect_tcp.started" in message and next(begun) == 3:
                agent.failing.set()

        with Records("httpcore.connection", logging.DEBUG, see):
            began = time.monotonic()
            with pytest.raises(ServerError, match="boom"):
                everything(client)
            assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize("call", ["list_containers", "iter_containers"])
def test_what_a_caller_has_set_for_its_context_is_seen_where_pages_are_fetched_ahead(
    agent: Agent, client: Any, call: str
) -> None:
    agent.answer = Pages(20)
    seen: list[str] = []

    def use() -> list[int]:
        whose.set("mine")
        return everything(client) if call == "list_containers" else ids(client.iter_containers(page_size=SIZE))

    async def use_async() -> list[int]:
        whose.set("mine")
        if call == "list_containers":
            return ids((await client.inner.list_containers({"page_size": SIZE}, list_all=True))[0])
        return ids([row async for row in client.inner.iter_containers(page_size=SIZE)])

    with Records("synapse_sdk", logging.INFO, lambda _: seen.append(whose.get())):
        rows = client.run(use_async) if isinstance(client, BlockingClient) else copy_context().run(use)
    assert rows == list(range(1, 21))
    # One record for each page.
    assert seen == ["mine"] * 5


def test_a_page_that_is_gone_matters_only_if_the_list_leads_there(agent: Agent, client: Any) -> None:
    agent.answer = pages = Pages(40)
    gone = threading.Event()

    def shrink(number: int) -> Reply | None:
        # When the second page is asked for, most records have been deleted.
        if number == 2:
            gone.wait(PATIENCE)
            pages.total = 6
        if number == 3:
            gone.set()
        return Reply({"detail": "Invalid page."}, 404) if number > 2 else None

    pages.before = shrink
    assert everything(client) == [1, 2, 3, 4, 5, 6]
    agent.answer = Pages(40, before=lambda number: Reply({"detail": "Invalid page."}, 404) if number == 4 else None)
    with pytest.raises(NotFoundError) as caught:
        everything(client)
    assert caught.value.rows == 3 * SIZE


def test_a_list_that_grows_meanwhile_is_fetched_to_its_new_end(agent: Agent, client: Any) -> None:
    agent.answer = pages = Pages(20)
    grown = threading.Event()

    def grow(number: int) -> None:
        if number == 2:
            pages.total = 30
            grown.set()
        if number > 2:
            grown.wait(PATIENCE)

    pages.before = grow
    assert everything(client) == list(range(1, 31))
    assert sorted(pages.asked) == list(range(1, 9))


def test_pages_come_through_as_few_connections_as_there_may_be(agent: Agent) -> None:
    agent.answer = pages = Pages(60)
    for kind in KINDS.values():
        with kind(agent.url, limits={"max_connections": 2}) as client:
            assert everything(client) == list(range(1, 61))
    assert pages.together <= 2


@pytest.mark.parametrize("value", [0, -1, 1.5, "8", True, None])
def test_a_page_concurrency_that_is_no_number_from_1_on_is_refused(value: Any) -> None:
    for kind in KINDS.values():
        with pytest.raises((ValueError, TypeError), match=r"^page_concurrency must be"):
            kind("http://127.0.0.1:9", page_concurrency=value)


# One page ahead.


def test_the_next_page_is_fetched_while_the_caller_works_on_one_and_only_the_next(agent: Agent, client: Any) -> None:
    agent.answer = pages = Pages(20)
    rows = client.iter_containers(page_size=SIZE)
    assert agent.seen == []
    for number in range(1, 6):
        first = next(rows)
        assert first["id"] == (number - 1) * SIZE + 1
        # Nobody has asked for what comes after this row, but the next page is on its way.
        for _ in range(2 if number == 1 else 1 if number < 5 else 0):
            agent.wait_for_request()
        assert asked(agent) == list(range(1, min(number + 1, 5) + 1))
        assert ids([next(rows) for _ in range(SIZE - 1)]) == [first["id"] + more for more in (1, 2, 3)]
    with pytest.raises(StopIteration):
        next(rows)
    assert pages.together == 1


def test_cursors_are_read_ahead_too(agent: Agent, client: Any) -> None:
    agent.answer = Pages(20, cursors=True)
    rows = client.iter_containers(page_size=SIZE)
    next(rows)
    agent.wait_for_request()
    agent.wait_for_request()
    assert asked(agent) == [1, 2]
    assert ids(rows) == list(range(2, 21))


def test_the_rows_before_a_page_that_fails_come_before_its_error(agent: Agent, client: Any) -> None:
    agent.answer = Pages(20, before=lambda number: Reply({"detail": "boom"}, 500) if number == 3 else None)
    rows = client.iter_containers(page_size=SIZE)
    assert ids(next(rows) for _ in range(2 * SIZE)) == list(range(1, 9))
    with pytest.raises(ServerError) as caught:
        next(rows)
    assert caught.value.rows == 2 * SIZE


def stumble(rows: Any) -> None:
    for row in rows:
        raise KeyError(row["id"])


@pytest.mark.parametrize("end", ["closed", "forgotten", "an error of the caller's"])
def test_an_iterator_that_is_left_early_ends_what_it_had_begun(agent: Agent, client: Any, end: str) -> None:
    agent.answer = Pages(20, before=hold(agent))
    rows = client.iter_containers(page_size=SIZE)
    next(rows)
    agent.wait_for_request()
    agent.wait_for_request()
    if end == "closed":
        rows.close()
    elif end == "forgotten":
        del rows
        gc.collect()
    else:
        with pytest.raises(KeyError):
            stumble(rows)
        del rows
        gc.collect()
    assert helpers() == []
    assert not agent.closing.is_set()
    agent.answer = Pages(3)
    assert ids(client.iter_containers()) == [1, 2, 3]


def iterated(client: Any) -> list[int]:
    if isinstance(client, BlockingClient):

        async def collect() -> list[Any]:
            return [row async for row in client.inner.iter_containers(page_size=SIZE)]

        # As one call, which waits in the client's event loop from its beginning to its end.
        return ids(client.run(collect))
    return ids(client.iter_containers(page_size=SIZE))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [everything, iterated])
def test_closing_the_client_ends_the_pages_that_are_on_their_way(
    agent: Agent, kind: str, call: Callable[[Any], Any]
) -> None:
    agent.answer = Pages(40, before=hold(agent))
    client = KINDS[kind](agent.url)
    with ThreadPoolExecutor(1) as other:
        ending = other.submit(call, client)
        for _ in range(2):
            agent.wait_for_request()
        client.close()
        error = ending.exception(PATIENCE)
    # Pages that had not begun find the client closed.
    assert isinstance(error, ClientError | RuntimeError)
    assert "closed" in str(error)
    assert not agent.closing.is_set()
    assert helpers() == []
