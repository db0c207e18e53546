"""How the agent says that it is, also while what it needs does not answer."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from synapse_sdk._version import __version__
from synapse_sdk.local_agent import LocalAgent, health
from synapse_sdk.local_agent.engines import ProcessEngine
from synapse_sdk.local_agent.errors import UnavailableError
from synapse_sdk.local_agent.health import Probe
from synapse_sdk.local_agent.records import Records
from tests.local_agent.support import Api, make_release, wait_until

OK = {"name": "it", "status": "ok", "detail": None}


def raises(error: Exception) -> Callable[[], None]:
    def check() -> None:
        raise error

    return check


def without_database(api: Api) -> dict[str, Any]:
    """What the agent says of itself, once its database is unavailable; nothing before that."""
    answer: dict[str, Any] = api.get("/health/").json()
    return answer if answer["database"]["status"] == "unavailable" else {}


def test_an_agent_that_is_well_says_so(api: Api) -> None:
    assert api.get("/health/").json() == {
        "status": "ok",
        "version": __version__,
        "engine": {"name": "process", "status": "ok", "detail": None},
        "database": {"name": "sqlite", "status": "ok", "detail": None},
    }


def test_an_engine_that_does_not_answer_degrades_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ProcessEngine, "_refuse_when_closed", lambda _: raises(UnavailableError("Not\n now."))())
        found = api.get("/health/").raise_for_status().json()
    assert found["status"] == "degraded"
    assert found["engine"] == {"name": "process", "status": "unavailable", "detail": "Not now."}
    assert found["database"]["status"] == "ok"


def test_a_database_that_is_written_elsewhere_can_be_read_all_the_same(plugins: Path, tmp_path: Path) -> None:
    database = tmp_path / "records.db"
    with LocalAgent(plugins, auth=False, database=f"sqlite:///{database}") as agent, Api(base_url=agent.url) as api:
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        assert api.get("/health/").json()["status"] == "ok"
        other.close()


def test_a_database_that_all_wait_for_is_told_of_in_bounded_time(
    plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_PATIENCE", 2)
    make_release(plugins)
    database = tmp_path / "records.db"
    with (
        LocalAgent(plugins, auth=False, database=f"sqlite:///{database}", validate_responses=True) as agent,
        Api(base_url=agent.url) as api,
        ThreadPoolExecutor(24) as threads,
    ):
        path = f"/containers/{api.create()['record_id']}"
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        # Each takes a connection and waits for the lock, until there are none left to read with.
        waiting = [threads.submit(api.patch, path, json={"status": "x"}) for _ in range(24)]
        answer = wait_until(lambda: without_database(api))
        detail = "It did not answer within 2 s."
        assert answer["database"] == {"name": "sqlite", "status": "unavailable", "detail": detail}
        assert (answer["status"], answer["engine"]["status"]) == ("degraded", "ok")
        other.close()
        assert {each.result().status_code for each in waiting} == {200}
        wait_until(lambda: api.get("/health/").json()["status"] == "ok")
    assert agent.violations == []


def test_a_database_that_fails_is_told_of_in_its_drivers_words(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        error = OperationalError("SELECT", {}, Exception("disk I/O\n error"))
        patch.setattr(Records, "_reading", lambda _: raises(error)())
        answer = api.get("/health/").json()
    assert answer["status"] == "degraded"
    assert answer["database"] == {"name": "sqlite", "status": "unavailable", "detail": "disk I/O error"}


def test_all_who_ask_during_a_check_wait_for_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    ends = threading.Event()

    def check() -> None:
        calls.append(None)
        ends.wait(10)

    probe = Probe("it", check)
    answers = [probe.ask() for _ in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(health, "_PATIENCE", 0.01)
        told = {"name": "it", "status": "unavailable", "detail": "It did not answer within 0.01 s."}
        assert [answer() for answer in answers] == [told] * 3
        assert probe.ask()() == told
    late = probe.ask()
    ends.set()
    assert late() == OK
    assert len(calls) == 1
    assert probe.ask()() == OK
    assert len(calls) == 2


def test_what_nobody_has_thought_of_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(RuntimeError, match="not today"):
        Probe("it", raises(RuntimeError("not today"))).ask()()
