"""What is written into a record when something happens to its container, decision by decision."""

from typing import Any

import pytest

from synapse_sdk.local_agent import lifecycle
from synapse_sdk.local_agent.engines import Container
from synapse_sdk.local_agent.records import Record

STATUSES = (
    *("building", "starting", "running", "paused", "exited", "stopped", "failed", "deleting", "deleted"),
    *("mine", "unhealthy", ""),
)
ENDED = "2026-01-01T00:00:01.000000Z"
BEFORE = "2026-01-01T00:00:00.000000Z"
NOWHERE = {"endpoint": None, "host_port": None}
FRESH = {"status_reason": None, "exit_code": None, "ended_at": None}
THERE = {"endpoint": "http://y", "host_port": 2}


def record(**fields: Any) -> Record:
    """The record of a container that runs, unless something else is said."""
    given = {**dict.fromkeys(Record.__annotations__), "id": 1, "docker_id": "a" * 64, "owner": "me"}
    return Record(**{**given, "status": "running", "endpoint": "http://x", "host_port": 1, **fields})


def being_made(status: str, **fields: Any) -> Record:
    return record(**{"status": status, **NOWHERE, **fields})


def running(**fields: Any) -> Container:
    """A container that runs."""
    given = {**dict.fromkeys(Container.__annotations__), "id": "a" * 64, "status": "running", "running": True}
    return Container(**{**given, **THERE, **fields})


def exited(code: int | None = 3, **fields: Any) -> Container:
    """A container that does not run."""
    given = {"status": "exited", "running": False, "exit_code": code, "ended_at": ENDED, **NOWHERE}
    return running(**{**given, **fields})


def exit_of(code: int | None, reason: str) -> dict[str, Any]:
    return {**NOWHERE, "status": "exited", "exit_code": code, "ended_at": ENDED, "status_reason": reason}


ENDS = exit_of(3, "ended with code 3")


@pytest.mark.parametrize("status", STATUSES)
def test_a_container_that_is_made_is_started_next(status: str) -> None:
    written = lifecycle.made(record(status=status, docker_id=None), running())
    assert written == {"docker_id": "a" * 64, **({"status": "starting"} if status == "building" else {})}


@pytest.mark.parametrize("status", STATUSES)
def test_a_creation_that_fails_is_recorded_unless_it_was_to_be_deleted(status: str) -> None:
    written = lifecycle.failed(record(status=status), "why")
    expected = {} if status in ("deleting", "deleted") else {**NOWHERE, "status": "failed", "status_reason": "why"}
    assert written == expected


@pytest.mark.parametrize("status", STATUSES)
def test_a_container_that_is_started_again_starts_unless_it_was_to_be_deleted(status: str) -> None:
    written = lifecycle.starting(record(status=status, ended_at=BEFORE, exit_code=1))
    expected = {} if status in ("deleting", "deleted") else {**NOWHERE, "status": "starting", "status_reason": None}
    assert written == expected


@pytest.mark.parametrize("status", ["building", "starting", "exited", "stopped", "failed", "paused", "running"])
def test_a_program_that_listens_runs_whatever_was_known_of_its_container(status: str) -> None:
    before = record(status=status, **NOWHERE, ended_at=BEFORE, exit_code=1, status_reason="before")
    assert lifecycle.started(before, running()) == {**THERE, **FRESH, "status": "running"}


@pytest.mark.parametrize("status", ["mine", "unhealthy", ""])
def test_a_status_that_a_client_has_written_stays_when_the_program_listens(status: str) -> None:
    assert lifecycle.started(being_made(status), running()) == {**THERE, **FRESH}
    assert lifecycle.seen(record(status=status), running()) == {**THERE, **FRESH}


def test_a_program_that_has_ended_since_it_listened_has_ended() -> None:
    assert lifecycle.started(being_made("starting"), exited()) == ENDS


def test_a_container_that_is_started_once_more_is_left_to_whoever_does_so() -> None:
    again = running(status="starting", **NOWHERE)
    for decide in (lifecycle.started, lifecycle.seen, lifecycle.stopped):
        assert decide(being_made("starting", ended_at=BEFORE), again) == {}


