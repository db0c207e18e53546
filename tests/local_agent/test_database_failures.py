"""What becomes of records when their database fails: no half-written one, and all is well once the cause is gone."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from synapse_sdk.local_agent import LocalAgent, records
from synapse_sdk.local_agent.records import Record, Records
from tests.local_agent.support import Api, make_release, wait_until
from tests.programs import load

BIG = {"a": "x" * 300_000}


def make(store: Records, **fields: Any) -> Record:
    return store.create(**{"plugin_release": "a@1", "status": "new", "params": {}, "metadata": {}, **fields})


def all_of(store: Records) -> list[Record]:
    return store.page([], 1, 1000)[1]


def test_a_full_disk_loses_and_invents_nothing(disk: Path) -> None:
    store = Records(f"sqlite:///{disk / 'records.db'}")
    before = make(store, labels=["x"])
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    filler.write_bytes(b"x" * free)
    with pytest.raises(OperationalError, match=r"full|disk I/O"):
        make(store, params=BIG, labels=["y"])
    with pytest.raises(OperationalError, match=r"full|disk I/O"):
        store.change(before.id, lambda _: {"status_reason": "x" * 100_000})
    store.check()
    assert all_of(store) == [before]
    filler.unlink()
    after = make(store, params=BIG, labels=["y"])
    assert all_of(store) == [after, before]
    store.close()


LIMITED = """
import resource, sys
from pathlib import Path
from sqlalchemy.exc import OperationalError
from synapse_sdk.local_agent.records import Records

database = Path(sys.argv[1])
store = Records(f"sqlite:///{database}")
before = store.create(plugin_release="a@1", status="new", params={}, metadata={}, labels=["x"])
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{database}-wal").stat().st_size + 100_000, hard))
wrote = [before]
try:
    while True:
        wrote.append(store.create(plugin_release="a@1", status="new", params={"a": "x" * 30_000}, metadata={}))
except OperationalError as error:
    print(error.orig)
assert len(wrote) > 1
assert store.page([], 1, 100)[1] == wrote[::-1]
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
wrote.append(store.create(plugin_release="a@1", status="new", params={"a": "x" * 300_000}, metadata={}, labels=["y"]))
assert store.page([], 1, 100)[1] == wrote[::-1]
store.close()
"""


def test_a_file_that_may_not_grow_loses_and_invents_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "records.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "disk I/O error\n", "")


HOLDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.readline()
"""


def test_a_database_that_another_program_keeps_is_read_and_later_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_LOCK_TIMEOUT", 0.1)
    store = Records(f"sqlite:///{tmp_path / 'records.db'}")
    before = make(store)
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "records.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout
        other.stdout.readline()
        for write in (make, lambda store: store.delete(before.id)):
            with pytest.raises(OperationalError, match="locked"):
                write(store)
        store.check()
        assert all_of(store) == [before]
        other.communicate(b"\n")
    after = make(store)
    assert all_of(store) == [after, before]
    store.close()


