"""The records: what is kept, how it is found, and that nothing is lost when many write."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from synapse_sdk.local_agent import owner, records
from synapse_sdk.local_agent.engines import ProcessEngine
from synapse_sdk.local_agent.errors import InvalidError, NotFoundError
from synapse_sdk.local_agent.handlers import Handlers
from synapse_sdk.local_agent.records import Record, Records
from synapse_sdk.local_agent.releases import Releases
from tests.local_agent.support import Api, errors_of, make_release, wait_until


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    """An empty database of each kind."""
    urls = {"memory": "sqlite://", "sqlite": f"sqlite:///{tmp_path / 'records.db'}"}
    store = Records(urls.get(request.param) or request.getfixturevalue("postgres"))
    yield store
    store.close()


def make(store: Records, **fields: Any) -> Record:
    given = {"plugin_release": "a@1", "status": "running", "params": {}, "metadata": {}, **fields}
    return store.create(**given)


def found(store: Records, *filters: tuple[str, str]) -> list[int]:
    return [record.id for record in store.page(filters, 1, 100)[1]]


def test_a_record_is_read_as_it_was_written(store: Records) -> None:
    wrote = make(store, params={"a": [1, None]}, metadata={"é": {}}, labels=["y", "x", "y"], docker_id="a" * 64)
    assert store.get(wrote.id) == wrote
    assert (wrote.params, wrote.metadata, wrote.labels) == ({"a": [1, None]}, {"é": {}}, ["y", "x", "y"])
    assert wrote.created_at == wrote.updated_at


def test_a_page_holds_the_newest_first_and_counts_all(store: Records) -> None:
    ids = [make(store).id for _ in range(5)]
    count, page = store.page([], 2, 2)
    assert (count, [record.id for record in page]) == (5, [ids[2], ids[1]])


def test_a_page_beyond_the_last_is_not_there_but_the_first_always_is(store: Records) -> None:
    assert store.page([], 1, 20) == (0, [])
    make(store)
    for number in (2, 10**30):
        with pytest.raises(NotFoundError, match="Invalid page"):
            store.page([], number, 1)


def test_filters_are_equality_with_a_field_and_all_must_hold(store: Records) -> None:
    one = make(store, status="running", plugin_release="a@1", host_port=4000, endpoint="http://x", docker_id="a" * 64)
    two = make(store, status="exited", plugin_release="a@1", exit_code=-9, docker_id="a" * 63 + "b")
    both = [two.id, one.id]
    assert found(store, ("plugin_release", "a@1")) == both
    assert found(store, ("plugin_release", "a@1"), ("status", "exited")) == [two.id]
    assert found(store, ("status", "exited"), ("status", "running")) == []
    assert found(store, ("id", str(one.id))) == [one.id]
    assert found(store, ("host_port", "4000")) == [one.id]
    assert found(store, ("exit_code", "-9")) == [two.id]
    assert found(store, ("endpoint", "http://x")) == [one.id]
    assert found(store, ("docker_id", "a" * 64)) == [one.id]
    assert found(store, ("docker_id", "a" * 12)) == both
    assert found(store, ("created_at", one.created_at)) == [one.id]


@pytest.mark.parametrize("name", ["label", "labels"])
def test_a_filter_by_label_is_membership(store: Records, name: str) -> None:
    one, two = make(store, labels=["x", "y"]).id, make(store, labels=["x", "x"]).id
    make(store)
    assert found(store, (name, "x")) == [two, one]
    assert found(store, (name, "x"), (name, "y")) == [one]
    assert found(store, (name, "z")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nothing", "x"),
        ("owner", "me"),
        ("", ""),
        ("id", "x"),
        ("id", "1_0"),
        ("id", "9" * 30),
        ("id", str(2**63)),
        ("host_port", ""),
        ("docker_id", "aaa"),
        ("docker_id", "aaaaaaaaaaa%"),
        ("host_port", str(2**31)),
        ("exit_code", str(-(2**63) + 1)),
        ("status", "Running"),
        ("status", "running "),
        ("plugin_release", "A@1"),
        ("docker_id", "A" * 12),
        ("created_at", "x" * 100_000),
    ],
)
def test_a_filter_that_no_record_can_match_matches_none(store: Records, name: str, value: str) -> None:
    make(store, docker_id="a" * 64, owner="me")
    assert found(store, (name, value)) == []


@pytest.mark.parametrize("name", ["params", "metadata"])
def test_a_field_that_cannot_be_compared_is_refused_as_a_filter(store: Records, name: str) -> None:
    with pytest.raises(InvalidError):
        store.page([(name, "{}")], 1, 1)


def test_texts_are_kept_and_found_whatever_their_length_and_their_characters(store: Records) -> None:
    long = "".join(chr(number) for number in range(0x1000, 0x3000)) * 10  # of which no index makes a short one
    texts = [long, long[:-1], "é", "e\u0301", "E", "e", "ß", "ss", " ", "%", "_", "'", "\\", "\n", "😀", "a\x01"]
    made = {text: make(store, status=text, labels=[text], status_reason=text).id for text in texts}
    for text, record_id in made.items():
        assert (store.get(record_id).status, store.get(record_id).labels) == (text, [text])
        assert found(store, ("status", text)) == found(store, ("label", text)) == [record_id]


def test_what_a_program_wrote_is_kept_whatever_it_is(store: Records) -> None:
    wrote = make(store, status_reason="ended with code 1: \0\x7fELF")
    assert wrote.status_reason == "ended with code 1: \ufffd\x7fELF"
    assert store.change(wrote.id, lambda _: {"status_reason": "\0"}).status_reason == "\ufffd"


def test_json_is_read_as_it_was_written(store: Records) -> None:
    values = [2**70, -(2**63), 1.5e300, 0.1, -0.0, 1e-320, "", "😀", "\\u0000", None, True, [], {}]
    params = {"b": values, "a": {"": {"é": [[]] * 50}}, "B": "x" * 1_000_000}
    read = store.get(make(store, params=params, metadata={"z": 1, "y": 2}).id)
    assert read.params == params
    assert (list(read.params), list(read.metadata)) == (["b", "a", "B"], ["z", "y"])
    assert [type(value) for value in read.params["b"]] == [type(value) for value in values]


def test_it_says_what_kind_it_is_and_can_be_read(url: str) -> None:
    store = Records(url)
    assert store.name == sa.make_url(url).get_backend_name()
    store.check()
    store.close()


def test_a_deleted_number_is_not_given_again(store: Records) -> None:
    last = make(store, labels=["x"]).id
    assert store.delete(last).labels == ["x"]
    assert make(store).id > last
    assert found(store, ("label", "x")) == []


@pytest.mark.parametrize("number", [7, 2**63 - 1, 2**63, 10**100])
def test_a_number_that_no_record_has_is_not_found(store: Records, number: int) -> None:
    for act in (store.get, store.delete, lambda each: store.change(each, lambda _: {"status": "x"})):
        with pytest.raises(NotFoundError, match=f"There is no record {number}"):
            act(number)


def test_nothing_is_written_when_nothing_changes(store: Records) -> None:
    wrote = make(store)
    assert store.change(wrote.id, lambda _: {}) == wrote


def test_a_change_that_fails_writes_nothing(store: Records) -> None:
    wrote = make(store)

    def fails(_: Record) -> dict[str, Any]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.change(wrote.id, fails)
    assert store.get(wrote.id) == wrote


def test_no_change_is_lost_among_threads(store: Records) -> None:
    wrote = make(store, host_port=0)

    def add(_: int) -> None:
        store.change(wrote.id, lambda record: {"host_port": (record.host_port or 0) + 1})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(100)))
    assert store.get(wrote.id).host_port == 100


ADDS = """
import sys
from synapse_sdk.local_agent.records import Records
store = Records(sys.argv[1])
print(flush=True)
add = lambda record: {"host_port": record.host_port + 1}
for _ in range(50):
    store.change(1, add)
    store.change_all(add, owner="me")
