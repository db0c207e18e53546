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
_OWN = (*_BEING_MADE, RUNNING, PAUSED, EXITED, STOPPED, FAILED)
_NOWHERE: Mapping[str, Any] = {"endpoint": None, "host_port": None}

Values = Mapping[str, Any]


def made(record: Record, container: Container) -> Values:
    """The container is there, and is started next."""
    values = {"docker_id": container.id}
    return {**values, "status": STARTING} if record.status == BUILDING else values


def failed(record: Record, reason: str) -> Values:
    """The container could not be made or started. While it may still be there, somebody must answer for it."""
    if record.status in _BEING_REMOVED:
        return {}
    return {**_NOWHERE, "status": FAILED, "status_reason": reason}


def starting(record: Record) -> Values:
    """The container is started again."""
    return {} if record.status in _BEING_REMOVED else {**_NOWHERE, "status": STARTING, "status_reason": None}


def started(record: Record, container: Container) -> Values:
    """The program listened when it was started. It may have ended since, or be being started once more."""
    if record.status in _BEING_REMOVED or container.status == STARTING:
        return {}
    return _running(record, container) if container.running else _ended(record, container, None)


def not_started(record: Record, container: Container, reason: str) -> Values:
    """The container could not be started again, or was stopped before its program listened."""
    if container.running:
        return started(record, container)
    if record.status in (STOPPED, *_BEING_REMOVED):
        return {}
    return _ended(record, container, reason)


def stopped(record: Record, container: Container) -> Values:
    """Somebody asked for the program to end. It may have been started again since."""
    if container.running:
        return seen(record, container)
    if _has_failed(record) or record.status in _BEING_REMOVED:
        return {}
    ends = {"exit_code": container.exit_code, "ended_at": container.ended_at}
    return {**_NOWHERE, **ends, "status": STOPPED, "status_reason": None}


def seen(record: Record, container: Container) -> Values:
    """The container was looked at, because something happened to it or may have."""
    if _is_being_made(record) or record.status in _BEING_REMOVED:
        return {}  # whoever starts or removes it says what comes of that
    return _running(record, container) if container.running else _ended(record, container, None)


def adopted(record: Record, container: Container, reason: str) -> Values:
    """The container is there, but nobody is at work on it any more.

    Args:
        record: The record as it is.
        container: The container as it is.
        reason: Why nobody is.
    """
    if _is_being_made(record):
        return not_started(record, container, f"{reason} while it was being started")
    return seen(record, container)


def removing(record: Record) -> Values:
    """Somebody asked for the container to be removed."""
    return {} if record.status == DELETED else {**_NOWHERE, "status": DELETING, "status_reason": None}


def removed(_: Record) -> Values:
    """The container is gone because somebody asked for it."""
    return {**_NOWHERE, "status": DELETED, "status_reason": None, "owner": None}


def seen_gone(record: Record) -> Values:
    """The container was looked for, or something happened to it, and it was gone."""
    return {} if _is_being_made(record) else gone(record)  # as with `seen`


def gone(record: Record) -> Values:
    """The container is gone, and it was not this agent that removed it."""
    if record.status == DELETING:
        return removed(record)
    if record.status in (FAILED, DELETED):
        return {"owner": None}
    return {**_NOWHERE, "status": DELETED, "status_reason": "removed by another program", "owner": None}


def given_up(record: Record, reason: str) -> Values:
    """The container is gone, and whoever was at work on it could not say so.

    Args:
        record: The record as it is.
        reason: Why.
    """
    if _is_being_made(record):
        return {**failed(record, f"{reason} while it was being made"), "owner": None}
    return gone(record)


def abandoned(record: Record, reason: str) -> Values:
    """The container is gone because the agent that answered for it is."""
    if record.status in (EXITED, FAILED):
        return {**_NOWHERE, "owner": None}
    became = {BUILDING: FAILED, STARTING: FAILED, DELETING: DELETED}.get(record.status, STOPPED)
    return {**_NOWHERE, "status": became, "status_reason": reason, "owner": None}


def is_left_over(record: Record) -> bool:
    """Whether the container of a record, on which nobody is at work, is left of a creation or a removal."""
    # A client may write this status, too, but not the rest.
    if record.status == DELETING:
        return record.endpoint is None
    return record.endpoint is None and record.ended_at is None  # it has never listened


def _is_being_made(record: Record) -> bool:
    return record.status in _BEING_MADE and record.endpoint is None  # else a client has written it


def _has_failed(record: Record) -> bool:
    return record.status == FAILED and record.endpoint is None  # else a client has written it


def _running(record: Record, container: Container) -> Values:
    if container.status == PAUSED:
        return {"status": PAUSED, "status_reason": None} if record.status != PAUSED else {}
    if record.endpoint == container.endpoint and record.status != PAUSED:
        return {}
    values = {
        "endpoint": container.endpoint,
        "host_port": container.host_port,
        "status_reason": None,
        "exit_code": None,
        "ended_at": None,
    }
    return {**values, "status": RUNNING} if record.status in _OWN else values


def _ended(record: Record, container: Container, reason: str | None) -> Values:
    if _has_failed(record):
        return {}
    code = container.exit_code
    said_by_code = f"killed by signal {-code}" if code and code < 0 else f"ended with code {code}"
    told = container.reason or said_by_code
    if record.ended_at == container.ended_at and reason is None:
        # The engine may hear why only after the end.
        return {"status_reason": told} if record.status_reason == said_by_code != told else {}
    values = {"status": EXITED, "exit_code": code, "ended_at": container.ended_at, "status_reason": reason or told}
    return {**_NOWHERE, **values}
