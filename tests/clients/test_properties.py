"""What holds whatever comes: paths, retries, pages, texts of errors."""

from __future__ import annotations

import copy
import json
import pickle
import string
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from synapse_sdk import AgentClient, exceptions
from synapse_sdk.clients import _answers, _pages, _retry
from synapse_sdk.clients._call import Again, Answer, Call, Moment, Outcome, Silence
from synapse_sdk.clients._request import Request, Shape
from synapse_sdk.clients._settings import make_settings
from tests.clients.agents import Agent, Reply
from tests.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

E = TypeVar("E", bound=Exception)

URL = "http://127.0.0.1:8000/agent"

# No time limit for an example, which a busy machine would break, and no examples kept from run to run.
modest = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

few = settings(modest, max_examples=30)


def raised_by(make: Callable[[], Any], kind: type[E]) -> E | None:
    """Return the error of a kind that a call raises, or None when it raises none."""
    try:
        make()
    except kind as error:
        return error
    return None


# Paths.


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    with Agent(lambda _seen: Reply({"id": "abc"})) as agent:
        yield agent


@pytest.fixture(scope="module", params=KINDS)
def client(request: pytest.FixtureRequest, agent: Agent) -> Iterator[AgentClient]:
    with KINDS[request.param](f"{agent.url}/prefix") as client:
        yield client


awkward = st.text(alphabet=st.sampled_from("./\\%2eF?#&=;:@ \t\r\n\0\x7fé€\u2028\ud800abc"))


@few
@given(container_id=st.text() | awkward)
@example("..")
@example("%2e%2e")
@example("../../admin")
@example("\ud800")
@example("x" * 100_000)
@example("é" * 20_000)
def test_any_text_as_a_docker_id_is_one_segment_of_one_request_or_a_value_error(
    agent: Agent, client: AgentClient, container_id: str
) -> None:
    before = len(agent.seen)
    error = raised_by(lambda: client.get_docker_container(container_id), ValueError)
    if error is not None:
        assert "container_id" in str(error) or "URL too long" in str(error)
        assert len(str(error)) < 1_000
        assert len(agent.seen) == before
        return
    [seen] = agent.seen[before:]
    assert seen.path.startswith("/prefix/containers/docker/")
    segment = seen.path.removeprefix("/prefix/containers/docker/")
    assert not set(segment) & set("/?#")
    assert unquote(segment, errors="strict") == container_id


@few
@given(
    filters=st.dictionaries(
        st.text(min_size=1) | st.just("status"),
        st.none() | st.text() | st.integers() | st.booleans() | st.lists(st.text()),
    )
)
@example({"name": "x" * 100_000})
def test_any_filter_arrives_as_it_was_given_or_is_a_value_error(
    agent: Agent, client: AgentClient, filters: dict[str, Any]
) -> None:
    before = len(agent.seen)
    error = raised_by(lambda: client.list_containers(filters), ValueError)
    if error is not None:
        assert "params" in str(error) or "URL too long" in str(error)
        assert len(str(error)) < 1_000
        assert len(agent.seen) == before
        return
    [seen] = agent.seen[before:]
    path, _, query = seen.path.partition("?")
    assert path == "/prefix/containers/"
    wanted = [
        (name, str(one).lower() if isinstance(one, bool) else str(one))
        for name, value in filters.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    ]
    sent = [part.partition("=")[::2] for part in query.split("&") if part]
    # Their order says nothing, but for values of one name, which Python's sorting keeps.
    assert sorted([(text_of(name), text_of(value)) for name, value in sent], key=first_of) == sorted(
        wanted, key=first_of
    )


def text_of(encoded: str) -> str:
    return unquote(encoded.replace("+", " "), errors="strict")


def first_of(pair: tuple[str, str]) -> str:
    return pair[0]


# Retries.

NOT_SENT: list[Callable[[], Exception]] = [
    lambda: httpx.ConnectError("refused"),
    lambda: httpx.ConnectTimeout("silent"),
    lambda: httpx.PoolTimeout("busy"),
    lambda: httpx.ProxyError("403"),
]
MAYBE_SENT: list[Callable[[], Exception]] = [
    lambda: httpx.ReadError("reset"),
    lambda: httpx.ReadTimeout("silent"),
    lambda: httpx.WriteError("broken pipe"),
    lambda: httpx.WriteTimeout("full"),
    lambda: httpx.CloseError("closed"),
    lambda: httpx.RemoteProtocolError("disconnected"),
    lambda: httpx.DecodingError("no gzip"),
    lambda: httpx.StreamClosed(),
]
ERRORS = NOT_SENT + MAYBE_SENT

