"""What happens to a record when something happens to its container: what to write, decided from the record as it is."""

from collections.abc import Mapping
from typing import Any

from synapse_sdk.local_agent.engines import Container
from synapse_sdk.local_agent.records import Record

BUILDING = "building"
STARTING = "starting"
RUNNING = "running"
PAUSED = "paused"
EXITED = "exited"
STOPPED = "stopped"
FAILED = "failed"
DELETING = "deleting"
DELETED = "deleted"

_BEING_REMOVED = (DELETING, DELETED)
_BEING_MADE = (BUILDING, STARTING)
_NOWHERE: Mapping[str, Any] = {"endpoint": None, "host_port": None}

Values = Mapping[str, Any]


def made(record: Record, container: Container) -> Values:
    """The container is there, and is started next."""
    values = {"docker_id": container.id}
    return {**values, "status": STARTING} if record.status == BUILDING else values


def failed(record: Record, reason: str, *, removed: bool) -> Values:
    """The container could not be made or started. While it may still be there, somebody must answer for it."""
    if record.status in _BEING_REMOVED:
        return {}
    values = {**_NOWHERE, "status": FAILED, "status_reason": reason}
    return {**values, "owner": None} if removed else values


def starting(record: Record) -> Values:
    """The container is started again."""
    return {} if record.status in _BEING_REMOVED else {**_NOWHERE, "status": STARTING, "status_reason": None}


def listens(record: Record, container: Container) -> Values:
    """The program listens. It may have ended since, and a client may have written a status of its own."""
    if record.status in (EXITED, *_BEING_REMOVED):
        return {}
    values = _running(container)
    return {**values, "status": RUNNING} if record.status == STARTING else values


def stopped(record: Record, container: Container) -> Values:
    """The program ended because somebody asked for it."""
    if record.status in _BEING_REMOVED:
        return {}
    ends = {"exit_code": container.exit_code, "ended_at": container.ended_at}
    return {**_NOWHERE, **ends, "status": STOPPED, "status_reason": None}


def seen(record: Record, container: Container, reason: str | None = None) -> Values:
    """The container was looked at, because something happened to it or may have.

    Args:
        record: The record as it is.
        container: The container as it was.
        reason: Why its program ended, if that is known better here.
    """
    if record.status in _BEING_REMOVED:
        return {}
    if not container.running:
        return _ended(record, container, reason)
    if record.status in _BEING_MADE:
        return {}  # whoever starts it says when it listens
    if container.status == PAUSED:
        return {"status": PAUSED, "status_reason": None} if record.status != PAUSED else {}
    if record.status in (EXITED, STOPPED, FAILED, PAUSED) or record.endpoint != container.endpoint:
        return {**_running(container), "status": RUNNING}
    return {}


def removing(record: Record) -> Values:
    """Somebody asked for the container to be removed."""
    return {} if record.status == DELETED else {"status": DELETING, "status_reason": None}


def removed(_: Record) -> Values:
    """The container is gone because somebody asked for it."""
    return {**_NOWHERE, "status": DELETED, "status_reason": None, "owner": None}


def gone(record: Record) -> Values:
    """The container is gone, and it was not this agent that removed it."""
    if record.status == DELETING:
        return removed(record)
    if record.status in (FAILED, DELETED):
        return {"owner": None}
    return {**_NOWHERE, "status": DELETED, "status_reason": "removed by another program", "owner": None}


def abandoned(record: Record, reason: str) -> Values:
    """The container is gone because the agent that answered for it is."""
    if record.status in (EXITED, FAILED):
        return {**_NOWHERE, "owner": None}
    became = {BUILDING: FAILED, STARTING: FAILED, DELETING: DELETED}.get(record.status, STOPPED)
    return {**_NOWHERE, "status": became, "status_reason": reason, "owner": None}


def is_left_over(record: Record, container: Container, *, by_another: bool) -> bool:
    """Whether a container is what is left of a creation that failed or a removal that did not end.

    Args:
        record: Its record.
        container: The container.
        by_another: Whether the agent that answered for it is gone, and with it whoever was at work on it.
    """
    half_made = by_another and (record.status == BUILDING or container.status == "created")
    return half_made or record.status in (FAILED, DELETING)


def _running(container: Container) -> Values:
    return {
        "endpoint": container.endpoint,
        "host_port": container.host_port,
        "status_reason": None,
        "exit_code": None,
        "ended_at": None,
    }


def _ended(record: Record, container: Container, reason: str | None) -> Values:
    was_stopped = record.status == STOPPED and record.endpoint is None
    if container.exit_code is None or was_stopped or record.status == FAILED:
        return {}
    code = container.exit_code
    told = reason or container.reason or (f"killed by signal {-code}" if code < 0 else f"ended with code {code}")
    values = {**_NOWHERE, "status": EXITED, "exit_code": code, "ended_at": container.ended_at, "status_reason": told}
    is_known = record.status == EXITED and record.ended_at == container.ended_at and reason is None
    return {} if is_known else values
