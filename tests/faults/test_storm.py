"""A thousand calls at once on one client, while connections are reset and answers are slow at random."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from attrs import frozen

from synapse_sdk import AsyncAgentClient
from synapse_sdk.exceptions import (
    ClientConnectionError,
    ClientError,
    ClientResponseIncompleteError,
    ClientTimeoutError,
)
from tests.clients.test_async_life import nothing_left_open, other_tasks
from tests.faults.agent import container, good, record
from tests.faults.server import (
    BrokenServer,
    Step,
    Then,
    close_unread,
    forever,
    late,
    reset_after_request,
    reset_on_connect,
    response,
    truncated,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["nothing_left_open"]

pytestmark = pytest.mark.anyio

CALLS = 1_000
READ_TIMEOUT = 2.0

RESETS = [
    reset_on_connect(),
    reset_after_request(),
    close_unread(),
    truncated(response(200, container()), keep=9, then=Then.RESET),
]


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def weather(seed: int) -> list[Step]:
    """Return what happens to one request after the other: a fifth is reset, a twentieth slow, half of that too slow."""
    chance = random.Random(seed)  # noqa: S311 - the same each time is what is wanted
    steps = []
    for _ in range(3 * CALLS):
        number = chance.random()
        if number < 0.20:
            steps.append(chance.choice(RESETS))
        elif number < 0.25:
            steps.append(late(good(), chance.choice([0.2, 2 * READ_TIMEOUT])))
        else:
            steps.append(good())
    return steps


@frozen
class Asked:
    """A call that only its own answer fits, and the method of its requests."""

    make: Callable[[AsyncAgentClient], Awaitable[Any]]
    answer: Any
    method: str


def asked(number: int) -> Asked:
    match number % 4:
        case 0:
            return Asked(lambda client: client.get_container(number), record(number), "GET")
        case 1:
            made = {**container(), "plugin_release": f"a@{number}"}
            return Asked(lambda client: client.create_docker_container(f"a@{number}"), made, "POST")
        case 2:
            updated = record(number, f"s{number}")
            return Asked(lambda client: client.update_container(number, f"s{number}"), updated, "PATCH")
        case _:
            return Asked(lambda client: client.delete_container(number), None, "DELETE")


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_call_ends_in_its_right_answer_or_its_right_error_and_nothing_is_left(seed: int) -> None:
    calls = {str(number): asked(number) for number in range(1, CALLS + 1)}
    ended: dict[str, Any] = {}
    with BrokenServer(*weather(seed), forever(good())) as server:
        async with AsyncAgentClient(
            server.url, timeout={"connect": 30, "read": READ_TIMEOUT, "pool": 60}, create_timeout=READ_TIMEOUT
        ) as client:
            tasks = other_tasks()

            async def run(name: str, call: Asked) -> None:
                try:
                    ended[name] = await call.make(client.with_options(headers={"X-Call": name}))
                except ClientError as error:
                    ended[name] = error

            async with anyio.create_task_group() as group:
                for name, call in calls.items():
                    group.start_soon(run, name, call)
            assert other_tasks() == tasks
        arrived = Counter(seen.headers["x-call"] for seen in server.requests)
    # None is lost.
    assert ended.keys() == calls.keys()
    failed = Counter[str]()
    for name, call in calls.items():
        end = ended[name]
        if call.method in {"POST", "PATCH"}:
            assert arrived[name] <= 1
        if not isinstance(end, ClientError):
            assert end == call.answer
            continue
        failed[call.method] += 1
        if type(end) is ClientConnectionError:
            # Its last attempt was reset before it was sent, as all of a POST's or a PATCH's were.
            assert end.attempts == 3
            if call.method in {"POST", "PATCH"}:
                assert (end.may_have_taken_effect, arrived[name]) == (False, 0)
            continue
        # Its last attempt was sent, so the answer is lost or late.
        assert type(end) in {ClientResponseIncompleteError, ClientTimeoutError}, repr(end)
        assert end.may_have_taken_effect is (call.method != "GET")
        assert end.attempts == 3 or call.method in {"POST", "PATCH"}
    # The weather was bad, and what may be tried again came through nearly always.
    assert failed["POST"] + failed["PATCH"] > 0.1 * CALLS / 2
    assert failed["GET"] + failed["DELETE"] < 0.05 * CALLS / 2