lost = st.sampled_from(ERRORS).map(lambda make: make())
silences = st.builds(Silence, lost, sent=st.booleans())
answers = st.builds(
    Answer,
    st.sampled_from([200, 201, 204, 301, 302, 304, 307, 308, 400, 401, 404, 409, 422, 429, 500, 501, 502, 503, 504])
    | st.integers(100, 999),
    st.fixed_dictionaries(
        {},
        optional={
            "retry-after": st.sampled_from(["0", "1", "59", "60", "61", "-1", "nan", "1e9", "soon", "0.5"]),
            "location": st.sampled_from(["/elsewhere", "?again", "http://127.0.0.1:8000/x", "http://other/x", ""]),
        },
    ),
    st.sampled_from([b"", b"{}", b"[]", b'{"detail": "no"}', b"<html>"]),
    st.none() | lost,
)
outcomes: st.SearchStrategy[Outcome] = silences | answers


def was_surely_not_done(outcome: Outcome) -> bool:
    """Return whether an outcome proves that the agent did nothing."""
    if isinstance(outcome, Silence):
        return not outcome.sent
    return outcome.status in {429, 503, 307, 308}


@modest
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
    retries=st.integers(0, 6),
    deadline=st.floats(0.01, 2_000),
    sequence=st.lists(
        st.tuples(outcomes, st.floats(0, 30), st.floats(0, 1, exclude_max=True)), min_size=20, max_size=20
    ),
)
def test_a_call_is_sent_no_oftener_and_no_longer_than_is_allowed_and_what_changes_something_never_twice(
    method: str,
    retries: int,
    deadline: float,
    sequence: list[tuple[Outcome, float, float]],
) -> None:
    shape = Shape.NOTHING if method == "DELETE" else Shape.OBJECT
    given_settings = make_settings(base_url=URL, retries=retries, deadline=deadline)
    began = now = 1_000.0
    call = Call.first(Request("operation", method, "/containers/1", shape), given_settings, now)
    sent, redirects, waited = 1, 0, 0.0
    for outcome, took, chance in sequence:
        # An attempt ends at the deadline at the latest.
        now = min(now + took, call.deadline)
        try:
            step = call.after(outcome, Moment(now=now, wall=1_700_000_000.0, chance=chance))
        except exceptions.ClientError as error:
            check_error(error, method, call)
            break
        if not isinstance(step, Again):
            assert isinstance(outcome, Answer)
            assert 200 <= outcome.status < 300 or (outcome.status == 404 and method == "DELETE" and sent > 1)
            break
        if step.why is None:
            redirects += 1
            assert step.wait == 0
        else:
            sent += 1
            assert 0 <= step.wait <= _retry.LONGEST_RETRY_AFTER
            now += step.wait
            waited += step.wait
            assert now < began + deadline
        if method in {"POST", "PATCH"}:
            assert was_surely_not_done(outcome)
        call = step.call
        assert call.attempts == sent
        assert (call.request.method, call.url.host, call.url.port) == (method, "127.0.0.1", 8000)
    else:
        pytest.fail("the call did not end")
    assert sent <= retries + 1
    assert redirects <= 5
    assert waited < deadline


def check_error(error: exceptions.ClientError, method: str, call: Call) -> None:
    assert error.method == method
    assert error.attempts == call.attempts
    assert len(str(error)) < 10_000
    if method == "GET":
        assert not error.may_have_taken_effect
    assert ("may have" in str(error)) is error.may_have_taken_effect
    assert vars(pickle.loads(pickle.dumps(error))) == vars(error)  # noqa: S301


@modest
@given(
    method=st.sampled_from(["POST", "PATCH", "DELETE"]),
    error=lost,
    status=st.integers(200, 299),
)
def test_whatever_breaks_an_answer_off_that_had_begun_the_request_had_arrived(
    method: str, error: Exception, status: int
) -> None:
    call = Call.first(
        Request("operation", method, "/containers/1", Shape.OBJECT), make_settings(base_url=URL, retries=5), 0.0
    )
    outcome = Answer(status, {}, b"{", error)
    moment = Moment(now=1.0, wall=0.0, chance=0.5)
    raised = raised_by(lambda: call.after(outcome, moment), exceptions.ClientError)
    if raised is not None:
        assert raised.may_have_taken_effect
        return
    assert method == "DELETE"
    step = call.after(outcome, moment)
    assert isinstance(step, Again)
    assert step.call.may_have_taken_effect


