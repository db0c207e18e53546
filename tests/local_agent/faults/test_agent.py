"""An agent that is killed, or asked to end, whatever it is about."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests.local_agent.faults.conftest import Tell
from tests.local_agent.faults.scene import WAITS, WAITS_IN_BUILD, Scene, ask, locked
from tests.local_agent.support import wait_until


def test_an_agent_that_is_killed_while_containers_run(scene: Scene, tell: Tell) -> None:
    scene.release()
    with scene.process() as agent:
        one, two = scene.create(agent.api), scene.create(agent.api)
        agent.kill()
    if scene.kind == "process":
        wait_until(lambda: not scene.pids())
    with scene.agent() as api:
        records = [api.record(created["record_id"]) for created in (one, two)]
        if scene.kind == "process":
            assert {record["status"] for record in records} == {"stopped"}
        else:
            assert [(record["status"], record["endpoint"]) for record in records] == [
                ("running", one["endpoint"]),
                ("running", two["endpoint"]),
            ]
            assert ask(one, "1 + 1") == 2
            assert api.delete(f"/containers/docker/{one['id']}").status_code == 204
        scene.assert_in_order(api)
    assert scene.real() == {}
    assert scene.pids() == []
    found = {
        "process": f"the programs are ended; the records stopped, {records[0]['status_reason']}; next create works",
        "docker": "the next agent answers for them: one is deleted by it, one gone with it; next create works",
    }
    tell("kill -9 of the agent while two containers run", found[scene.kind])


def test_an_agent_that_is_killed_while_a_program_starts(scene: Scene, tell: Tell) -> None:
    scene.release(WAITS)
    with scene.process() as agent, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(scene.post, agent.api)
        scene.waiting()
        agent.kill()
        assert isinstance(creating.exception(), httpx.TransportError)
    with scene.agent() as api:
        [record] = api.records()
        assert (record["status"], record["endpoint"]) == ("failed", None)
        scene.assert_in_order(api)
        assert scene.pids() == []
    tell(
        "kill -9 of the agent while a program starts", f"nothing is left; the record failed, {record['status_reason']}"
    )


@pytest.mark.docker
def test_an_agent_that_is_killed_during_a_build(docker_scene: Scene, tell: Tell) -> None:
    docker_scene.release(build=WAITS_IN_BUILD)
    with docker_scene.process() as agent, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, agent.api)
        docker_scene.building()
        agent.kill()
        assert isinstance(creating.exception(), httpx.TransportError)
    with docker_scene.agent() as api:
        [record] = api.records()
        assert record["status"] == "failed"
        docker_scene.assert_in_order(api)
        assert docker_scene.pids() == []
    tell("kill -9 of the agent during a build", f"nothing is left; the record failed, {record['status_reason']}")


@pytest.mark.docker
def test_an_agent_that_is_killed_between_making_a_container_and_writing_down_which(
    docker_scene: Scene, tell: Tell
) -> None:
    docker_scene.release(build=WAITS_IN_BUILD)
    with docker_scene.process() as agent, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, agent.api)
        build = docker_scene.building()
        with locked(docker_scene.database):
            os.kill(build, signal.SIGUSR1)
            wait_until(lambda: "created" in docker_scene.states())
            agent.kill()
        assert isinstance(creating.exception(), httpx.TransportError)
    assert docker_scene.states() == ["created"]
    with docker_scene.agent() as api:
        [record] = api.records()
        assert (record["status"], record["docker_id"]) == ("failed", None)
        assert docker_scene.real() == {}
        docker_scene.assert_in_order(api)
    tell(
        "kill -9 of the agent between making a container and writing down which",
        f"the container is removed; the record failed, {record['status_reason']}; next create works",
    )


def test_two_agents_that_start_at_once_after_one_that_was_killed(scene: Scene, tell: Tell) -> None:
    scene.release()
    with scene.process() as agent:
        created = [scene.create(agent.api) for _ in range(3)]
        agent.kill()
    if scene.kind == "process":
        wait_until(lambda: not scene.pids())
    with ExitStack() as stack, ThreadPoolExecutor(2) as threads:
        agents = list(threads.map(lambda _: stack.enter_context(scene.process()), range(2)))
        taken = scene.owners()
        if scene.kind == "process":
            assert taken == []
        else:
            assert len(taken) == 3
            for one in created:
                answers = [each.api.post(f"/containers/docker/{one['id']}/stop/").status_code for each in agents]
                assert sorted(answers) == [200, 409]
        scene.assert_in_order(agents[0].api)
        for each in agents:
            assert each.ends() < 25
    assert scene.real() == {}
    found = {"process": "the records are settled, once", "docker": "each container has one of them answer for it"}
    tell("kill -9 of the agent, and two new ones at once", found[scene.kind])


def test_an_agent_that_is_asked_to_end_while_a_program_starts(scene: Scene, tell: Tell) -> None:
    scene.release(WAITS)
    with scene.process() as agent, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(scene.post, agent.api)
        scene.waiting()
        took = agent.ends()
        response = creating.result()
    assert (response.status_code, response.json()) == (503, {"detail": "The agent is stopping."})
    assert (scene.pids(), scene.real()) == ([], {})
    with scene.agent() as api:
        scene.assert_in_order(api)
    assert took < 25
    tell("SIGTERM of the agent while a program starts", f"503; it ends in {took:.1f} s; nothing is left")


@pytest.mark.docker
def test_an_agent_that_is_asked_to_end_during_a_build(docker_scene: Scene, tell: Tell) -> None:
    docker_scene.release(build=WAITS_IN_BUILD)
    with docker_scene.process() as agent, ThreadPoolExecutor(1) as threads:
        creating = threads.submit(docker_scene.post, agent.api)
        docker_scene.building()
        took = agent.ends()
        response = creating.result()
    assert (response.status_code, response.json()) == (503, {"detail": "The agent is stopping."})
    wait_until(lambda: not docker_scene.pids() and not docker_scene.real())
    with docker_scene.agent() as api:
        docker_scene.assert_in_order(api)
    assert took < 25
    tell("SIGTERM of the agent during a build", f"503; it ends in {took:.1f} s; nothing is left")