@pytest.mark.parametrize("status", ["deleting", "deleted"])
def test_what_is_being_deleted_follows_nothing_else(status: str) -> None:
    before = record(status=status)
    for container in (running(), exited(), running(status="paused"), exited(status="removing")):
        for decide in (lifecycle.started, lifecycle.stopped, lifecycle.seen):
            assert decide(before, container) == {}
        for decide_why in (lifecycle.not_started, lifecycle.adopted):
            assert decide_why(before, container, "why") == {}


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("deleting", "deleted")])
def test_an_end_is_recorded_whatever_a_client_has_written(status: str) -> None:
    assert lifecycle.seen(record(status=status), exited()) == ENDS


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        (exited(0), "ended with code 0"),
        (exited(3), "ended with code 3"),
        (exited(-9), "killed by signal 9"),
        (exited(-9, reason="killed because it was out of memory"), "killed because it was out of memory"),
    ],
)
def test_an_end_says_why(container: Container, reason: str) -> None:
    assert lifecycle.seen(record(), container) == exit_of(container.exit_code, reason)


@pytest.mark.parametrize("status", STATUSES)
def test_an_end_that_is_known_is_not_recorded_again(status: str) -> None:
    before = record(status=status, **NOWHERE, ended_at=ENDED, exit_code=3)
    assert lifecycle.seen(before, exited()) == {}


def test_why_a_program_was_killed_is_recorded_also_after_its_end() -> None:
    killed = exited(-9, reason="killed because it was out of memory")
    by_code = {**NOWHERE, "ended_at": ENDED, "exit_code": -9, "status_reason": "killed by signal 9"}
    assert lifecycle.seen(record(**by_code, status="mine"), killed) == {"status_reason": killed.reason}
    for known in (killed.reason, "its agent ended while it was being started", None):
        assert lifecycle.seen(record(**{**by_code, "status_reason": known}), killed) == {}


def test_a_container_that_has_never_run_has_not_ended() -> None:
    never = exited(None, status="created", ended_at=None)
    assert lifecycle.seen(record(status="mine", **NOWHERE), never) == {}


@pytest.mark.parametrize("status", ["building", "starting"])
@pytest.mark.parametrize("container", [running(), exited(), running(status="paused")])
def test_while_it_is_made_only_whoever_makes_it_records_what_comes_of_it(status: str, container: Container) -> None:
    assert lifecycle.seen(being_made(status), container) == {}


@pytest.mark.parametrize("status", STATUSES)
def test_nothing_new_is_nothing_to_write(status: str) -> None:
    before = record(status=status, **THERE)
    written = lifecycle.seen(before, running())
    assert written == ({} if status != "paused" else {**THERE, **FRESH, "status": "running"})


def test_a_program_that_another_program_has_started_runs() -> None:
    before = record(status="exited", **NOWHERE, ended_at=ENDED, exit_code=3, status_reason="ended with code 3")
    assert lifecycle.seen(before, running()) == {**THERE, **FRESH, "status": "running"}


def test_a_program_that_runs_on_another_port_is_recorded_there() -> None:
    assert lifecycle.seen(record(), running()) == {**THERE, **FRESH, "status": "running"}


def test_a_pause_is_recorded_once_and_its_end_too() -> None:
    paused = running(status="paused")
    assert lifecycle.seen(record(), paused) == {"status": "paused", "status_reason": None}
    assert lifecycle.seen(record(status="paused", **THERE), paused) == {}
    assert lifecycle.seen(record(status="paused", **THERE), running()) == {**THERE, **FRESH, "status": "running"}


STOPPED = {**NOWHERE, "status": "stopped", "status_reason": None, "exit_code": -15, "ended_at": ENDED}


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("deleting", "deleted")])
def test_what_was_asked_to_end_is_stopped(status: str) -> None:
    assert lifecycle.stopped(record(status=status), exited(-15)) == STOPPED


def test_a_stop_is_one_also_if_its_end_was_seen_before() -> None:
    assert lifecycle.stopped(record(**exit_of(-15, "killed by signal 15")), exited(-15)) == STOPPED


def test_the_end_of_what_was_stopped_is_no_exit() -> None:
    assert lifecycle.seen(record(**STOPPED), exited(-15)) == {}


def test_a_creation_that_was_stopped_has_failed() -> None:
    failed = being_made("failed", status_reason="why")
    for decide in (lifecycle.stopped, lifecycle.seen):
        assert decide(failed, exited(-15)) == {}


def test_what_was_started_again_since_it_was_stopped_runs() -> None:
    assert lifecycle.stopped(being_made("stopped", ended_at=ENDED), running())["status"] == "running"


def test_a_start_that_fails_is_an_exit_with_the_reason() -> None:
    before = being_made("starting", ended_at=BEFORE, exit_code=0)
    assert lifecycle.not_started(before, exited(), "why") == exit_of(3, "why")


def test_a_start_that_fails_before_anything_runs_keeps_the_last_end() -> None:
    before = being_made("starting", ended_at=ENDED, exit_code=3)
    assert lifecycle.not_started(before, exited(), "why") == exit_of(3, "why")


