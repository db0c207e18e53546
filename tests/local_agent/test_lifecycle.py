"""Containers and their records, through the agent's API and on every engine: from create to delete, and what may go
wrong between."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.engines import Engine
from synapse_sdk.local_agent.records import Records
from tests.local_agent.hosts import Host
from tests.local_agent.support import (
    OBEYS,
    SLEEPS,
    TELLS,
    TOKEN,
    Api,
    ask,
    ended,
    errors_of,
    make_release,
    wait_until,
)

IGNORES = "    import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
ASKED = """
    import signal, sys
    def end(*_):
        print("asked", flush=True); sys.exit(7)
    signal.signal(signal.SIGTERM, end)
"""
ONCE = """
    import pathlib, sys
    if pathlib.Path("ran").exists():
        sys.exit("once is enough")
    pathlib.Path("ran").touch()
"""


@pytest.fixture
def agent(plugins: Path, host: Host) -> Iterator[LocalAgent]:
    """An agent on each engine, whose answers are all checked against the contract."""
    with LocalAgent(plugins, token=TOKEN, engine=host.engine(), validate_responses=True) as agent:
        yield agent
    assert agent.violations == []


@contextmanager
def another_agent(plugins: Path, engine: Engine, **options: Any) -> Iterator[tuple[LocalAgent, Api]]:
    agent = LocalAgent(plugins, auth=False, engine=engine, validate_responses=True, **options)
    with agent, Api(base_url=agent.url) as api:
        yield agent, api
    assert agent.violations == []


def creating(threads: ThreadPoolExecutor, api: Api) -> Future[httpx.Response]:
    return threads.submit(api.post, "/containers/docker/", json={"plugin_release": "sample@1.0"})


def starting(api: Api) -> dict[str, Any]:
    """The container that is being started, once its program runs."""
    return wait_until(lambda: [container for container in api.containers() if container["running"]])[0]


def failed_record(api: Api) -> dict[str, Any]:
    """The only record that there is, which says why there is no container."""
    (record,) = api.records()
    assert api.containers() == []
    assert record["status"] == "failed"
    assert (record["endpoint"], record["host_port"]) == (None, None)
    return record


def test_create_answers_with_a_container_that_listens(api: Api, host: Host, plugins: Path) -> None:
    make_release(plugins, TELLS)
    created = api.create(params={"a": 1}, metadata={"by": "test"}, labels=["x", "y"])
    assert httpx.get(created["endpoint"]).status_code == 200
    assert len(created["id"]) == 64
    assert created["endpoint"].startswith("http://127.0.0.1:")
    assert host.is_image(created["image"])
    assert created == {
        "id": created["docker_id"],
        "docker_id": created["docker_id"],
        "status": "running",
        "running": True,
        "name": f"sample-1.0-{created['record_id']}",
        "image": created["image"],
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
        "ended_at": None,
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


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("DELETE", ""), ("POST", "/stop/"), ("POST", "/start/"), ("GET", "/logs/")]
)
def test_an_unknown_container_is_not_found(api: Api, method: str, path: str) -> None:
    response = api.request(method, f"/containers/docker/0123456789ab{path}")
    assert response.status_code == 404
    assert response.json() == {"detail": "There is no container 0123456789ab."}


def test_what_is_not_the_whole_id_or_12_digits_of_it_is_not_found(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create()
    for wrong in (created["id"][:11], created["id"][1:13], created["name"], "sample"):
        assert api.get(f"/containers/docker/{wrong}").status_code == 404


def test_list_shows_all_containers_the_newest_first(api: Api, plugins: Path) -> None:
    make_release(plugins)
    assert api.containers() == []
    first, second = api.create(), api.create()
    assert api.containers() == [second, first]


def test_deleting_a_container_ends_it_and_leaves_its_record(api: Api, host: Host, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    pids = host.pids(created)
    assert pids
    response = api.delete(f"/containers/docker/{created['id'][:12]}")
    assert (response.status_code, response.content) == (204, b"")
    assert all(ended(pid) for pid in pids)
    assert api.containers() == []
    record = api.record(created["record_id"])
    assert (record["status"], record["endpoint"], record["host_port"]) == ("deleted", None, None)
    assert record["docker_id"] == created["id"]


def test_deleting_a_record_ends_its_container_too(api: Api, host: Host, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    pids = host.pids(created)
    assert api.delete(f"/containers/{created['record_id']}").status_code == 204
    assert all(ended(pid) for pid in pids)
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
def test_of_many_deletes_at_once_one_succeeds_and_nothing_is_left(
    api: Api, host: Host, plugins: Path, path: str
) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    pids = host.pids(created)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: api.delete(path.format(**created)).status_code, range(8)))
    assert sorted(answers)[0] == 204
    assert answers.count(204) == 1
    assert set(answers) <= {204, 404, 409}
    assert all(ended(pid) for pid in pids)
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
    api: Api, host: Host, plugins: Path, number: int, code: int, reason: str
) -> None:
    make_release(plugins, "    import os, signal; signal.signal(signal.SIGUSR1, lambda *_: os._exit(3))\n" + OBEYS)
    created = api.create()
    host.signal(created, number)
    record = wait_until(lambda: api.records(status="exited"))[0]
    assert (record["exit_code"], record["status_reason"]) == (code, reason)
    assert (record["endpoint"], record["host_port"]) == (None, None)
    assert record["created_at"] < record["ended_at"] <= record["updated_at"]
    assert len(record["ended_at"]) == len(record["created_at"])
    container = api.container(created["id"])
    assert (container["status"], container["running"], container["exit_code"]) == ("exited", False, code)
    assert container["endpoint"] is None
    assert api.containers() == [container]


def test_an_exited_container_can_be_removed(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    ask(created, "os._exit(1)")
    wait_until(lambda: api.records(status="exited"))
    assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
    assert api.containers() == []
    assert api.record(created["record_id"])["status"] == "deleted"


def test_an_end_overrides_what_a_client_wrote(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    api.patch(f"/containers/{created['record_id']}", json={"status": "mine"}).raise_for_status()
    ask(created, "os._exit(1)")
    assert wait_until(lambda: api.records(status="exited"))[0]["id"] == created["record_id"]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("import sys; sys.exit('no such model')", "sample@1.0 ended with code 1 before it listened: no such model"),
        ("raise SystemExit(0)", "sample@1.0 ended with code 0 before it listened: (it wrote nothing)"),
        ("import os; os.kill(os.getpid(), 9)", "sample@1.0 ended with code -9 before it listened: (it wrote nothing)"),
    ],
)
def test_a_program_that_ends_before_it_listens_leaves_a_record_that_says_so(
    api: Api, plugins: Path, program: str, expected: str
) -> None:
    make_release(plugins, program)
    response = api.post("/containers/docker/", json={"plugin_release": "sample@1.0"})
    assert response.status_code == 422
    assert response.json() == {"detail": expected}
    assert failed_record(api)["status_reason"] == expected


def test_the_tail_of_a_failed_programs_output_is_bounded(api: Api, plugins: Path) -> None:
    make_release(plugins, "print('x' * 10_000_000 + 'the end'); raise SystemExit(1)")
    detail = api.post("/containers/docker/", json={"plugin_release": "sample@1.0"}).json()["detail"]
    assert detail.endswith("xxx" + "the end")
    assert len(detail) < 5000
    assert failed_record(api)["status_reason"] == detail


def test_a_program_that_never_listens_leaves_a_record_that_says_so(plugins: Path, host: Host) -> None:
    make_release(plugins, SLEEPS)
    # Long enough for Python to start and the program to print, also on a busy machine.
    with another_agent(plugins, host.engine(start_timeout=4)) as (_, api):
        response = api.post("/containers/docker/", json={"plugin_release": "sample@1.0"})
        assert response.status_code == 422
        detail = response.json()["detail"]
        assert detail.startswith("sample@1.0 did not listen on ")
        assert detail.endswith(" within 4 s: here")
        assert failed_record(api)["status_reason"] == detail


def test_the_record_of_a_failed_creation_can_be_deleted(api: Api, plugins: Path) -> None:
    make_release(plugins, "raise SystemExit(1)")
    assert api.post("/containers/docker/", json={"plugin_release": "sample@1.0"}).status_code == 422
    assert api.delete(f"/containers/{failed_record(api)['id']}").status_code == 204
    assert api.records() == []


@pytest.mark.parametrize("name", ["", "A=B"])
def test_a_creation_that_is_refused_field_by_field_leaves_nothing(api: Api, plugins: Path, name: str) -> None:
    make_release(plugins)
    response = api.post("/containers/docker/", json={"plugin_release": "sample@1.0", "envs": {name: "1"}})
    assert errors_of(response) == [("envs", ["body", "envs", name])]
    assert (api.containers(), api.records()) == ([], [])


def test_a_container_is_seen_while_it_starts(api: Api, plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(1) as threads:
        created = creating(threads, api)
        container = starting(api)
        assert (container["status"], container["endpoint"]) == ("starting", None)
        assert [record["status"] for record in api.records()] == ["starting"]
        api.delete(f"/containers/docker/{container['id']}").raise_for_status()
        created.result()


@pytest.mark.parametrize(("path", "left"), [("/containers/docker/{id}", ["deleted"]), ("/containers/{record_id}", [])])
def test_a_delete_during_a_create_ends_with_neither(api: Api, plugins: Path, path: str, left: list[str]) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(1) as threads:
        created = creating(threads, api)
        container = starting(api)
        assert api.delete(path.format(**container)).status_code == 204
        response = created.result()
    assert response.status_code == 409
    assert response.json()["detail"].endswith("while it was being started.")
    assert api.containers() == []
    assert [record["status"] for record in api.records()] == left


def test_stopping_the_agent_ends_a_create(plugins: Path, host: Host) -> None:
    make_release(plugins, SLEEPS)
    with another_agent(plugins, host.engine()) as (agent, api), ThreadPoolExecutor(1) as threads:
        created = creating(threads, api)
        starting(api)
        agent.stop()
        response = created.result()
    assert response.status_code == 503
    assert response.json() == {"detail": "The agent is stopping."}


def test_others_are_answered_while_many_creates_wait(api: Api, plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(24) as threads:
        created = [creating(threads, api) for _ in range(8)]
        wait_until(lambda: [each["running"] for each in api.containers()] == [True] * 8)
        assert api.get("/containers/", timeout=5).json()["count"] == 8
        for container in api.containers():
            threads.submit(api.delete, f"/containers/docker/{container['id']}")
        assert {future.result().status_code for future in created} == {409}


def test_creates_at_once_never_share_a_port(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(lambda number: api.create(envs={"N": str(number)}), range(8)))
    assert len({container["endpoint"] for container in created}) == 8
    assert [ask(container, "os.environ['N']") for container in created] == [str(number) for number in range(8)]


def test_stopping_the_agent_ends_all_its_containers(plugins: Path, host: Host) -> None:
    make_release(plugins, OBEYS)
    with another_agent(plugins, host.engine()) as (_, api):
        pids = [pid for _ in range(3) for pid in host.pids(api.create())]
        assert not any(ended(pid) for pid in pids)
    assert all(ended(pid) for pid in pids)
    with another_agent(plugins, host.engine()) as (_, api):
        assert api.containers() == []


def test_a_program_gets_its_params_its_envs_and_its_address(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    params = {"a": [1, 2.5, None, "é"], "b": {"c": True}}
    created = api.create(params=params, envs={"DEBUG": "true", "odd-name.1": "ü=\n", "GRADIO_SERVER_PORT": "1"})
    assert ask(created, "json.loads(os.environ['PLUGIN_PARAMS'])") == params
    assert ask(created, "[os.environ['DEBUG'], os.environ['odd-name.1']]") == ["true", "ü=\n"]
    assert ask(created, "os.environ['GRADIO_SERVER_PORT']") == str(ask(created, "server.getsockname()[1]"))


def test_envs_win_over_params(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create(params={"a": 1}, envs={"PLUGIN_PARAMS": "[]"})
    assert ask(created, "os.environ['PLUGIN_PARAMS']") == "[]"


def test_a_program_runs_in_its_releases_folder_without_input(api: Api, plugins: Path) -> None:
    make_release(plugins, f"    from plugin.sibling import answer\n    assert answer == 42\n{OBEYS}")
    (plugins / "sample@1.0" / "plugin" / "sibling.py").write_text("answer = 42\n")
    created = api.create()
    assert {"config.yaml", "plugin"} <= set(ask(created, "os.listdir()"))
    assert ask(created, "sys.stdin.read()") == ""


def test_stopping_ends_a_container_that_stays(api: Api, host: Host, plugins: Path) -> None:
    make_release(plugins, ASKED + OBEYS)
    created = api.create(labels=["x"])
    pids = host.pids(created)
    stopped = api.stop(created["id"][:12])
    assert all(ended(pid) for pid in pids)
    assert stopped == {**created, "status": "exited", "running": False, "endpoint": None, "exit_code": 7}
    assert api.containers() == [stopped]
    record = api.record(created["record_id"])
    assert (record["status"], record["status_reason"], record["exit_code"]) == ("stopped", None, 7)
    assert (record["endpoint"], record["host_port"]) == (None, None)
    assert record["created_at"] < record["ended_at"] <= record["updated_at"]
    assert api.logs(created["id"]) == "asked\n"


def test_a_container_that_does_not_run_is_left_as_it_is_by_stop(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    stopped, exited = api.create(), api.create()
    first = api.stop(stopped["id"])
    ask(exited, "os._exit(3)")
    (record,) = wait_until(lambda: api.records(status="exited"))
    before = api.record(stopped["record_id"])
    assert api.stop(stopped["id"]) == first
    assert api.stop(exited["id"])["exit_code"] == 3
    assert api.record(stopped["record_id"]) == before
    assert api.record(exited["record_id"]) == record


def test_a_stop_is_never_told_as_an_end_of_the_programs_own(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    seen = set()
    with ThreadPoolExecutor(1) as threads:
        stopping = threads.submit(api.stop, created["id"])
        while not stopping.done():
            seen.add(api.record(created["record_id"])["status"])
    seen.add(api.record(created["record_id"])["status"])
    assert seen <= {"running", "stopped"}


def test_a_program_that_ignores_the_request_to_end_is_killed(plugins: Path, host: Host) -> None:
    make_release(plugins, IGNORES + OBEYS)
    with another_agent(plugins, host.engine(stop_grace=1)) as (_, api):
        created = api.create()
        assert api.stop(created["id"])["exit_code"] == -9
        again = api.start(created["id"])
        pids = host.pids(again)
        assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
        assert all(ended(pid) for pid in pids)


def test_what_a_program_has_forked_ends_with_it(api: Api, host: Host, plugins: Path) -> None:
    stubborn = """
    import signal, subprocess, sys
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
    child.stdout.readline()