@modest
@given(retry=st.integers(0, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_a_backoff_is_between_nothing_and_eight_seconds(retry: int, chance: float) -> None:
    assert 0 <= _retry.backoff(retry, chance) <= min(8.0, 0.2 * 2.0 ** min(retry, 10))


dates = st.text(alphabet=string.digits + string.ascii_letters + " ,:+-.")
almost_dates = st.lists(
    st.sampled_from(["Wed,", "21", "Oct", "2015", "9999", "0", "07:28:00", "24:60:60", "GMT", "-0000", "+9999", "1e5"]),
    max_size=8,
).map(" ".join)


@modest
@given(
    value=st.none() | st.text() | dates | almost_dates | st.floats().map(str) | st.integers().map(str),
    wall=st.floats(0, 1e10),
)
@example("Mon, 01 Jan 0001 00:00:00 GMT", 0.0)
@example("Fri, 31 Dec 9999 23:59:59 -9999", 0.0)
@example("9" * 5_000, 0.0)
@example("1e400", 0.0)
@example("0 0 0 0 0 0", 0.0)
def test_no_retry_after_is_too_strange_to_be_read(value: str | None, wall: float) -> None:
    seconds = _retry.parse_retry_after(value, wall)
    assert seconds is None or 0 <= seconds < float("inf")


# Pages.


class Book:
    """What an agent answers to each query: pages, by what their query says."""

    def __init__(self, pages: dict[str, dict[str, Any]], first: dict[str, Any]) -> None:
        self.pages = pages
        self.first = first
        self.asked: list[str] = []
        self.given: list[dict[str, Any]] = []

    def page(self, query: dict[str, Any]) -> dict[str, Any]:
        key = str(query.get("cursor", ""))
        self.asked.append(repr(sorted(query.items())))
        self.given.append(self.first if key == "" else self.pages.get(key, {"results": [], "next": None}))
        return self.given[-1]


def walk_through(book: Book, most: int) -> list[int]:
    """Walk through all pages, and return their rows."""
    rows: list[int] = []
    walk = _pages.first({"status": "running"})
    for _ in range(most):
        if walk.query is None:
            return rows
        assert walk.query["status"] == "running"
        assert str(walk.query["page_size"]) == "100"
        rows += [row["id"] for row in walk.take(book.page(dict(walk.query)))]
    pytest.fail("the walk does not end")


origins = st.sampled_from(
    ["", "http://127.0.0.1/containers/", "https://internal.example.com/x", "/containers/", "//h/"]
)


@modest
@given(
    sizes=st.lists(st.integers(0, 4), min_size=1, max_size=12),
    cursors=st.lists(st.text(min_size=1), min_size=12, max_size=12, unique=True),
    origin=origins,
    counted=st.booleans(),
)
def test_every_row_of_a_chain_of_pages_comes_once_and_in_order(
    sizes: list[int], cursors: list[str], origin: str, counted: bool
) -> None:
    assume(all(is_utf_8(cursor) for cursor in cursors))
    # A page without rows that is not the last is another test's.
    sizes = [max(1, size) for size in sizes[:-1]] + sizes[-1:]
    total = sum(sizes)
    numbers = iter(range(total))
    pages = []
    for index, size in enumerate(sizes):
        following = None
        if index < len(sizes) - 1:
            following = f"{origin}?{urlencode({'cursor': cursors[index]}, quote_via=quote)}"
        pages.append(
            {
                "next": following,
                "results": [{"id": next(numbers)} for _ in range(size)],
                **({"count": total} if counted else {}),
            }
        )
    book = Book(dict(zip(cursors, pages[1:], strict=False)), pages[0])
    assert walk_through(book, 20) == list(range(total))
    assert len(book.asked) == len(sizes)


def is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


any_next = (
    st.none()
    | st.sampled_from(["a", "b", "c", ""]).map(lambda key: f"?cursor={key}")
    | st.sampled_from(
        ["http://[", "http://[bad]/?cursor=a", "//\u2100/?cursor=a", "?cursor=\ud800", "?page=2", 7, True, ""]
    )
    | st.text()
)
any_page = st.fixed_dictionaries(
    {},
    optional={
        "results": st.lists(st.integers(0, 20).map(lambda number: {"id": number}), max_size=3)
        | st.none()
        | st.just("rows"),
        "next": any_next,
        "count": st.none() | st.integers(-1, 9) | st.floats() | st.just("9"),
    },
)


@modest
@given(first=any_page, pages=st.dictionaries(st.sampled_from(["a", "b", "c", "2"]), any_page))
@example({"results": [{"id": 1}], "next": "http://["}, {})
@example({"results": [{"id": 1}], "next": "?cursor=\ud800"}, {})
@example({"results": [{"id": 1}], "next": "//\u2100/?cursor=a"}, {})
def test_any_chain_of_pages_ends_with_each_page_and_each_row_once_or_with_a_decode_error(
    first: dict[str, Any], pages: dict[str, dict[str, Any]]
) -> None:
    book = Book(pages, first)
    rows: list[int] = []
    error = raised_by(lambda: rows.extend(walk_through(book, 60)), exceptions.ResponseDecodeError)
    assert len(book.asked) == len(set(book.asked))
    assert len(rows) == len(set(rows))
    if error is None:
        counts = [page["count"] for page in book.given if page.get("count") is not None]
        assert counts[-1:] in ([], [len(rows)])
    else:
        assert len(str(error)) < 10_000


@modest
@given(next_url=st.text(alphabet="?&=cursor[]:/@#%\u2100\ud800a"))
def test_any_text_as_next_gives_a_query_that_can_be_sent_or_a_decode_error(next_url: str) -> None:
    from synapse_sdk.clients.agent import _operations

    walk = _pages.first({"status": "running"})
    error = raised_by(lambda: walk.take({"results": [{"id": 1}], "next": next_url}), exceptions.ResponseDecodeError)
    if error is None and walk.query is not None:
        request = _operations.list_containers(walk.query)
        call = Call.first(request, make_settings(base_url=URL), 0.0)
        assert "status=running" in str(call.url)


@pytest.mark.parametrize("rows", [[], [{"id": 1}]], ids=["empty", "equal"])
def test_pages_that_never_end_and_bring_nothing_new_are_an_error(rows: list[Any]) -> None:
    def walk_on() -> None:
        walk = _pages.first(None)
        for number in range(1_000):
            walk.take({"results": rows, "next": f"?cursor={number}"})

    assert raised_by(walk_on, exceptions.ResponseDecodeError) is not None


# Errors.

jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=6) | st.dictionaries(st.text(), children, max_size=6),
    max_leaves=30,
)
field_errors = st.lists(
    st.fixed_dictionaries({}, optional={"loc": jsons, "msg": jsons, "type": st.text(), "input": jsons, "ctx": jsons}),
    max_size=40,
)
bodies = (
    st.binary(max_size=300)
    | st.binary(max_size=20).map(lambda part: part * 5_000)
    | jsons.map(lambda value: json.dumps(value).encode())
    | (jsons | field_errors).map(lambda detail: json.dumps({"detail": detail}).encode())
    | st.text().map(lambda title: f"<html><title>{title}</title>".encode(errors="replace"))
    | st.integers(1, 3_000).map(lambda depth: b'{"detail": ' + b"[" * depth + b"]" * depth + b"}")
)

