"""Containers and their records, through the agent's API: from create to delete, and what may go wrong between."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.records import Records
from tests.local_agent.support import (
    TELLS,
    TOKEN,
    Api,
    ended,
    kill,
    make_release,
    wait_until,
)

SLEEPS = "import time; print('here', flush=True); time.sleep(600)"


def pid_of(container: dict[str, str]) -> int:
    return int(httpx.get(container["endpoint"]).json()["pid"])


def test_create_answers_with_a_container_that_listens(api: Api, plugins: Path) -> None:
    make_release(plugins, TELLS)
    created = api.create(params={"a": 1}, metadata={"by": "test"}, labels=["x", "y"])
    assert httpx.get(created["endpoint"]).status_code == 200
    assert len(created["id"]) == 64
    assert created == {
        "id": created["docker_id"],
        "docker_id": created["docker_id"],
        "status": "running",
        "running": True,
        "name": f"sample-1.0-{created['record_id']}",
        "image": "sample@1.0",
        "endpoint": created["endpoint"],
        "plugin_release": "sample@1.0",
        "labels": ["x", "y"],
        "created_at": created["created_at"],
        "record_id": created["record_id"],
        "exit_code": None,
    }


def test_create_keeps_a_record(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create(params={"a": [1, None, {"é": 2.5}]}, metadata={"by": "test"}, labels=["x", "y", "x"])
    record = api.record(created["record_id"])
    assert record == {
        "id": created["record_id"],
        "docker_id": created["docker_id"],
        "plugin_release": "sample@1.0",
        "status": "running",
        "status_reason": None,
        "exit_code": None,
        "endpoint": created["endpoint"],
        "host_port": int(created["endpoint"].rpartition(":")[2]),
        "params": {"a": [1, None, {"é": 2.5}]},
        "metadata": {"by": "test"},
        "labels": ["x", "y", "x"],
        "created_at": record["created_at"],
        "updated_at": record["updated_at"],
    }
    assert record["created_at"] < record["updated_at"]
    assert record["updated_at"].endswith("Z")


def test_what_create_is_not_given_is_empty_in_the_record(api: Api, plugins: Path) -> None:
    make_release(plugins)
    record = api.record(api.create()["record_id"])
    assert (record["params"], record["metadata"], record["labels"]) == ({}, {}, [])


@pytest.mark.parametrize("digits", [64, 12, 20])
def test_a_container_is_found_by_its_whole_id_or_its_first_digits(api: Api, plugins: Path, digits: int) -> None:
    make_release(plugins)
    created = api.create()
    assert api.container(created["id"][:digits]) == created


def test_an_unknown_container_is_not_found(api: Api) -> None:
    response = api.get("/containers/docker/0123456789ab")
    assert response.status_code == 404
    assert response.json() == {"detail": "There is no container 0123456789ab."}


def test_list_shows_all_containers_the_newest_first(api: Api, plugins: Path) -> None:
    make_release(plugins)
    assert api.containers() == []
    first, second = api.create(), api.create()
    assert api.containers() == [second, first]


def test_deleting_a_container_ends_it_and_leaves_its_record(api: Api, plugins: Path) -> None:
    make_release(plugins, TELLS)
    created = api.create()
    pid = pid_of(created)
    response = api.delete(f"/containers/docker/{created['id'][:12]}")
    assert (response.status_code, response.content) == (204, b"")
    assert ended(pid)
    assert api.containers() == []
    record = api.record(created["record_id"])
    assert (record["status"], record["endpoint"], record["host_port"]) == ("deleted", None, None)
    assert record["docker_id"] == created["id"]


def test_deleting_a_record_ends_its_container_too(api: Api, plugins: Path) -> None:
    make_release(plugins, TELLS)
    created = api.create()
    pid = pid_of(created)
    assert api.delete(f"/containers/{created['record_id']}").status_code == 204
    assert ended(pid)
    assert api.containers() == []
    assert api.get(f"/containers/{created['record_id']}").status_code == 404


def test_deleting_the_record_of_a_deleted_container_removes_the_record(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create()
    api.delete(f"/containers/docker/{created['id']}").raise_for_status()
    assert api.delete(f"/containers/{created['record_id']}").status_code == 204
    assert api.records() == []


@pytest.mark.parametrize("path", ["/containers/docker/{id}", "/containers/{record_id}"])
def test_a_second_delete_is_not_found(api: Api, plugins: Path, path: str) -> None:
    make_release(plugins)
    path = path.format(**api.create())
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 404


@pytest.mark.parametrize("path", ["/containers/docker/{id}", "/containers/{record_id}"])
def test_of_many_deletes_at_once_one_succeeds_and_nothing_is_left(api: Api, plugins: Path, path: str) -> None:
    make_release(plugins, TELLS)
    created = api.create()
    pid = pid_of(created)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: api.delete(path.format(**created)).status_code, range(8)))
    assert sorted(answers)[0] == 204
    assert answers.count(204) == 1
    assert set(answers) <= {204, 404, 409}
    assert ended(pid)
    assert api.containers() == []
    assert [record["status"] for record in api.records()] == (["deleted"] if "docker" in path else [])


def test_updating_a_record_touches_the_record_alone(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create()
    before = api.record(created["record_id"])
    response = api.patch(f"/containers/{created['record_id']}", json={"status": "stopped"})
    assert response.status_code == 200
    after = response.json()
    assert after == {**before, "status": "stopped", "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert api.record(created["record_id"]) == after
    assert api.container(created["id"]) == created


def test_updating_or_deleting_a_record_that_is_not_there_is_not_found(api: Api) -> None:
    for response in (
        api.patch("/containers/7", json={"status": "x"}),
        api.delete("/containers/7"),
        api.get("/containers/7"),
    ):
        assert response.status_code == 404
        assert response.json() == {"detail": "There is no record 7."}


def test_concurrent_updates_and_a_delete_leave_no_trace(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create()
    path = f"/containers/{created['record_id']}"
    with ThreadPoolExecutor(8) as threads:
        updates = [threads.submit(api.patch, path, json={"status": f"s{number}"}) for number in range(20)]
        deleted = threads.submit(api.delete, path).result()
        answers = {update.result().status_code for update in updates}
    assert deleted.status_code == 204
    assert answers <= {200, 404}
    assert api.records() == []
    assert api.containers() == []


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGKILL, -9, "killed by signal 9"), (signal.SIGUSR1, 3, "ended with code 3")],
)
def test_a_program_that_ends_on_its_own_is_seen_in_container_and_record(
    api: Api, plugins: Path, number: int, code: int, reason: str
) -> None:
    make_release(plugins, "    import os, signal; signal.signal(signal.SIGUSR1, lambda *_: os._exit(3))\n" + TELLS)
    created = api.create()
    kill(pid_of(created), number)
    record = wait_until(lambda: api.records(status="exited"))[0]
    assert (record["exit_code"], record["status_reason"]) == (code, reason)
    assert (record["endpoint"], record["host_port"]) == (None, None)
    container = api.container(created["id"])
    assert (container["status"], container["running"], container["exit_code"]) == ("exited", False, code)
    assert container["endpoint"] is None
    assert api.containers() == [container]


def test_an_exited_container_can_be_removed(api: Api, plugins: Path) -> None:
    make_release(plugins, TELLS)
    created = api.create()
    kill(pid_of(created))
    wait_until(lambda: api.records(status="exited"))
    assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
    assert api.containers() == []
    assert api.record(created["record_id"])["status"] == "deleted"


def test_an_end_overrides_what_a_client_wrote(api: Api, plugins: Path) -> None:
    make_release(plugins, TELLS)
    created = api.create()
    api.patch(f"/containers/{created['record_id']}", json={"status": "mine"}).raise_for_status()
    kill(pid_of(created))
    assert wait_until(lambda: api.records(status="exited"))[0]["id"] == created["record_id"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import sys; sys.exit('no such model')", "sample@1.0 ended with code 1 before it listened: no such model"),
        ("raise SystemExit(0)", "sample@1.0 ended with code 0 before it listened: (it wrote nothing)"),
        ("import os; os.kill(os.getpid(), 9)", "sample@1.0 ended with code -9 before it listened: (it wrote nothing)"),
    ],
)
def test_a_program_that_ends_before_it_listens_leaves_nothing(
    api: Api, plugins: Path, program: str, expected: str
) -> None:
    make_release(plugins, program)
    response = api.post("/containers/docker/", json={"plugin_release": "sample@1.0"})
    assert response.status_code == 422
    assert response.json() == {"detail": expected}
    assert api.containers() == []
    assert api.records() == []


def test_the_tail_of_a_failed_programs_output_is_bounded(api: Api, plugins: Path) -> None:
    make_release(plugins, "print('x' * 10_000_000 + 'the end'); raise SystemExit(1)")
    detail = api.post("/containers/docker/", json={"plugin_release": "sample@1.0"}).json()["detail"]
    assert detail.endswith("xxx" + "the end")
    assert len(detail) < 5000


def test_a_program_that_never_listens_leaves_nothing(plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    with (
        LocalAgent(plugins, token=TOKEN, start_timeout=0.4, validate_responses=True) as agent,
        Api(base_url=agent.url, headers={"Authorization": TOKEN}) as api,
    ):
        response = api.post("/containers/docker/", json={"plugin_release": "sample@1.0"})
        assert response.status_code == 422
        detail = response.json()["detail"]
        assert detail.startswith("sample@1.0 did not listen on 127.0.0.1:")
        assert detail.endswith(" within 0.4 s: here")
        assert api.containers() == []
        assert api.records() == []
    assert agent.violations == []


def starting(api: Api) -> dict[str, Any]:
    """The container that is being started, once its program runs."""
    return wait_until(lambda: [container for container in api.containers() if container["running"]])[0]


def test_a_container_is_seen_while_it_starts(api: Api, plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(1) as threads:
        creating = threads.submit(api.post, "/containers/docker/", json={"plugin_release": "sample@1.0"})
        container = starting(api)
        assert (container["status"], container["endpoint"]) == ("starting", None)
        assert [record["status"] for record in api.records()] == ["starting"]
        api.delete(f"/containers/docker/{container['id']}").raise_for_status()
        creating.result()


@pytest.mark.parametrize(("path", "left"), [("/containers/docker/{id}", ["deleted"]), ("/containers/{record_id}", [])])
def test_a_delete_during_a_create_ends_with_neither(api: Api, plugins: Path, path: str, left: list[str]) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(1) as threads:
        creating = threads.submit(api.post, "/containers/docker/", json={"plugin_release": "sample@1.0"})
        container = starting(api)
        assert api.delete(path.format(**container)).status_code == 204
        response = creating.result()
    assert response.status_code == 409
    assert response.json()["detail"].endswith("while it was being started.")
    assert api.containers() == []
    assert [record["status"] for record in api.records()] == left


def test_stopping_the_agent_ends_a_create(plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    agent = LocalAgent(plugins, auth=False)
    agent.start()
    with Api(base_url=agent.url) as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(api.post, "/containers/docker/", json={"plugin_release": "sample@1.0"})
        starting(api)
        agent.stop()
        response = creating.result()
    assert response.status_code == 503
    assert response.json() == {"detail": "The agent is stopping."}


def test_others_are_answered_while_many_creates_wait(api: Api, plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(24) as threads:
        wanted = {"plugin_release": "sample@1.0"}
        creating = [threads.submit(api.post, "/containers/docker/", json=wanted) for _ in range(12)]
        wait_until(lambda: len(api.containers()) == 12)
        assert api.get("/containers/", timeout=5).json()["count"] == 12
        for container in api.containers():
            threads.submit(api.delete, f"/containers/docker/{container['id']}")
        assert {future.result().status_code for future in creating} == {409}


def test_creates_at_once_never_share_a_port(api: Api, plugins: Path) -> None:
    make_release(plugins, TELLS)
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda number: api.create(envs={"N": str(number)}), range(8)))
    assert len({container["endpoint"] for container in created}) == 8
    answers = {httpx.get(container["endpoint"]).json()["env"]["N"] for container in created}
    assert answers == {str(number) for number in range(8)}


def test_stopping_the_agent_ends_all_its_children_together(plugins: Path) -> None:
    make_release(plugins, TELLS)
    with LocalAgent(plugins, auth=False) as agent, Api(base_url=agent.url) as api:
        pids = [pid_of(api.create()) for _ in range(3)]
        assert not any(ended(pid) for pid in pids)
    assert all(ended(pid) for pid in pids)


def database_of(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


def test_records_survive_a_restart_and_say_that_the_container_is_gone(plugins: Path, tmp_path: Path) -> None:
    make_release(plugins, TELLS)
    with (
        LocalAgent(plugins, auth=False, database=database_of(tmp_path)) as agent,
        Api(base_url=agent.url) as api,
    ):
        runs, renamed, exits, deleted = (api.create(labels=[str(number)]) for number in range(4))
        api.patch(f"/containers/{renamed['record_id']}", json={"status": "mine"}).raise_for_status()
        kill(pid_of(exits))
        wait_until(lambda: api.records(status="exited"))
        api.delete(f"/containers/docker/{deleted['id']}").raise_for_status()
    with (
        LocalAgent(plugins, auth=False, database=database_of(tmp_path), validate_responses=True) as agent,
        Api(base_url=agent.url) as api,
    ):
        assert api.containers() == []
        records = {record["id"]: record for record in api.records()}
        assert records[runs["record_id"]]["labels"] == ["0"]
        for container in (runs, renamed):
            record = records[container["record_id"]]
            assert (record["status"], record["status_reason"]) == ("stopped", "the agent stopped")
        assert records[exits["record_id"]]["status"] == "exited"
        assert records[deleted["record_id"]]["status"] == "deleted"
        assert {record["endpoint"] for record in records.values()} == {None}
        assert api.create()["record_id"] > max(records)
    assert agent.violations == []


def test_two_agents_on_one_database_leave_each_others_containers_alone(plugins: Path, tmp_path: Path) -> None:
    make_release(plugins)
    database = database_of(tmp_path)
    with LocalAgent(plugins, auth=False, database=database) as one, Api(base_url=one.url) as first:
        created = first.create()
        with LocalAgent(plugins, auth=False, database=database) as two, Api(base_url=two.url) as second:
            assert second.record(created["record_id"])["status"] == "running"
            response = second.delete(f"/containers/{created['record_id']}")
            assert response.status_code == 409
            assert "another agent" in response.json()["detail"]
        assert first.record(created["record_id"])["status"] == "running"
        assert first.container(created["id"])["running"]


def test_a_database_that_is_locked_is_answered_503(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("BEGIN", {}, Exception("database is locked"))

    monkeypatch.setattr(Records, "get", locked)
    response = api.get("/containers/1")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.json() == {"detail": "The database cannot serve this now."}
    assert "database is locked" in caplog.text


def test_an_end_that_cannot_be_recorded_is_logged(
    api: Api, plugins: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_release(plugins, TELLS)
    created = api.create()
    recorded = threading.Event()

    def broken(*_: object, **__: object) -> None:
        recorded.set()
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "change_all", broken)
        kill(pid_of(created))
        assert recorded.wait(10)
        wait_until(lambda: "the disk is gone" in caplog.text)
    assert api.container(created["id"])["status"] == "exited"