def test_a_database_that_is_no_longer_one_cannot_be_read(tmp_path: Path) -> None:
    database = tmp_path / "records.db"
    Records(f"sqlite:///{database}").close()
    store = Records(f"sqlite:///{database}")
    store.check()
    store._engine.dispose()
    database.write_bytes(b"something else" * 1000)
    with pytest.raises(sa.exc.DatabaseError, match="not a database"):
        store.check()
    store.close()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A PostgreSQL server for one test, which may stop it."""
    cluster = load("with-postgres").Cluster()
    with ExitStack() as stack:
        stack.callback(cluster.remove)
        cluster.start()
        yield cluster


@pytest.mark.postgres
@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_stops_and_comes_back_is_used_again(cluster: Any, mode: str) -> None:
    store = Records(cluster.url)
    before = make(store, labels=["x"])

    def stops(_: Record) -> dict[str, str]:
        cluster.stop(mode)
        return {"status": "lost"}

    with pytest.raises(OperationalError):
        store.change(before.id, stops)
    for use in (store.check, store.owners, lambda: make(store)):
        with pytest.raises(OperationalError, match=r"connection to server .* failed"):
            use()
    cluster.start()
    store.check()
    assert all_of(store) == [before]
    assert store.change(before.id, lambda _: {"status": "kept"}).status == "kept"
    store.close()


@pytest.mark.postgres
def test_connections_that_the_server_has_ended_are_not_used(postgres: str) -> None:
    store, other = Records(postgres), Records(postgres)
    before = make(store)
    with other._writing() as connection:
        ended = connection.execute(
            sa.text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        assert ended.scalar_one() >= 1
    assert all_of(store) == [before]
    other.close()
    store.close()


@pytest.mark.postgres
def test_a_deadlock_undoes_the_whole_change(postgres: str) -> None:
    store, other = Records(postgres), Records(postgres)
    one, two = make(store, owner="me"), make(store, owner="me")
    # What waits for this connection: other tests wait for locks on this server, too.
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
    lock = sa.text("SELECT id FROM containers WHERE id = :id FOR UPDATE")
    with other._writing() as connection, ThreadPoolExecutor(1) as threads:
        connection.execute(sa.text("SET LOCAL deadlock_timeout = '1h'"))  # the other one finds out, and gives way
        connection.execute(lock, {"id": one.id})
        changing = threads.submit(store.change_all, lambda _: {"status": "changed"}, owner="me")
        wait_until(lambda: connection.execute(waiting).scalar_one())
        connection.execute(lock, {"id": two.id})
        with pytest.raises(OperationalError, match="deadlock detected"):
            changing.result()
    assert all_of(store) == [two, one]
    other.close()
    store.close()


def test_without_its_driver_the_agent_says_what_to_install(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["psycopg"] = None
from synapse_sdk.local_agent.command_line import main
main(["--plugins", sys.argv[1], "--port", "0", "--engine", "process", "--database", "postgresql+psycopg://localhost/x"])
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    expected = "the agent cannot start: A PostgreSQL database needs psycopg: pip install 'synapse-sdk[postgres]'"
    assert done.stderr.splitlines()[-1].endswith(expected)


@contextmanager
def agent_on(plugins: Path, url: str) -> Iterator[Api]:
    with LocalAgent(plugins, auth=False, database=url, validate_responses=True) as agent:
        with Api(base_url=agent.url) as api:
            yield api
        assert agent.violations == []


def refused(api: Api, release: str) -> None:
    """Have the agent refuse to create a container because of its database."""
    response = api.post("/containers/docker/", json={"plugin_release": release, "metadata": BIG})
    assert response.status_code == 503, response.text
    assert response.json() == {"detail": "The database cannot serve this now."}
    assert response.headers["Retry-After"] == "5"


def test_an_agent_whose_disk_is_full_says_so_and_works_once_it_is_not(disk: Path, plugins: Path) -> None:
    release = make_release(plugins)
    with agent_on(plugins, f"sqlite:///{disk / 'records.db'}") as api:
        created = api.create()
        filler = disk / "filler"
        filler.write_bytes(b"x" * shutil.disk_usage(disk).free)
        refused(api, release)
        refused(api, release)
        assert api.get("/health/").json()["database"] == {"name": "sqlite", "status": "ok", "detail": None}
        assert [(record["id"], record["status"]) for record in api.records()] == [(created["record_id"], "running")]
        filler.unlink()
        assert [container["id"] for container in api.containers()] == [created["id"]]
        again = api.create(metadata=BIG)
        assert api.record(again["record_id"])["status"] == "running"


def test_an_agent_whose_database_is_locked_says_so_and_works_once_it_is_not(
    plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for what the agent's own threads have the lock for, also when one of them has to wait for a processor.
    monkeypatch.setattr(records, "_LOCK_TIMEOUT", 1)
    release = make_release(plugins)
    database = tmp_path / "records.db"
    with agent_on(plugins, f"sqlite:///{database}") as api:
        other = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with other:
            assert other.stdout
            other.stdout.readline()
            refused(api, release)
            assert (api.records(), api.containers()) == ([], [])
            other.communicate(b"\n")
        created = api.create()
        assert [record["id"] for record in api.records()] == [created["record_id"]]


@pytest.mark.postgres
def test_an_agent_whose_server_stops_says_so_and_works_once_it_is_back(cluster: Any, plugins: Path) -> None:
    release = make_release(plugins)
    with agent_on(plugins, cluster.url) as api:
        created = api.create()
        cluster.stop()
        refused(api, release)
        assert api.get("/containers/").status_code == 503
        health = api.get("/health/").json()
        assert (health["status"], health["database"]["status"]) == ("degraded", "unavailable")
        assert "connection to server" in health["database"]["detail"]
        cluster.start()
        assert api.get("/health/").json()["status"] == "ok"
        assert [record["status"] for record in api.records()] == ["running"]
        assert [container["id"] for container in api.containers()] == [created["id"]]
        api.create()


@pytest.mark.postgres
def test_an_agent_whose_database_may_not_be_written_says_so_and_reads_on(postgres: str, plugins: Path) -> None:
    release = make_release(plugins)
    with agent_on(plugins, postgres) as api:
        name = sa.make_url(postgres).database
        engine = sa.create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

        def turn(switch: str) -> None:
            with engine.connect() as connection:
                connection.exec_driver_sql("SET default_transaction_read_only TO off")
                connection.exec_driver_sql(f"ALTER DATABASE {name} SET default_transaction_read_only TO {switch}")
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

        turn("on")
        refused(api, release)
        assert (api.records(), api.containers()) == ([], [])
        turn("off")
        api.create()


@pytest.mark.postgres
def test_two_agents_on_one_server_leave_each_others_containers_alone(postgres: str, plugins: Path) -> None:
    make_release(plugins)
    with agent_on(plugins, postgres) as one:
        created = one.create(labels=["one"])
        with agent_on(plugins, postgres) as two:
            made = two.create(labels=["two"])
            assert [record["id"] for record in two.records()] == [made["record_id"], created["record_id"]]
            assert two.delete(f"/containers/{created['record_id']}").status_code == 409
        assert one.record(made["record_id"])["status"] == "stopped"
        assert one.record(created["record_id"])["status"] == "running"
        assert one.delete(f"/containers/{made['record_id']}").status_code == 204
