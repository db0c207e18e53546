"""A database that cannot be written for a while, in the middle of what the agent does."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.local_agent.faults.conftest import Tell
from tests.local_agent.faults.scene import OBEYS, WAITS, WAITS_IN_BUILD, Scene, locked
from tests.local_agent.support import wait_until

Trouble = Callable[[], AbstractContextManager[None]]

# Does not end when it is asked to, but when it is told so in another way.
ENDS_WHEN_TOLD = f"""
    import os, signal
    signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
    signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
    {OBEYS.strip()}
"""


@contextmanager
def full(disk: Path) -> Iterator[None]:
    filler = disk / "filler"
    filler.write_bytes(b"x" * shutil.disk_usage(disk).free)
    try:
        yield
    finally:
        filler.unlink()


@pytest.fixture(params=["full disk", "lock"])
def trouble(request: pytest.FixtureRequest, scene: Scene) -> Trouble:
    """Has the scene's database fail for a while."""
    if request.param == "lock":
        # Long enough for what the agent's own threads have the lock for, also when one has to wait for a processor.
        scene.database += "?timeout=1"
        return lambda: locked(scene.database)
    disk: Path = request.getfixturevalue("disk")
    scene.database = f"sqlite:///{disk / 'records.db'}"
    return lambda: full(disk)


def is_unavailable(response: httpx.Response) -> bool:
    return (response.status_code, response.json()) == (503, {"detail": "The database cannot serve this now."})


def test_a_create_whose_record_cannot_be_written(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release()
    with scene.agent() as api:
        with trouble():
            assert is_unavailable(scene.post(api))
            assert (scene.pids(), scene.real()) == ([], {})
        assert api.records() == []
        scene.assert_in_order(api)
    tell("a create", "503; no container, no record; next create works")


def test_a_create_whose_database_fails_while_its_program_starts(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release(WAITS)
    with scene.agent() as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(scene.post, api)
        program = scene.waiting()
        with trouble():
            os.kill(program, signal.SIGUSR1)
            assert is_unavailable(creating.result())
            assert (scene.pids(), scene.real(), api.containers()) == ([], {}, [])
            assert [record["status"] for record in api.records()] == ["starting"]
        record = wait_until(lambda: api.records(status="failed"))[0]
        scene.assert_in_order(api)
    tell("while a program starts", f"503; the container is removed; then the record failed, {record['status_reason']}")


@pytest.mark.parametrize("scene", [pytest.param("docker", marks=pytest.mark.docker)], indirect=True)
def test_a_create_whose_database_fails_while_its_image_is_built(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release(build=WAITS_IN_BUILD)
    with scene.agent() as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(scene.post, api)
        build = scene.building()
        with trouble():
            os.kill(build, signal.SIGUSR1)
            assert is_unavailable(creating.result())
            assert (scene.pids(), scene.real()) == ([], {})
            assert [record["status"] for record in api.records()] == ["building"]
        record = wait_until(lambda: api.records(status="failed"))[0]
        scene.assert_in_order(api)
    tell("during a build", f"503; the container is removed; then the record failed, {record['status_reason']}")


def test_a_stop_whose_database_fails(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release(ENDS_WHEN_TOLD)
    with scene.agent(stop_grace=20) as api, ThreadPoolExecutor(1) as threads:
        created = scene.create(api)
        program = scene.program()
        with trouble():
            stopping = threads.submit(api.post, f"/containers/docker/{created['id']}/stop/")
            wait_until(lambda: "asked" in api.get(f"/containers/docker/{created['id']}/logs/").text)
            os.kill(program, signal.SIGUSR1)
            assert is_unavailable(stopping.result())
            assert scene.pids() == []
        scene.assert_in_order(api)
        record = api.record(created["record_id"])
    tell("during a stop", f"503; then the record {record['status']}, {record['status_reason']}")


def test_a_delete_whose_database_fails_before_it(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release()
    with scene.agent() as api:
        created = scene.create(api)
        with trouble():
            assert is_unavailable(api.delete(f"/containers/docker/{created['id']}"))
            assert is_unavailable(api.delete(f"/containers/{created['record_id']}"))
        scene.assert_in_order(api)
        record = api.record(created["record_id"])
        assert record["status"] == "running"
        assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
        scene.assert_in_order(api)
    tell("before a delete", "503; the container goes on, as its record says; it can be deleted afterwards")


def test_a_delete_whose_database_fails(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release(ENDS_WHEN_TOLD)
    with scene.agent(stop_grace=20) as api, ThreadPoolExecutor(1) as threads:
        created = scene.create(api)
        program = scene.program()
        deleting = threads.submit(api.delete, f"/containers/docker/{created['id']}")
        wait_until(lambda: "asked" in api.get(f"/containers/docker/{created['id']}/logs/").text)
        with trouble():
            os.kill(program, signal.SIGUSR1)
            assert is_unavailable(deleting.result())
            assert (scene.pids(), scene.real()) == ([], {})
        wait_until(lambda: api.records(status="deleted"))
        scene.assert_in_order(api)
    tell("during a delete", "503; the container is removed; then the record deleted")


def test_an_end_that_cannot_be_recorded(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release()
    with scene.agent() as api:
        created = scene.create(api)
        with trouble():
            os.kill(scene.program(), signal.SIGKILL)
            wait_until(lambda: not api.container(created["id"])["running"])
        record = wait_until(lambda: api.records(status="exited"))[0]
        scene.assert_in_order(api)
    tell("kill -9 of a program meanwhile", f"then the record exited, {record['exit_code']}, {record['status_reason']}")


def test_an_agent_that_ends_meanwhile(scene: Scene, trouble: Trouble, tell: Tell) -> None:
    scene.release()
    with scene.process() as agent:
        created = scene.create(agent.api)
        with trouble():
            took = agent.ends()
            assert (scene.pids(), scene.real()) == ([], {})
    assert took < 25
    with scene.agent() as api:
        record = api.record(created["record_id"])
        assert (record["status"], record["endpoint"]) == ("stopped", None)
        scene.assert_in_order(api)
    tell(
        "SIGTERM of the agent meanwhile",
        f"it ends in {took:.1f} s, nothing is left; the next agent has the record stopped",
    )
