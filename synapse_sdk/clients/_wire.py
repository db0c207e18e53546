"""What goes over the wire."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx

from synapse_sdk.clients._network import Until

if TYPE_CHECKING:
    from synapse_sdk.clients._call import Call
    from synapse_sdk.clients._settings import Settings


def wire_request(call: Call, settings: Settings, now: float) -> httpx.Request:
    """Return what goes over the wire for an attempt, without the credentials."""
    waits = timeouts(settings, call.deadline, now, builds=call.request.builds)
    headers = [(name.encode(), value) for name, value in settings.headers.items()]
    content = None
    if call.request.body is not None:
        content = json.dumps(call.request.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        headers.append((b"Content-Type", b"application/json"))
    return httpx.Request(call.request.method, call.url, headers=headers, content=content, extensions={"timeout": waits})


def timeouts(settings: Settings, deadline: float, now: float, *, builds: bool) -> dict[str, float]:
    """Return the timeouts of a request, none of which goes beyond the deadline."""
    timeout = settings.timeout_of(builds=builds)
    steps = {"connect": timeout.connect, "read": timeout.read, "write": timeout.write, "pool": timeout.pool}
    return {name: Until.of(seconds, deadline, now) for name, seconds in steps.items()}


def timeouts_by_method(settings: Settings, method: str) -> dict[str, float]:
    """Return the timeouts of a request of which only the method is known: what creates may take long."""
    now, builds = time.monotonic(), method == "POST"
    return timeouts(settings, now + settings.deadline_of(builds=builds), now, builds=builds)