store.close()
"""


def test_no_change_is_lost_among_processes(url: str) -> None:
    store = Records(url)
    ids = [make(store, host_port=0, owner="me").id for _ in range(3)]
    arguments = [sys.executable, "-c", ADDS, url]
    others = [subprocess.Popen(arguments, stdout=subprocess.PIPE) for _ in range(2)]
    for _ in range(50):
        for record_id in ids:
            store.change(record_id, lambda record: {"host_port": (record.host_port or 0) + 1})
    for other in others:
        assert other.communicate()[0] == b"\n"
        assert other.returncode == 0
    assert [store.get(record_id).host_port for record_id in ids] == [250, 150, 150]
    store.close()


SETTLES = """
import sys
from synapse_sdk.local_agent.records import Records
store = Records(sys.argv[1])
settled = []
print(flush=True)
sys.stdin.readline()
store.change_all(lambda record: settled.append(record.id) or {"owner": None, "status": "stopped"}, owner="gone")
print(*settled)
store.close()
"""


def test_what_is_to_be_settled_is_settled_by_one_of_several_agents(url: str) -> None:
    store = Records(url)
    ids = [make(store, owner="gone").id for _ in range(50)]
    kept = make(store, owner="me")
    agents = [
        subprocess.Popen([sys.executable, "-c", SETTLES, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for agent in agents:
        assert agent.stdout
        agent.stdout.readline()
    for agent in agents:
        assert agent.stdin
        agent.stdin.write("\n")
        agent.stdin.flush()
    settled = [int(number) for agent in agents for number in agent.communicate()[0].split()]
    assert sorted(settled) == ids
    assert (store.owners(), found(store, ("status", "running"))) == (["me"], [kept.id])
    store.close()


def test_a_page_is_of_one_moment_whatever_is_written_meanwhile(url: str) -> None:
    store, other = Records(url), Records(url)
    one, two = make(store, labels=["x"]), make(store, labels=["y"])
    left = [one.id, two.id]

    def deletes(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if left and statement.startswith("SELECT"):
            other.delete(left.pop())

    sa.event.listen(store._engine, "after_cursor_execute", deletes)
    assert store.page([], 1, 10) == (2, [two, one])
    assert left == []
    assert store.page([], 1, 10) == (0, [])
    other.close()
    store.close()


def test_a_reader_is_not_held_up_by_a_writer(url: str) -> None:
    store = Records(url)
    wrote = make(store)
    with store._writing() as connection:
        connection.execute(sa.text("UPDATE containers SET status = 'new'"))
        assert store.get(wrote.id).status == "running"
    assert store.get(wrote.id).status == "new"
    store.close()


def test_a_writer_that_waits_too_long_gives_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_LOCK_TIMEOUT", 0.1)
    store, other = Records(url), Records(url)
    wrote = make(store)
    with store._writing() as connection:
        connection.execute(sa.text("UPDATE containers SET status = 'new'"))
        with pytest.raises(OperationalError, match=r"locked|lock timeout"):
            other.change(wrote.id, lambda _: {"status": "newer"})
    other.change(wrote.id, lambda record: {"status": record.status * 2})
    assert store.get(wrote.id).status == "newnew"
    other.close()
    store.close()


def test_a_database_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OperationalError):
        Records(f"sqlite:///{tmp_path / 'nowhere' / 'records.db'}")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(sa.exc.DatabaseError):
        Records(f"sqlite:///{broken}")


def test_another_database_than_sqlite_is_left_as_it_is() -> None:
    dialect = sa.make_url("postgresql+nothing://localhost/x")
    with pytest.raises(sa.exc.NoSuchModuleError):
        Records(dialect)


def test_pages_link_to_each_other_and_keep_the_filters(api: Api, plugins: Path) -> None:
    make_release(plugins)
    ids = [api.create(labels=["x"])["record_id"] for _ in range(3)]
    api.create()
    seen = []
    page = api.get("/containers/", params={"label": "x", "page_size": 1}).json()
    assert page["previous"] is None
    while True:
        assert page["count"] == 3
        seen += [record["id"] for record in page["results"]]
        if not page["next"]:
            break
        last, page = page, api.get(page["next"]).json()
        previous = api.get(page["previous"]).json()
        assert previous["results"] == last["results"]
    assert seen == ids[::-1]
    assert httpx.URL(page["previous"]).copy_with(query=None) == api.base_url.join("/containers/")


def test_a_page_beyond_the_last_is_not_found(api: Api) -> None:
    assert api.get("/containers/?page=1").json() == {"count": 0, "next": None, "previous": None, "results": []}
    for number in (2, 10**40):
        response = api.get(f"/containers/?page={number}")
        assert response.status_code == 404
        assert response.json() == {"detail": "Invalid page."}


def test_the_size_of_a_page_is_20_unless_asked_for_and_1000_at_the_most(api: Api) -> None:
    seen: list[int] = []
    page = Records.page

    def watched(store: Records, filters: Any, number: int, size: int) -> Any:
        seen.append(size)
        return page(store, filters, number, size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Records, "page", watched)
        for query in ("", "?page_size=7", "?page_size=1001", f"?page_size={10**40}"):
            assert api.get(f"/containers/{query}").status_code == 200
    assert seen == [20, 7, 1000, 1000]


def test_filters_reach_the_database(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create(labels=["x"])
    for filters in (
        {"label": "x", "status": "running"},
        {"docker_id": created["id"][:12]},
        {"id": created["record_id"], "plugin_release": "sample@1.0"},
    ):
        assert [record["id"] for record in api.records(**filters)] == [created["record_id"]]
    for filters in ({"label": "y"}, {"nothing": "x"}, {"filters": "x"}, {"status": "x"}):
        assert api.records(**filters) == []
    assert errors_of(api.get("/containers/?params=x")) == [("filter", ["query", "params"])]


AGENT = """
import sys, time
from synapse_sdk.local_agent import LocalAgent
with LocalAgent(sys.argv[1], auth=False, database=sys.argv[2]) as agent:
    print(agent.url, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_agent_left_is_settled_by_the_next(plugins: Path, url: str) -> None:
    make_release(plugins)
    make_release(plugins, "import time; time.sleep(600)", "slow@1.0")
    arguments = [sys.executable, "-c", AGENT, str(plugins), url]
    agent = subprocess.Popen(arguments, stdout=subprocess.PIPE)
    assert agent.stdout
    with (
        agent.stdout,
        Api(base_url=agent.stdout.readline().decode().strip()) as api,
        ThreadPoolExecutor(1) as threads,
    ):
        created = api.create()
        creating = threads.submit(api.post, "/containers/docker/", json={"plugin_release": "slow@1.0"})
        wait_until(lambda: api.records(status="starting"))
        agent.kill()
        agent.wait()
        assert creating.exception()
    store = Records(url)
    assert not owner.is_gone(owner.this_agent("process"))
    assert [owner.is_gone(each) for each in store.owners()] == [True]
    Handlers(Releases(plugins), store, ProcessEngine()).close()
    reason = "its agent had ended, and its container with it"
    settled = {each.id: each for each in store.page([], 1, 10)[1]}
    assert (settled[created["record_id"]].status, settled[created["record_id"]].endpoint) == ("stopped", None)
    assert sorted(each.status for each in settled.values()) == ["failed", "stopped"]
    assert {each.status_reason for each in settled.values()} == {reason}
    assert store.owners() == []
    store.close()
