"""What happens to a record when something happens to its container: what to write, decided from the record as it is."""

from collections.abc import Mapping
from typing import Any

from synapse_sdk.local_agent.engines import Container
from synapse_sdk.local_agent.records import Record

STARTING = "starting"
RUNNING = "running"
EXITED = "exited"
STOPPED = "stopped"
FAILED = "failed"
DELETING = "deleting"
DELETED = "deleted"

_OVER = (EXITED, DELETING, DELETED)
_NOWHERE: Mapping[str, Any] = {"endpoint": None, "host_port": None}

Values = Mapping[str, Any]


def listens(record: Record, container: Container) -> Values:
    """The program listens. It may have ended since, and a client may have written a status of its own."""
    if record.status in _OVER:
        return {}
    values = {"endpoint": container.endpoint, "host_port": container.host_port}
    return {**values, "status": RUNNING} if record.status == STARTING else values


def ended(record: Record, container: Container) -> Values:
    """The program ended without being asked to."""
    if record.status in (DELETING, DELETED):
        return {}
    code = container.exit_code or 0
    reason = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return {**_NOWHERE, "status": EXITED, "exit_code": code, "status_reason": reason}


def removing(record: Record) -> Values:
    """Somebody asked for the container to be removed."""
    return {} if record.status == DELETED else {"status": DELETING, "status_reason": None}


def removed(_: Record) -> Values:
    """The container is gone because somebody asked for it."""
    return {**_NOWHERE, "status": DELETED, "status_reason": None, "owner": None}


def abandoned(record: Record, reason: str) -> Values:
    """The container is gone because the agent that answered for it is."""
    if record.status == EXITED:
        return {**_NOWHERE, "owner": None}
    became = {STARTING: FAILED, DELETING: DELETED}.get(record.status, STOPPED)
    return {**_NOWHERE, "status": became, "status_reason": reason, "owner": None}