"""
    make_release(plugins, stubborn + OBEYS)
    stopped, exited, deleted = api.create(), api.create(), api.create()
    pids = [pid for container in (stopped, exited, deleted) for pid in host.pids(container)]
    assert len(pids) >= 6
    api.stop(stopped["id"])
    ask(exited, "os._exit(0)")
    api.delete(f"/containers/docker/{deleted['id']}").raise_for_status()
    wait_until(lambda: all(ended(pid) for pid in pids))


def test_a_stopped_container_is_started_again_as_it_was(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create(params={"a": 1}, envs={"N": "1"}, labels=["x"])
    before = api.record(created["record_id"])
    api.stop(created["id"])
    started = api.start(created["id"][:12])
    assert started == {**created, "endpoint": started["endpoint"]}
    assert ask(started, "[os.environ['N'], os.environ['PLUGIN_PARAMS']]") == ["1", '{"a": 1}']
    assert api.containers() == [started]
    record = api.record(created["record_id"])
    assert record == {
        **before,
        "endpoint": started["endpoint"],
        "host_port": int(started["endpoint"].rpartition(":")[2]),
        "updated_at": record["updated_at"],
    }


def test_a_container_that_has_ended_is_started_again_and_again(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    container = api.create()
    for number in range(3):
        ask(container, f"os._exit({number})")
        record = wait_until(lambda: api.records(status="exited"))[0]
        assert record["exit_code"] == number
        container = api.start(container["id"])
        record = api.record(container["record_id"])
        assert (record["status"], record["status_reason"]) == ("running", None)
        assert (record["exit_code"], record["ended_at"]) == (None, None)
        assert record["endpoint"] == container["endpoint"]


def test_a_container_that_runs_is_left_as_it_is_by_start(api: Api, host: Host, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    pids, before = host.pids(created), api.record(created["record_id"])
    assert api.start(created["id"]) == created
    assert (host.pids(created), api.record(created["record_id"])) == (pids, before)


def test_of_many_starts_at_once_all_that_succeed_see_the_same(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    api.stop(created["id"])
    with ThreadPoolExecutor(8) as threads:
        path = f"/containers/docker/{created['id']}/start/"
        answers = list(threads.map(lambda _: api.post(path), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    (endpoint,) = {answer.json()["endpoint"] for answer in answers if answer.status_code == 200}
    record = api.record(created["record_id"])
    assert (record["status"], record["endpoint"]) == ("running", endpoint)
    assert ask(api.container(created["id"]), "1 + 1") == 2


def test_starts_and_stops_at_once_leave_a_record_that_agrees(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    path = f"/containers/docker/{created['id']}"
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: api.post(f"{path}/{'start' if n % 2 else 'stop'}/"), range(24)))
    assert {answer.status_code for answer in answers} <= {200, 409, 422}

    def agrees() -> bool:
        container, record = api.container(created["id"]), api.record(created["record_id"])
        expected = {"running": {"running"}, "exited": {"stopped", "exited"}}
        return record["status"] in expected[container["status"]] and record["endpoint"] == container["endpoint"]

    wait_until(agrees)


def test_a_start_that_fails_leaves_the_container_and_a_record_that_says_why(api: Api, plugins: Path) -> None:
    make_release(plugins, ONCE + OBEYS)
    created = api.create()
    api.stop(created["id"])
    for _ in range(2):
        response = api.post(f"/containers/docker/{created['id']}/start/")
        assert response.status_code == 422
        expected = "sample@1.0 ended with code 1 before it listened: "
        detail = response.json()["detail"]
        assert detail.startswith(expected)
        assert detail.endswith("once is enough")
        container = api.container(created["id"])
        assert (container["status"], container["running"], container["exit_code"]) == ("exited", False, 1)
        record = api.record(created["record_id"])
        assert (record["status"], record["status_reason"], record["exit_code"]) == ("exited", detail, 1)
        assert (record["endpoint"], record["host_port"]) == (None, None)
    assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
    assert api.record(created["record_id"])["status"] == "deleted"


SECOND_TIME_SLEEPS = """
    import pathlib, time
    if pathlib.Path("ran").exists():
        time.sleep(600)
    pathlib.Path("ran").touch()
