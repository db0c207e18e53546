"""What can be told of a request that has no answer, by whose connections it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_sdk.clients._answers import may_have_been_sent, wants_certificate
from synapse_sdk.clients._wire import was_written

if TYPE_CHECKING:
    import httpx

    from synapse_sdk.clients._gate import Gate


class OwnFailures:
    """On the SDK's own connections it is known what was written, and no error has seen the credentials."""

    def was_sent(self, request: httpx.Request, error: Exception) -> bool:
        """Return whether the agent may have read a request that failed."""
        return was_written(request) and not wants_certificate(error)

    def redacted(self, error: Exception) -> Exception:
        """Return an error that shows no credentials."""
        return error


class BroughtFailures:
    """Of what a program brings only its errors tell, and they may show the credentials."""

    proxy = None
    _gate: Gate

    def was_sent(self, request: httpx.Request, error: Exception) -> bool:
        """Return whether the agent may have read a request that failed."""
        del request
        return may_have_been_sent(error)

    def redacted(self, error: Exception) -> Exception:
        """Return an error that shows no credentials."""
        return self._gate.redacted(error)
