"""What an agent in good order answers, as a function of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.faults.server import Seen, Step, answer_by, response

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCKER_ID = "abc123def456"
RECORD_ID = 42


LOGS = "Loading\nListening, 10 °C\n"
HEALTH = {"status": "ok", "version": "1.1.0"}

#: What a container is after which call.
_AFTER = {"stop": "exited", "start": "running"}


def container(docker_id: str = DOCKER_ID, status: str = "running") -> dict[str, Any]:
    """Return a Docker container."""
    return {"id": docker_id, "docker_id": docker_id, "status": status, "running": status == "running"}


def record(number: int = RECORD_ID, status: str = "running") -> dict[str, Any]:
    """Return a record."""
    return {"id": number, "plugin_release": "a@1", "status": status}


def page(numbers: Sequence[int], following: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a page of records."""
    return {"next": following, "previous": None, "results": [record(number) for number in numbers], **more}


def good() -> Step:
    """Answer what was asked, of whatever kind it was."""
    return answer_by(good_answer)


def good_answer(seen: Seen) -> bytes:
    """Return the answer that a request hopes for. It tells what it answers, so that answers cannot be mixed up."""
    if seen.method == "DELETE":
        return response(204)
    path = seen.target.partition("?")[0]
    *_, before, name, last = path.split("/")
    if not last and name in _AFTER:
        return response(200, container(before, _AFTER[name]))
    if not last and name == "logs":
        return response(200, body=LOGS.encode(), headers=[("Content-Type", "text/plain; charset=utf-8")])
    if not last and name == "health":
        return response(200, HEALTH)
    if seen.method == "POST":
        return response(201, {**container(), "plugin_release": seen.json()["plugin_release"]})
    if seen.method == "PATCH":
        return response(200, record(int(last), seen.json()["status"]))
    if last:
        return response(200, record(int(last)) if last.isdecimal() else container(last))
    return response(200, [container()] if seen.target.endswith("/docker/") else page([1, 2], count=2))