"""


def restarting(threads: ThreadPoolExecutor, api: Api, container_id: str) -> Future[httpx.Response]:
    """A start that does not come to its end, once its program runs."""
    started = threads.submit(api.post, f"/containers/docker/{container_id}/start/")
    wait_until(lambda: api.container(container_id)["running"])
    return started


def test_a_stop_during_a_start_stops_it(api: Api, plugins: Path) -> None:
    make_release(plugins, SECOND_TIME_SLEEPS + OBEYS)
    created = api.create()
    api.stop(created["id"])
    with ThreadPoolExecutor(1) as threads:
        started = restarting(threads, api, created["id"])
        assert api.record(created["record_id"])["status"] == "starting"
        again = api.post(f"/containers/docker/{created['id']}/start/")
        assert (again.status_code, "being started already" in again.json()["detail"]) in {(409, True), (200, False)}
        assert api.stop(created["id"])["status"] == "exited"
        assert started.result().status_code == 422
    record = api.record(created["record_id"])
    assert (record["status"], record["status_reason"], record["endpoint"]) == ("stopped", None, None)
    assert [container["status"] for container in api.containers()] == ["exited"]


@pytest.mark.parametrize(("path", "left"), [("/containers/docker/{id}", ["deleted"]), ("/containers/{record_id}", [])])
def test_a_delete_during_a_start_ends_with_neither(api: Api, plugins: Path, path: str, left: list[str]) -> None:
    make_release(plugins, SECOND_TIME_SLEEPS + OBEYS)
    created = api.create()
    api.stop(created["id"])
    with ThreadPoolExecutor(1) as threads:
        started = restarting(threads, api, created["id"])
        assert api.delete(path.format(**created)).status_code == 204
        assert started.result().status_code in (404, 409)
    assert api.containers() == []
    assert [record["status"] for record in api.records()] == left


@pytest.mark.parametrize(("path", "left"), [("/containers/docker/{id}", ["deleted"]), ("/containers/{record_id}", [])])
def test_a_delete_during_a_stop_ends_with_neither(plugins: Path, host: Host, path: str, left: list[str]) -> None:
    make_release(plugins, IGNORES + OBEYS)
    with another_agent(plugins, host.engine(stop_grace=1)) as (_, api), ThreadPoolExecutor(1) as threads:
        created = api.create()
        stopping = threads.submit(api.post, f"/containers/docker/{created['id']}/stop/")
        assert api.delete(path.format(**created)).status_code == 204
        assert stopping.result().status_code in (200, 404, 409)
        assert api.containers() == []
        assert [record["status"] for record in api.records()] == left


def test_a_stop_during_a_create_leaves_a_record_that_says_so(api: Api, plugins: Path) -> None:
    make_release(plugins, SLEEPS)
    with ThreadPoolExecutor(1) as threads:
        created = creating(threads, api)
        container = starting(api)
        assert api.post(f"/containers/docker/{container['id']}/stop/").status_code in (200, 404, 409)
        response = created.result()
    assert response.status_code == 422
    assert response.json()["detail"].startswith("sample@1.0 ended with code -15 before it listened: ")
    wait_until(lambda: api.containers() == [])
    assert failed_record(api)["status_reason"] == response.json()["detail"]


def test_logs_are_what_the_program_has_written_in_order(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    assert api.logs(created["id"]) == ""
    lines = ["one\n", "two\n", "three\n", "ü\u2028four\n"]
    for number, line in enumerate(lines):
        ask(created, f"print({line[:-1]!r}, file=sys.std{'err' if number % 2 else 'out'}, flush=True)")
        wait_until(lambda: api.logs(created["id"][:12]) == "".join(lines[: number + 1]))  # noqa: B023 - waited for here


def test_the_tail_of_logs_is_so_many_lines_of_their_end(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    ask(created, "print('one\\ntwo\\n\\nfour\\nlast', end='', flush=True)")
    ask(created, "os._exit(0)")
    wait_until(lambda: api.records(status="exited"))
    text = "one\ntwo\n\nfour\nlast"
    expected = {0: "", 1: "last", 2: "four\nlast", 3: "\nfour\nlast", 5: text, 6: text, 10**9: text}
    assert {tail: api.logs(created["id"], tail=tail) for tail in expected} == expected
    assert api.logs(created["id"]) == text


@pytest.mark.parametrize("tail", ["-1", "x", "1.0", ""])
def test_a_tail_that_is_no_number_of_lines_is_refused(api: Api, plugins: Path, tail: str) -> None:
    make_release(plugins)
    created = api.create()
    response = api.get(f"/containers/docker/{created['id']}/logs/", params={"tail": tail})
    assert [loc for _, loc in errors_of(response)] == [["query", "tail"]]


def test_a_tail_beyond_all_numbers_is_all(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    ask(created, "print('one', flush=True)")
    wait_until(lambda: api.logs(created["id"], tail=10**30) == "one\n")


def test_logs_go_on_over_stops_and_starts(api: Api, plugins: Path) -> None:
    make_release(plugins, f"    print('here', flush=True)\n{OBEYS}")
    created = api.create()
    api.stop(created["id"])
    assert api.logs(created["id"]) == "here\n"
    ask(api.start(created["id"]), "print('there', flush=True)")
    wait_until(lambda: api.logs(created["id"]) == "here\nhere\nthere\n")


def test_what_is_written_last_is_in_the_logs_as_soon_as_the_end_is_told(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    ask(created, "[print('x' * 99, flush=True) for _ in range(1000)] and os._exit(0)")
    wait_until(lambda: api.records(status="exited"))
    assert api.logs(created["id"]) == f"{'x' * 99}\n" * 1000


def test_what_is_not_utf_8_is_replaced_in_logs(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    ask(created, "os.write(1, b'a\\xff\\xfeb\\x00\\xc3\\n')")
    wait_until(lambda: api.logs(created["id"]) == "a\ufffd\ufffdb\0\ufffd\n")


def test_a_flood_of_output_does_not_block_the_program(api: Api, plugins: Path) -> None:
    make_release(plugins, OBEYS)
    created = api.create()
    ask(created, "[os.write(1, b'x' * 99_999 + b'\\n') for _ in range(400)] and print('the end', flush=True)")
    wait_until(lambda: api.logs(created["id"], tail=1) == "the end\n")
    assert len(api.logs(created["id"])) <= 25_000_000


def test_the_logs_of_a_deleted_container_are_gone(api: Api, plugins: Path) -> None:
    make_release(plugins)
    created = api.create()
    api.delete(f"/containers/docker/{created['id']}").raise_for_status()
    assert api.get(f"/containers/docker/{created['id']}/logs/").status_code == 404


def database_of(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'records.db'}"


def test_records_survive_a_restart_and_say_that_the_container_is_gone(
    plugins: Path, host: Host, tmp_path: Path
) -> None:
    make_release(plugins, OBEYS)
    with another_agent(plugins, host.engine(), database=database_of(tmp_path)) as (_, api):
        runs, renamed, exits, stopped, deleted = (api.create(labels=[str(number)]) for number in range(5))
        api.patch(f"/containers/{renamed['record_id']}", json={"status": "mine"}).raise_for_status()
        ask(exits, "os._exit(3)")
        wait_until(lambda: api.records(status="exited"))
        api.stop(stopped["id"])
        api.delete(f"/containers/docker/{deleted['id']}").raise_for_status()
    with another_agent(plugins, host.engine(), database=database_of(tmp_path)) as (_, api):
        assert api.containers() == []
        records = {record["id"]: record for record in api.records()}
        assert records[runs["record_id"]]["labels"] == ["0"]
        for container in (runs, renamed, stopped):
            record = records[container["record_id"]]
            assert (record["status"], record["status_reason"]) == ("stopped", "the agent stopped")
        exited = records[exits["record_id"]]
        assert (exited["status"], exited["exit_code"]) == ("exited", 3)
        assert records[deleted["record_id"]]["status"] == "deleted"
        assert {record["endpoint"] for record in records.values()} == {None}
        assert api.create()["record_id"] > max(records)


AGENT = """
import sys, time
from synapse_sdk.local_agent import LocalAgent
{imported}
with LocalAgent(sys.argv[1], auth=False, database=sys.argv[2], engine={source}) as agent:
    print(agent.url, flush=True)
    time.sleep(600)
