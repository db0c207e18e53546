"""Waiting for a container to have a status."""

from __future__ import annotations

import copy
import pickle
import re
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synapse_sdk import AsyncAgentClient
from synapse_sdk.clients._call import Moment, Return
from synapse_sdk.clients._waiting import ENDED, Later, Wait
from synapse_sdk.clients.agent import _operations
from synapse_sdk.exceptions import (
    ClientConnectionError,
    ClientError,
    ClientTimeoutError,
    ContainerEndedError,
    NotFoundError,
    ServerError,
)
from tests.clients.agents import PATIENCE, Agent, Reply, Seen
from tests.clients.test_life import PROMPTLY, CallInThread, close

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from synapse_sdk import AgentClient
    from tests.kinds import Connect

ID = "abc123def456"
URL = "http://127.0.0.1:8000/agent"


def container(status: Any, **more: Any) -> Any:
    return {"id": ID, "docker_id": ID, "status": status, "running": status == "running", **more}


# What is decided, without a server and a clock.


def wait_for(status: str = "running", *, timeout: float = 300.0, poll_interval: float = 1.0, now: float = 0.0) -> Wait:
    return Wait.first(_operations.get_docker_container(ID), URL, ID, status, timeout, poll_interval, now)


def moment(now: float = 0.0, chance: float = 0.0) -> Moment:
    return Moment(now=now, wall=0.0, chance=chance)


times = st.floats(0.001, 1e6)
chances = st.floats(0, 1, exclude_max=True)


@settings(max_examples=200, deadline=None, database=None)
@given(timeout=times, poll_interval=times, began=st.floats(0, 1e9), looks=st.lists(st.tuples(times, chances)))
def test_a_look_is_never_sooner_than_asked_for_and_never_begins_or_ends_after_the_timeout(
    timeout: float, poll_interval: float, began: float, looks: list[tuple[float, float]]
) -> None:
    wait = wait_for(timeout=timeout, poll_interval=poll_interval, now=began)
    now = began
    for took, chance in looks:
        seconds = wait.seconds_to_look(60.0, now)
        assert 0 < seconds <= 60
        assert now + seconds <= began + timeout + 1e-6 * now
        now += min(took, seconds)
        try:
            step = wait.after(container("starting"), moment(now, chance))
        except ClientTimeoutError:
            # There was no time for another.
            assert now + poll_interval * 1.25 >= began + timeout
            return
        assert isinstance(step, Later)
        assert poll_interval <= step.pause <= poll_interval * 1.25
        assert now + step.pause < began + timeout
        now, wait = now + step.pause, step.wait


def test_the_pause_is_spread_over_a_quarter_of_the_interval_by_chance() -> None:
    pauses = [wait_for(poll_interval=2.0).after(container("x"), moment(chance=chance)) for chance in (0, 0.5, 0.999)]
    assert [round(one.pause, 2) for one in pauses if isinstance(one, Later)] == [2.0, 2.25, 2.5]


@pytest.mark.parametrize("status", ["running", "exited", "deleted", "hibernating"])
def test_the_status_waited_for_ends_the_wait_also_where_it_is_an_end(status: str) -> None:
    found = container(status)
    step = wait_for(status).after(found, moment())
    assert isinstance(step, Return)
    assert step.value is found


@pytest.mark.parametrize("status", sorted(ENDED))
def test_a_container_that_has_ended_otherwise_ends_the_wait_with_an_error_that_holds_it(status: str) -> None:
    found = container(status, exit_code=-9)
    with pytest.raises(ContainerEndedError) as caught:
        wait_for().after(found, moment())
    error = caught.value
    assert error.container is found
    assert str(error) == (
        f"get_docker_container (GET {URL}/containers/docker/{ID}) waited in vain: "
        f"container {ID} was to be 'running', and is {status!r} with exit code -9"
    )
    assert not error.may_have_taken_effect
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert (type(twin), twin.container, str(twin)) == (ContainerEndedError, found, str(error))


def test_an_end_without_an_exit_code_says_none() -> None:
    for more in ({}, {"exit_code": None}):
        with pytest.raises(ContainerEndedError, match=r"and is 'dead'$"):
            wait_for().after(container("dead", **more), moment())


@pytest.mark.parametrize(
    "status", ["created", "paused", "unhealthy", "hibernating", "Running", "", None, 7, ["exited"]]
)
def test_any_other_status_is_waited_through(status: Any) -> None:
    assert isinstance(wait_for().after(container(status), moment()), Later)
    assert isinstance(wait_for().after({}, moment()), Later)  # type: ignore[typeddict-item]


