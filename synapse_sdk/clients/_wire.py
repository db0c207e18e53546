"""What goes over the wire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx

from synapse_sdk.clients._network import Until

if TYPE_CHECKING:
    from synapse_sdk.clients._call import Call
    from synapse_sdk.clients._settings import Settings


def wire_request(call: Call, settings: Settings, now: float) -> httpx.Request:
    """Return what goes over the wire for an attempt, without the credentials."""
    timeout = settings.timeout_of(builds=call.request.builds)
    waits = {
        name: Until.of(seconds, call.deadline, now)
        for name, seconds in (
            ("connect", timeout.connect),
            ("read", timeout.read),
            ("write", timeout.write),
            ("pool", timeout.pool),
        )
    }
    headers = [(name.encode(), value) for name, value in settings.headers.items()]
    content = None
    if call.request.body is not None:
        content = json.dumps(call.request.body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        headers.append((b"Content-Type", b"application/json"))
    return httpx.Request(call.request.method, call.url, headers=headers, content=content, extensions={"timeout": waits})