# A header's value is one line.
kinds = (
    st.text(st.characters(exclude_characters="\r\n", codec="latin-1"), max_size=2_000)
    | st.sampled_from(["text/plain", "text/html", "application/json", "text/plain; charset=utf-16", ""])
    | st.text(st.characters(exclude_characters="\r\n", codec="latin-1")).map(lambda name: f"text/plain; charset={name}")
)


def check_shown(error: exceptions.ClientError) -> None:
    text = str(error)
    assert 0 < len(text) < 10_000
    assert len(repr(error)) < 10_000
    # It can be printed and logged, also where it holds what UTF-8 does not.
    text.encode()
    for twin in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):  # noqa: S301
        assert type(twin) is type(error)
        assert str(twin) == text


@modest
@given(status=st.integers(400, 999), body=bodies)
@example(500, b"<p>" + b"x" * 1_000_000)
@example(422, json.dumps({"detail": [{"loc": ["x" * 10_000] * 10, "msg": "m" * 10_000}] * 1_000}).encode())
@example(422, b'{"detail": "\\ud800"}')
@example(422, b'{"detail": {"\\ud800": 1}}')
@example(422, b'{"detail": ' + b"[" * 300 + b"]" * 300 + b"}")
@example(422, b'{"detail": ' + b"[" * 800 + b"]" * 800 + b"}")
@example(422, b'{"detail": ' + b'{"a":' * 850 + b"1" + b"}" * 850 + b"}")
@example(422, b'{"detail": ' + b"9" * 5_000 + b"}")
def test_whatever_an_error_holds_its_text_is_bounded_and_it_pickles_and_copies(status: int, body: bytes) -> None:
    context = {"operation": "get_container", "method": "GET", "url": f"{URL}/containers/1", "attempts": 3}
    check_shown(_answers.failure(status, body, {**context, "headers": {"x-request-id": "r" * 50_000}}))