def test_a_timeout_says_what_was_waited_for_what_was_seen_last_and_how_long() -> None:
    wait = wait_for(timeout=5)
    step = wait.after(container("starting"), moment(1.0))
    assert isinstance(step, Later)
    with pytest.raises(ClientTimeoutError) as caught:
        step.wait.after(container("unhealthy"), moment(4.25))
    request = f"get_docker_container (GET {URL}/containers/docker/{ID}) timed out"
    assert str(caught.value) == (
        f"{request}: container {ID} was to be 'running' within 5 s, and was 'unhealthy' after 4.2 s"
    )
    assert "and was 'starting' after 4.5 s" in str(step.wait.timed_out(4.5))
    assert "and nothing was known of it after 5.0 s" in str(wait.timed_out(5.0))
    assert caught.value.status_code is None


def test_no_look_begins_when_the_time_is_over() -> None:
    wait = wait_for(timeout=5, now=100.0)
    assert wait.seconds_to_look(60.0, 103.0) == 2.0
    assert wait.seconds_to_look(1.5, 103.0) == 1.5
    with pytest.raises(ClientTimeoutError, match=r"after 5\.0 s"):
        wait.seconds_to_look(60.0, 105.0)


# What is done.


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as agent:
        yield agent


def becoming(*statuses: str) -> Callable[[Seen], Reply]:
    """Answer with a container that is in another status each time, and stays in the last one."""
    left = list(statuses)
    return lambda _seen: Reply(container(left.pop(0) if len(left) > 1 else left[0], exit_code=3))


def paths(seen: Sequence[Seen]) -> set[tuple[str, str]]:
    return {(one.method, one.path) for one in seen}


def test_the_container_comes_back_when_it_has_the_status(connect: Connect, agent: Agent) -> None:
    agent.answer = becoming("requested", "building", "hibernating", "running")
    with connect(agent.url) as client:
        began = time.monotonic()
        assert client.wait_for_container(ID, poll_interval=0.05) == container("running", exit_code=3)
        assert 0.15 <= time.monotonic() - began < PATIENCE
    assert len(agent.seen) == 4
    assert paths(agent.seen) == {("GET", f"/containers/docker/{ID}")}
    assert len({one.port for one in agent.seen}) == 1


def test_a_container_that_has_the_status_is_asked_for_once(connect: Connect, agent: Agent) -> None:
    agent.answer = becoming("exited")
    with connect(agent.url) as client:
        assert client.wait_for_container(ID, "exited", poll_interval=60)["status"] == "exited"
    assert len(agent.seen) == 1


def test_a_container_that_ends_otherwise_ends_the_wait(connect: Connect, agent: Agent) -> None:
    agent.answer = becoming("starting", "exited")
    with connect(agent.url) as client, pytest.raises(ContainerEndedError, match="'exited' with exit code 3") as caught:
        client.wait_for_container(ID, poll_interval=0.01)
    assert caught.value.container == container("exited", exit_code=3)
    assert len(agent.seen) == 2


def test_a_container_that_does_not_get_the_status_in_time_is_a_timeout(connect: Connect, agent: Agent) -> None:
    agent.answer = becoming("starting")
    with connect(agent.url) as client:
        began = time.monotonic()
        with pytest.raises(ClientTimeoutError, match=r"'running' within 1\.5 s, and was 'starting'") as caught:
            client.wait_for_container(ID, timeout=1.5, poll_interval=0.15)
        assert time.monotonic() - began < 1.5 + PROMPTLY
    assert caught.value.status_code is None
    # Each pause is at least as long as was asked for.
    assert 1 <= len(agent.seen) <= 10


def test_a_wait_without_time_for_another_look_ends_after_the_first(connect: Connect, agent: Agent) -> None:
    agent.answer = becoming("starting")
    with connect(agent.url) as client:
        began = time.monotonic()
        with pytest.raises(ClientTimeoutError, match="was 'starting' after"):
            client.wait_for_container(ID, timeout=30, poll_interval=60)
        assert time.monotonic() - began < PROMPTLY
    assert len(agent.seen) == 1


def test_an_agent_that_is_silent_keeps_nobody_waiting_longer_than_the_timeout(connect: Connect, agent: Agent) -> None:
    answer = becoming("starting")
    agent.answer = lambda seen: answer(seen) if len(agent.seen) < 3 else agent.silent(seen)
    with connect(agent.url, timeout=30, deadline=60) as client:
        began = time.monotonic()
        with pytest.raises(ClientTimeoutError, match=r"within 2 s, and was 'starting' after \d\.\d s") as caught:
            client.wait_for_container(ID, timeout=2, poll_interval=0.01)
        assert 2 <= time.monotonic() - began < 2 + PROMPTLY
    cause = caught.value.__cause__
    assert isinstance(cause, ClientTimeoutError)
    # What the looks before it left of the two seconds.
    assert re.search(r"the deadline of [01]\.\d+ s passed", str(cause))


