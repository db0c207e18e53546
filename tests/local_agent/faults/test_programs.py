"""Programs that are killed, and programs that misbehave."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.local_agent.faults.conftest import Tell
from tests.local_agent.faults.scene import OBEYS, WAITS, Scene, ask
from tests.local_agent.support import Api, wait_until

SLEEPS = "import time; print('the end', flush=True); time.sleep(600)"


def exited(api: Api, created: dict[str, Any]) -> dict[str, Any]:
    """The record and the container, once they say that the program has ended."""
    [record] = wait_until(lambda: api.records(status="exited"))
    assert record["docker_id"] == created["id"]
    container = api.container(created["id"])
    assert (container["status"], container["running"], container["endpoint"]) == ("exited", False, None)
    assert container["exit_code"] == record["exit_code"]
    assert record["endpoint"] is None
    assert created["created_at"] < record["ended_at"]
    return record


def starts_again(scene: Scene, api: Api, created: dict[str, Any]) -> None:
    started = api.post(f"/containers/docker/{created['id']}/start/").raise_for_status().json()
    assert ask(started, "1 + 1") == 2
    record = api.record(created["record_id"])
    assert (record["status"], record["exit_code"], record["status_reason"]) == ("running", None, None)
    scene.assert_in_order(api)


def test_a_program_that_is_killed_from_outside(scene: Scene, tell: Tell) -> None:
    scene.release()
    with scene.agent() as api:
        created = scene.create(api)
        os.kill(scene.program(), signal.SIGKILL)
        record = exited(api, created)
        assert (record["exit_code"], record["status_reason"]) == (-9, "killed by signal 9")
        scene.assert_in_order(api)
        starts_again(scene, api, created)
    tell("kill -9 of the program's process", "exited, -9, killed by signal 9; it was started again; next create works")


@pytest.mark.docker
def test_a_container_that_is_killed_by_docker(docker_scene: Scene, tell: Tell) -> None:
    docker_scene.release()
    with docker_scene.agent() as api:
        created = docker_scene.create(api)
        docker_scene.client.api.kill(created["id"], "SIGKILL")
        record = exited(api, created)
        assert (record["exit_code"], record["status_reason"]) == (-9, "killed by signal 9")
        starts_again(docker_scene, api, created)
    tell("docker kill -s KILL", "exited, -9, killed by signal 9; it was started again; next create works")


@pytest.mark.docker
def test_a_program_that_is_out_of_memory(docker_scene: Scene, tell: Tell) -> None:
    docker_scene.release()
    with docker_scene.agent(memory="64m") as api:
        created = docker_scene.create(api)
        with pytest.raises(httpx.TransportError):
            ask(created, "len(bytearray(200_000_000))")
        record = exited(api, created)

        def agrees() -> bool:
            # Docker hears of it apart from the end, on a busy machine after it, or not at all.
            is_told = docker_scene.client.api.inspect_container(created["id"])["State"]["OOMKilled"]
            reason = "killed because it was out of memory" if is_told else "killed by signal 9"
            record.update(api.record(created["record_id"]))
            return (record["exit_code"], record["status_reason"]) == (-9, reason)

        wait_until(agrees)
        starts_again(docker_scene, api, created)
    tell("200 MB taken of 64 MB", f"exited, -9, {record['status_reason']}; it was started again; next create works")


@pytest.mark.docker
def test_a_program_that_is_out_of_memory_before_it_listens(docker_scene: Scene, tell: Tell) -> None:
    docker_scene.release("print('loads', flush=True); bytearray(200_000_000)")
    with docker_scene.agent(memory="64m") as api:
        response = docker_scene.post(api)
        assert response.status_code == 422
        [record] = api.records()
        assert record["status"] == "failed"
        assert record["status_reason"] == response.json()["detail"]
        docker_scene.assert_in_order(api)
    tell("200 MB taken of 64 MB before it listens", f"422 {response.json()['detail']}; no container is left")


@pytest.mark.parametrize(
    ("program", "what"),
    [
        (SLEEPS, "did not listen on "),
        ("import sys; print('the end', flush=True); sys.exit(3)", "ended with code 3 before it listened"),
        (f"import signal; signal.signal(15, signal.SIG_IGN); {SLEEPS}", "did not listen on "),
    ],
    ids=["never listens", "exits at once", "never listens, ignores SIGTERM"],
)
def test_a_program_that_does_not_start(
    scene: Scene, tell: Tell, program: str, what: str, request: pytest.FixtureRequest
) -> None:
    how = request.node.callspec.id.partition("-")[2]
    scene.release(program)
    # Long enough for Python to start and the program to print, also on a busy machine.
    with scene.agent(start_timeout=4) as api:
        response = scene.post(api)
        assert response.status_code == 422
        detail = response.json()["detail"]
        assert detail.startswith(f"sample@1.0 {what}")
        assert detail.endswith(": the end")
        [record] = api.records()
        assert (record["status"], record["status_reason"]) == ("failed", detail)
    with scene.agent() as api:
        scene.assert_in_order(api)
    tell(f"a program that {how}", f"422 {detail}; the record says so; no container is left")


@pytest.mark.parametrize("way", ["stop", "delete"])
def test_a_program_that_ignores_the_request_to_end(scene: Scene, tell: Tell, way: str) -> None:
    scene.release("    import signal; signal.signal(15, signal.SIG_IGN)\n" + OBEYS)
    with scene.agent(stop_grace=1) as api:
        created = scene.create(api)
        began = time.monotonic()
        if way == "stop":
            api.post(f"/containers/docker/{created['id']}/stop/").raise_for_status()
        else:
            api.delete(f"/containers/docker/{created['id']}").raise_for_status()
        assert time.monotonic() - began >= 1
        assert scene.programs() == []
        record = api.record(created["record_id"])
        assert record["status"] == {"stop": "stopped", "delete": "deleted"}[way]
        scene.assert_in_order(api)
    tell(f"{way} of a program that ignores SIGTERM", f"killed after the grace of 1 s; {record['status']}; none is left")


FORKS = "subprocess.Popen(['sleep', '600']).pid"
STUBBORN = "subprocess.Popen(['sh', '-c', \"trap '' TERM; sleep 600; sleep 600\"]).pid"
DAEMON = "subprocess.Popen(['sh', '-c', 'setsid sleep 600 & true']).wait()"


@pytest.mark.parametrize("way", ["stop", "delete", "kill -9"])
def test_children_that_outlive_their_parent(scene: Scene, tell: Tell, way: str) -> None:
    scene.release()
    # A process leaves no container, but it leaves the group of a process.
    children = [FORKS, STUBBORN, *([DAEMON] if scene.kind == "docker" else [])]
    with scene.agent() as api:
        created = scene.create(api)
        before = len(scene.pids())
        for child in children:
            ask(created, child)
        wait_until(lambda: len(scene.pids()) >= before + len(children))
        if way == "stop":
            api.post(f"/containers/docker/{created['id']}/stop/").raise_for_status()
        elif way == "delete":
            api.delete(f"/containers/docker/{created['id']}").raise_for_status()
        else:
            os.kill(scene.program(), signal.SIGKILL)
        wait_until(lambda: not scene.pids())
        scene.assert_in_order(api)
    tell(f"{way} of a program with {len(children)} children", "all of its processes are gone; next create works")


FLOODS = {
    "lines": "line = b'x' * 9_999 + b'\\n'",
    "one line": "line = b'x' * 10_000",
}
WRITES = "[os.write(1, line * 100) for _ in range({})]"


@pytest.mark.parametrize(("kind", "megabytes"), [("lines", 1000), ("one line", 200)])
def test_a_program_that_writes_a_gigabyte(scene: Scene, tell: Tell, kind: str, megabytes: int) -> None:
    scene.release(f"    {FLOODS[kind]}\n{OBEYS}")
    with scene.process() as agent, ThreadPoolExecutor(1) as threads:
        created = scene.create(agent.api)
        agent.api.get(f"/containers/docker/{created['id']}/logs/", params={"tail": 3})
        before = agent.memory()
        began = time.monotonic()
        writing = threads.submit(ask, created, f"sum({WRITES.format(megabytes)})", 110)
        slowest = 0.0
        while not writing.done():
            asked = time.monotonic()
            logs = agent.api.get(f"/containers/docker/{created['id']}/logs/", params={"tail": 3}).raise_for_status()
            slowest = max(slowest, time.monotonic() - asked)
            assert len(logs.content) <= 300_000
            time.sleep(0.2)
        assert writing.result() == megabytes * 1_000_000
        took = time.monotonic() - began
        grown = agent.memory("VmHWM") - before
        disk = log_size(scene, created) / 1e6
        assert grown < 40
        assert disk < 25
        scene.assert_in_order(agent.api)
    tell(
        f"{megabytes} MB of output in {kind}, written in {took:.1f} s",
        f"the agent's memory grew by {grown} MB of {before}, the disk has {disk:.0f} MB, "
        f"the slowest logs took {slowest:.2f} s; the program went on; next create works",
    )


def log_size(scene: Scene, created: dict[str, Any]) -> int:
    if not scene.dockerd:
        return 0
    path = Path(scene.client.api.inspect_container(created["id"])["LogPath"])
    return sum(part.stat().st_size for part in path.parent.glob("*.log*"))


@pytest.mark.parametrize("kind", FLOODS)
def test_a_program_that_writes_much_before_it_listens(scene: Scene, tell: Tell, kind: str) -> None:
    scene.release(f"    import os\n    {FLOODS[kind]}\n    {WRITES.format(100)}\n{OBEYS}")
    with scene.process("--start-timeout", "60") as agent:
        before = agent.memory()
        created = scene.create(agent.api)
        grown = agent.memory("VmHWM") - before
        assert grown < 40
        assert ask(created, "1") == 1
        scene.assert_in_order(agent.api)
    tell(f"100 MB of output in {kind} before it listens", f"it was started; the agent's memory grew by {grown} MB")


@pytest.mark.docker
@pytest.mark.parametrize("ends", ["true", "false"])
def test_a_build_that_writes_much(docker_scene: Scene, tell: Tell, ends: str) -> None:
    writes = "import sys; [sys.stdout.write('x' * 99 + chr(10)) for _ in range(500000)]; print('the end')"
    docker_scene.release(build=f'python -c "{writes}"; {ends}')
    with docker_scene.process() as agent:
        before = agent.memory()
        response = docker_scene.post(agent.api)
        grown = agent.memory("VmHWM") - before
        assert response.status_code == {"true": 201, "false": 422}[ends]
        if ends == "false":
            detail = response.json()["detail"]
            assert "the end" in detail
            assert len(detail) < 5000
        assert grown < 40
        docker_scene.assert_in_order(agent.api)
    tell(
        f"50 MB of output in a build that ends with {ends}",
        f"{response.status_code}; the agent's memory grew by {grown} MB",
    )


def test_a_start_that_is_interrupted_by_its_program(scene: Scene, tell: Tell) -> None:
    scene.release(WAITS)
    with scene.agent() as api, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(scene.post, api)
        os.kill(scene.program(), signal.SIGKILL)
        response = creating.result()
        assert response.status_code == 422
        assert "ended with code -9 before it listened" in response.json()["detail"]
        scene.assert_in_order(api)
    tell("kill -9 of a program that is being started", f"422 {response.json()['detail']}; no container is left")