def test_a_start_that_fails_overrides_what_was_seen_or_written_meanwhile() -> None:
    for before in (record(**ENDS), being_made("mine")):
        assert lifecycle.not_started(before, exited(), "why") == exit_of(3, "why")


def test_a_start_that_fails_because_of_a_stop_is_a_stop() -> None:
    assert lifecycle.not_started(record(**STOPPED), exited(-15), "why") == {}


def test_a_start_that_fails_of_what_another_has_started_changes_nothing() -> None:
    assert lifecycle.not_started(record(**THERE), running(), "why") == {}


@pytest.mark.parametrize("status", STATUSES)
def test_a_removal_that_is_asked_for_takes_the_endpoint_first(status: str) -> None:
    written = lifecycle.removing(record(status=status))
    assert written == ({} if status == "deleted" else {**NOWHERE, "status": "deleting", "status_reason": None})


@pytest.mark.parametrize("status", STATUSES)
def test_what_was_removed_is_deleted_and_nobodys(status: str) -> None:
    expected = {**NOWHERE, "status": "deleted", "status_reason": None, "owner": None}
    assert lifecycle.removed(record(status=status)) == expected


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_gone_was_removed_by_another_program_unless_it_was_to_go(status: str) -> None:
    written = lifecycle.gone(record(status=status))
    if status in ("failed", "deleted"):
        assert written == {"owner": None}
    else:
        reason = None if status == "deleting" else "removed by another program"
        assert written == {**NOWHERE, "status": "deleted", "status_reason": reason, "owner": None}
    assert lifecycle.seen_gone(record(status=status)) == written


@pytest.mark.parametrize("status", ["building", "starting"])
def test_whoever_starts_a_container_says_that_it_is_gone(status: str) -> None:
    assert lifecycle.seen_gone(being_made(status)) == {}


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        ("building", "failed"),
        ("starting", "failed"),
        ("running", "stopped"),
        ("paused", "stopped"),
        ("stopped", "stopped"),
        ("mine", "stopped"),
        ("deleting", "deleted"),
        ("exited", "exited"),
        ("failed", "failed"),
    ],
)
def test_a_record_whose_agent_and_container_are_gone_says_so(status: str, becomes: str) -> None:
    before = record(status=status, status_reason="before")
    after = {"status": before.status, "status_reason": "before", **lifecycle.abandoned(before, "gone")}
    reason = "before" if status in ("exited", "failed") else "gone"
    assert after == {"status": becomes, "status_reason": reason, **NOWHERE, "owner": None}


def test_a_container_that_nobody_is_at_work_on_goes_on_as_it_is() -> None:
    assert lifecycle.adopted(record(**THERE), running(), "why") == {}
    assert lifecycle.adopted(record(), exited(), "why") == ENDS
    assert lifecycle.adopted(record(**STOPPED), exited(-15), "why") == {}


def test_a_start_that_was_interrupted_is_over() -> None:
    before = being_made("starting", ended_at=BEFORE, exit_code=0)
    assert lifecycle.adopted(before, running(), "why") == {**THERE, **FRESH, "status": "running"}
    assert lifecycle.adopted(before, exited(), "why") == exit_of(3, "why while it was being started")


@pytest.mark.parametrize("status", ["building", "starting"])
def test_a_creation_that_was_interrupted_has_failed(status: str) -> None:
    values = {**NOWHERE, "status": "failed", "status_reason": "why while it was being made", "owner": None}
    assert lifecycle.given_up(being_made(status), "why") == values


@pytest.mark.parametrize("status", ["running", "deleting", "failed", "mine"])
def test_a_container_that_went_unnoticed_is_gone_as_any_other(status: str) -> None:
    before = record(status=status)
    assert lifecycle.given_up(before, "why") == lifecycle.gone(before)


def test_what_has_listened_is_not_left_over_whatever_a_client_has_written() -> None:
    for status in STATUSES:
        assert not lifecycle.is_left_over(record(status=status))
        if status != "deleting":
            assert not lifecycle.is_left_over(record(status=status, **NOWHERE, ended_at=ENDED))


@pytest.mark.parametrize("status", ["building", "starting", "failed", "mine"])
def test_what_has_never_listened_is_left_over_when_nobody_is_at_work_on_it(status: str) -> None:
    assert lifecycle.is_left_over(being_made(status))


def test_what_was_to_be_removed_is_left_over() -> None:
    for ended_at in (None, ENDED):
        assert lifecycle.is_left_over(record(**{"ended_at": ended_at, **lifecycle.removing(record())}))
