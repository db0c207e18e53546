"""A Docker daemon that is killed, or hangs, while the agent goes on."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from synapse_sdk.local_agent.engines import daemon
from tests.local_agent.dockerd import Dockerd
from tests.local_agent.faults.conftest import Tell
from tests.local_agent.faults.scene import OBEYS, WAITS, WAITS_IN_BUILD, Scene, ask
from tests.local_agent.support import Api, wait_until

pytestmark = pytest.mark.docker

ENDS_SLOWLY = f"""
    import os, signal, time
    signal.signal(signal.SIGTERM, lambda *_: (print("ends", flush=True), time.sleep(2), os._exit(0)))
    {OBEYS.strip()}
"""


@contextmanager
def hanging(dockerd: Dockerd) -> Iterator[None]:
    os.kill(dockerd.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(dockerd.pid, signal.SIGCONT)


def is_unavailable(response: httpx.Response, dockerd: Dockerd, why: str) -> bool:
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5"), response.text
    detail = response.json()["detail"]
    assert detail.startswith(f"Docker does not answer at {dockerd.host}: ")
    assert why in detail
    return True


def health(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = api.get("/health/").raise_for_status().json()
    return found


def is_refused_meanwhile(api: Api, scene: Scene, dockerd: Dockerd, created: dict[str, Any], why: str) -> None:
    path = f"/containers/docker/{created['id']}"
    for method, asked in (
        ("GET", "/containers/docker/"),
        ("GET", path),
        ("POST", f"{path}/stop/"),
        ("DELETE", path),
    ):
        assert is_unavailable(api.request(method, asked), dockerd, why)
    assert is_unavailable(scene.post(api), dockerd, why)
    assert (health(api)["status"], health(api)["engine"]["status"]) == ("degraded", "unavailable")
    assert api.record(created["record_id"])["id"] == created["record_id"]


def test_a_daemon_that_is_killed_while_containers_run(docker_scene: Scene, dockerd: Dockerd, tell: Tell) -> None:
    docker_scene.release()
    with docker_scene.agent() as api:
        created = docker_scene.create(api)
        dockerd.end()
        is_refused_meanwhile(api, docker_scene, dockerd, created, "")
        dockerd.start()
        record = wait_until(lambda: api.records(status="exited"))[0]
        docker_scene.assert_in_order(api)
        assert health(api)["status"] == "ok"
        started = api.post(f"/containers/docker/{created['id']}/start/").raise_for_status().json()
        assert ask(started, "1 + 1") == 2
        docker_scene.assert_in_order(api)
    assert docker_scene.real() == {}
    tell(
        "kill -9 of the daemon while a container runs, and a new one",
        f"503 meanwhile, health degraded; then {record['status']}, {record['status_reason']}; it was started again; "
        "next create works",
    )


def test_a_daemon_that_is_killed_during_a_build(docker_scene: Scene, dockerd: Dockerd, tell: Tell) -> None:
    docker_scene.release(build=WAITS_IN_BUILD)
    with docker_scene.agent() as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, api)
        docker_scene.building()
        dockerd.end()
        assert is_unavailable(creating.result(), dockerd, "")
        assert api.records() == []
        dockerd.start()
        wait_until(lambda: not docker_scene.real())
        docker_scene.assert_in_order(api)
    tell("kill -9 of the daemon during a build", "503, no record; the build's container is removed; next create works")


def test_a_daemon_and_an_agent_that_are_killed_during_a_build(
    docker_scene: Scene, dockerd: Dockerd, tell: Tell
) -> None:
    docker_scene.release(build=WAITS_IN_BUILD)
    with docker_scene.process() as agent, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, agent.api)
        docker_scene.building()
        os.kill(agent.pid, signal.SIGSTOP)
        dockerd.end()
        agent.kill()
        assert isinstance(creating.exception(), httpx.TransportError)
    dockerd.start()
    assert len(docker_scene.real()) == 1
    with docker_scene.agent() as api:
        assert docker_scene.real() == {}
        [record] = api.records()
        assert record["status"] == "failed"
        docker_scene.assert_in_order(api)
    tell(
        "kill -9 of the daemon and of the agent during a build, and new ones",
        f"the build's container is removed; the record failed, {record['status_reason']}; next create works",
    )


def test_a_daemon_that_is_killed_during_a_start(docker_scene: Scene, dockerd: Dockerd, tell: Tell) -> None:
    docker_scene.release(WAITS)
    with docker_scene.agent() as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, api)
        docker_scene.waiting()
        dockerd.end()
        assert is_unavailable(creating.result(), dockerd, "")
        dockerd.start()
        wait_until(lambda: not docker_scene.real())
        [record] = api.records()
        assert record["status"] == "failed"
        docker_scene.assert_in_order(api)
    tell(
        "kill -9 of the daemon while a program starts",
        f"503; its container is removed; the record {record['status']}; next create works",
    )


def test_a_daemon_that_is_killed_during_a_delete(docker_scene: Scene, dockerd: Dockerd, tell: Tell) -> None:
    docker_scene.release(ENDS_SLOWLY)
    with docker_scene.agent(stop_grace=10) as api, ThreadPoolExecutor(1) as threads:
        created = docker_scene.create(api)
        deleting = threads.submit(api.delete, f"/containers/docker/{created['id']}")
        wait_until(lambda: "ends" in api.get(f"/containers/docker/{created['id']}/logs/").text)
        dockerd.end()
        assert is_unavailable(deleting.result(), dockerd, "")
        dockerd.start()
        wait_until(lambda: not docker_scene.real())
        docker_scene.assert_in_order(api)
        assert api.record(created["record_id"])["status"] == "deleted"
    tell("kill -9 of the daemon during a delete", "503; then the container is removed; the record deleted")


def test_a_daemon_that_hangs(
    docker_scene: Scene, dockerd: Dockerd, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_TIMEOUT", 5)
    docker_scene.release()
    with docker_scene.agent() as api:
        created = docker_scene.create(api)
        program = docker_scene.program()
        with hanging(dockerd):
            began = time.monotonic()
            assert health(api)["engine"]["status"] == "unavailable"
            took = time.monotonic() - began
            assert took < 15
            is_refused_meanwhile(api, docker_scene, dockerd, created, "it took too long")
            os.kill(program, signal.SIGKILL)
        record = wait_until(lambda: api.records(status="exited"))[0]
        assert record["exit_code"] == -9
        docker_scene.assert_in_order(api)
        assert health(api)["status"] == "ok"
    tell(
        "SIGSTOP of the daemon, and SIGCONT",
        f"503 within the timeout, health degraded in {took:.1f} s; then what ended meanwhile exited, -9",
    )


def test_a_daemon_that_hangs_during_a_start(
    docker_scene: Scene, dockerd: Dockerd, tell: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_TIMEOUT", 5)
    docker_scene.release(WAITS)
    with docker_scene.agent() as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, api)
        docker_scene.waiting()
        with hanging(dockerd):
            assert is_unavailable(creating.result(), dockerd, "it took too long")
            [record] = api.records()
            assert record["status"] == "failed"
        wait_until(lambda: not docker_scene.real())
        docker_scene.assert_in_order(api)
    tell(
        "SIGSTOP of the daemon while a program starts, and SIGCONT",
        "503; then its container is removed; next create works",
    )


def test_an_agent_ends_while_the_daemon_hangs(docker_scene: Scene, dockerd: Dockerd, tell: Tell) -> None:
    docker_scene.release()
    with docker_scene.process() as agent:
        created = docker_scene.create(agent.api)
        with hanging(dockerd):
            took = agent.ends()
    assert took < 25
    with docker_scene.agent() as api:
        assert api.record(created["record_id"])["status"] == "running"
        docker_scene.assert_in_order(api)
        assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
    tell(
        "SIGTERM of the agent while the daemon hangs",
        f"it ends in {took:.1f} s; the next agent answers for the container that it had to leave",
    )