"""


@contextmanager
def killable_agent(plugins: Path, host: Host, database: str) -> Iterator[tuple[Api, subprocess.Popen[bytes]]]:
    code = AGENT.format(source=host.source, imported=host.imported)
    agent = subprocess.Popen([sys.executable, "-c", code, str(plugins), database], stdout=subprocess.PIPE)
    assert agent.stdout
    with agent.stdout, Api(base_url=agent.stdout.readline().decode().strip()) as api:
        yield api, agent
        agent.kill()
        agent.wait()


def test_what_a_killed_agent_has_left_is_the_next_agents(plugins: Path, host: Host, tmp_path: Path) -> None:
    make_release(plugins, OBEYS)
    make_release(plugins, SLEEPS, "slow@1.0")
    database = database_of(tmp_path)
    with killable_agent(plugins, host, database) as (api, agent), ThreadPoolExecutor(1) as threads:
        runs, exits, stopped = api.create(), api.create(), api.create()
        pids = host.pids(runs)
        ask(exits, "os._exit(3)")
        wait_until(lambda: api.records(status="exited"))
        api.stop(stopped["id"])
        half = threads.submit(api.post, "/containers/docker/", json={"plugin_release": "slow@1.0"})
        wait_until(lambda: [each for each in api.containers() if each["status"] == "starting"])
        agent.kill()
        agent.wait()
        assert half.exception()
    with another_agent(plugins, host.engine(), database=database) as (_, api):
        records = {record["plugin_release"] + record["status"]: record for record in api.records()}
        half_made = records["slow@1.0failed"]
        assert half_made["status_reason"] == "its agent had ended, and its container with it"
        assert half_made["endpoint"] is None
        if host.outlives:
            there = {container["id"]: container for container in api.containers()}
            assert set(there) == {runs["id"], exits["id"], stopped["id"]}
            assert there[runs["id"]] == runs
            assert host.pids(runs) == pids
            assert {name for name in records if "sample" in name} == {
                f"sample@1.0{status}" for status in ("running", "exited", "stopped")
            }
            assert records["sample@1.0running"]["endpoint"] == runs["endpoint"]
            assert records["sample@1.0exited"]["exit_code"] == 3
            assert api.stop(runs["id"])["running"] is False
            assert ask(api.start(stopped["id"]), "1") == 1
            ask(api.start(runs["id"]), "os._exit(4)")
            wait_until(lambda: api.record(runs["record_id"])["exit_code"] == 4)
            assert api.delete(f"/containers/docker/{exits['id']}").status_code == 204
            assert api.delete(f"/containers/{runs['record_id']}").status_code == 204
        else:
            assert api.containers() == []
            wait_until(lambda: all(ended(pid) for pid in pids))
            assert {name for name in records if "sample" in name} == {
                f"sample@1.0{status}" for status in ("exited", "stopped")
            }
            for container in (runs, stopped):
                record = api.record(container["record_id"])
                assert record["status_reason"] == "its agent had ended, and its container with it"
    wait_until(lambda: all(ended(pid) for pid in pids))
    with another_agent(plugins, host.engine(), database=database) as (_, api):
        assert api.containers() == []
        assert {record["status"] for record in api.records()} <= {"failed", "stopped", "exited", "deleted"}


def test_two_agents_on_one_database_leave_each_others_containers_alone(
    plugins: Path, host: Host, tmp_path: Path
) -> None:
    make_release(plugins)
    database = database_of(tmp_path)
    with another_agent(plugins, host.engine(), database=database) as (_, first):
        created = first.create()
        with another_agent(plugins, host.engine(), database=database) as (_, second):
            assert second.record(created["record_id"])["status"] == "running"
            response = second.delete(f"/containers/{created['record_id']}")
            assert response.status_code == 409
            assert "another agent" in response.json()["detail"]
            for container in second.containers():
                for verb in ("stop", "start"):
                    response = second.post(f"/containers/docker/{container['id']}/{verb}/")
                    assert response.status_code == 409
                assert second.delete(f"/containers/docker/{container['id']}").status_code == 409
        assert first.record(created["record_id"])["status"] == "running"
        assert first.container(created["id"])["running"]


def test_an_agent_that_is_well_says_so(api: Api, host: Host) -> None:
    health = api.get("/health/").raise_for_status().json()
    assert health["status"] == "ok"
    assert health["engine"] == {"name": host.engine().name, "status": "ok", "detail": None}
    assert health["database"] == {"name": "sqlite", "status": "ok", "detail": None}
    assert health["version"]


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
    make_release(plugins, OBEYS)
    created = api.create()
    recorded = threading.Event()

    def broken(*_: object, **__: object) -> None:
        recorded.set()
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Records, "change_all", broken)
        ask(created, "os._exit(3)")
        assert recorded.wait(10)
        wait_until(lambda: "the disk is gone" in caplog.text)
    assert api.container(created["id"])["status"] == "exited"
    # The next that looks at it, after it was started once more, does better.
    assert api.record(api.start(created["id"])["record_id"])["status"] == "running"