def test_an_attempt_that_would_come_too_late_is_not_made(connect: Connect, agent: Agent) -> None:
    agent.answer = lambda _seen: Reply({"detail": "busy"}, 503, {"Retry-After": "7"})
    with connect(agent.url) as client, pytest.raises(ServerError) as caught:
        client.wait_for_container(ID, timeout=5)
    assert caught.value.retry_after == 7
    assert len(agent.seen) == 1


def test_an_error_of_a_look_ends_the_wait_and_its_retries_are_those_of_the_client(
    connect: Connect, agent: Agent
) -> None:
    replies = [Reply(container("starting")), Reply(status=503), Reply(container("starting")), Reply(status=404)]
    agent.answer = lambda _seen: replies.pop(0)
    with connect(agent.url) as client:
        with pytest.raises(NotFoundError) as caught:
            client.wait_for_container(ID, poll_interval=0.01)
        assert caught.value.operation == "get_docker_container"
        assert replies == []
        replies += [Reply(container("starting")), Reply(status=503)]
        with pytest.raises(ServerError):
            client.with_options(retries=0).wait_for_container(ID, poll_interval=0.01)
        assert replies == []


def test_a_look_has_no_more_time_than_any_other_call(connect: Connect, agent: Agent) -> None:
    agent.answer = agent.silent
    with connect(agent.url, deadline=0.3) as client:
        with pytest.raises(ClientTimeoutError, match="nothing was known of it") as caught:
            client.wait_for_container(ID, timeout=300)
        assert "the deadline of 0.3 s passed" in str(caught.value.__cause__)


def test_the_times_of_a_wait_are_keyword_only(client: AgentClient) -> None:
    with pytest.raises(TypeError, match="positional"):
        client.wait_for_container(ID, "running", 5)  # type: ignore[call-arg]


# How it is ended by others.


def test_closing_ends_a_wait_between_two_looks_at_once(connect: Connect, agent: Agent) -> None:
    agent.answer = becoming("starting")
    client = connect(agent.url)
    call = CallInThread(partial(client.wait_for_container, ID, poll_interval=60))
    agent.wait_for_request()
    ended = close(client, call)
    assert isinstance(ended.error, ClientError)
    assert (ended.error.operation, ended.error.method) == ("get_docker_container", "GET")
    assert not ended.error.may_have_taken_effect
    assert len(agent.seen) == 1


def test_closing_ends_a_wait_during_a_look_at_once(connect: Connect, agent: Agent) -> None:
    agent.answer = agent.silent
    client = connect(agent.url, timeout=30)
    call = CallInThread(partial(client.wait_for_container, ID))
    agent.wait_for_request()
    close(client, call)


def test_closing_a_copy_ends_no_wait(connect: Connect, agent: Agent) -> None:
    running = threading.Event()
    agent.answer = lambda _seen: Reply(container("running" if running.is_set() else "starting"))
    with connect(agent.url) as client:
        call = CallInThread(partial(client.wait_for_container, ID, poll_interval=0.01))
        agent.wait_for_request()
        client.with_options(retries=0).close()
        agent.wait_for_request()
        running.set()
        assert call.end().error is None


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
@pytest.mark.parametrize("during", ["a look", "a pause"])
async def test_a_wait_that_is_cancelled_ends_at_once_and_leaves_a_client_that_works(agent: Agent, during: str) -> None:
    agent.answer = agent.silent if during == "a look" else becoming("starting")
    async with AsyncAgentClient(agent.url, limits={"max_connections": 1}, timeout=30) as client:
        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as group:
                group.start_soon(partial(client.wait_for_container, ID, poll_interval=60))
                await anyio.to_thread.run_sync(agent.wait_for_request)
                group.cancel_scope.cancel()
        agent.answer = becoming("running")
        assert (await client.wait_for_container(ID))["status"] == "running"


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_many_waits_in_tasks_end_when_the_client_is_closed(agent: Agent) -> None:
    agent.answer = becoming("starting")
    client = AsyncAgentClient(agent.url)

    async def wait() -> None:
        with pytest.raises(ClientConnectionError, match="client was closed meanwhile"):
            await client.wait_for_container(ID, poll_interval=60)

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(wait)
            for _ in range(20):
                await anyio.to_thread.run_sync(agent.wait_for_request)
            await client.close()
    assert len(agent.seen) == 20