@modest
@given(body=bodies, shape=st.sampled_from([Shape.OBJECT, Shape.ARRAY, Shape.TEXT]), kind=kinds)
@example(b'"\\ud800"', Shape.OBJECT, "text/html")
@example(b"[" * 800 + b"]" * 800, Shape.OBJECT, "text/html")
@example(b"", Shape.OBJECT, "x" * 20_000)
@example(b"<html>", Shape.OBJECT, "x" * 20_000)
@example(b"x", Shape.TEXT, "text/plain; charset=hex")
@example(b"x", Shape.TEXT, "text/plain; charset=undefined")
@example(b"\xff", Shape.TEXT, "text/plain; charset=idna")
@example(b"x", Shape.TEXT, "text/plain; charset*=utf-8''%ff")
@example(b"x", Shape.TEXT, "text/plain; charset*=no''%ff; charset*1*=x")
def test_whatever_a_success_holds_it_is_what_was_asked_for_or_an_error_with_a_bounded_text(
    body: bytes, shape: Shape, kind: str
) -> None:
    request = Request[Any]("get_container", "GET", "/containers/1", shape)
    try:
        value = _answers.read(request, 200, {"content-type": kind}, body, {"operation": "get_container"})
    except exceptions.ResponseDecodeError as error:
        check_shown(error)
    else:
        assert isinstance(value, {Shape.OBJECT: dict, Shape.ARRAY: list, Shape.TEXT: str}[shape])


@modest
@given(
    name=st.sampled_from(exceptions.__all__),
    status=st.none() | st.integers(),
    detail=jsons | st.binary() | field_errors,
    length=st.sampled_from([1, 100, 20_000]),
)
def test_an_error_made_of_anything_has_a_bounded_text(name: str, status: int | None, detail: Any, length: int) -> None:
    kind: type[exceptions.ClientError] = getattr(exceptions, name)
    error = kind(
        status,
        detail,
        operation="get_docker_container",
        method="GET",
        url=f"{URL}/containers/docker/{'x' * length}",
        headers={"X-Request-ID": "r" * length},
        retry_after=float(length),
        attempts=length,
        may_have_taken_effect=True,
    )
    check_shown(error)


@modest
@given(text=st.text(max_size=200) | awkward)
def test_why_there_is_no_answer_is_told_whatever_the_cause_says(text: str) -> None:
    call = Call.first(
        Request("get_container", "GET", "/containers/1", Shape.OBJECT), make_settings(base_url=URL, retries=0), 0.0
    )
    with pytest.raises(exceptions.ClientError) as caught:
        call.after(Silence(httpx.ReadError(text), sent=True), Moment(now=1.0, wall=0.0, chance=0.0))
    check_shown(caught.value)
    assert caught.value.detail


@modest
@given(location=st.text(alphabet=st.characters(codec="latin-1")) | awkward.filter(is_utf_8))
@example("http://me:hunter2@elsewhere.example.com/" + "x" * 60_000)
@example("x" * 70_000)
@example("http://[")
def test_any_location_is_followed_at_the_same_origin_or_is_an_error(location: str) -> None:
    call = Call.first(Request("get_container", "GET", "/containers/1", Shape.OBJECT), make_settings(base_url=URL), 0.0)
    answer, moment = Answer(307, {"location": location}), Moment(now=1.0, wall=0.0, chance=0.0)
    error = raised_by(lambda: call.after(answer, moment), exceptions.RedirectError)
    if error is not None:
        check_shown(error)
        assert "hunter2" not in str(error)
        return
    step = call.after(answer, moment)
    assert isinstance(step, Again)
    assert (step.call.url.scheme, step.call.url.host, step.call.url.port) == ("http", "127.0.0.1", 8000)
    assert step.call.url.userinfo == b""
