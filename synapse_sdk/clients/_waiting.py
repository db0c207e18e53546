"""How a container is waited for: when it is looked at again, and when that ends. No I/O, no clock, no chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from synapse_sdk import exceptions
from synapse_sdk.clients import _arguments
from synapse_sdk.clients._call import CLOSED, Moment, Return

if TYPE_CHECKING:
    from synapse_agent_types import DockerContainer

    from synapse_sdk.clients._request import Request

#: Statuses that a container does not leave by itself.
ENDED = frozenset({"exited", "dead", "failed", "stopped", "removing", "deleting", "deleted"})

# Programs that begin to wait together do not ask together each time.
_MOST_JITTER = 0.25


@frozen
class Later:
    """The container is to be looked at again.

    Attributes:
        wait: The wait as it is then.
        pause: How long to leave it alone before, in seconds.
    """

    wait: Wait
    pause: float


@frozen
class Wait:
    """A wait for a container to have a status.

    Attributes:
        request: What asks for the container.
        url: Where it is asked for.
        container_id: The container's id.
        status: The status that it is to have.
        timeout: How long the wait may take, in seconds.
        poll_interval: How long to leave the container alone at the least, in seconds.
        began: When the wait began, in monotonic time.
        seen: The status that the container had the last time, or None before the first.
    """

    request: Request[DockerContainer]
    url: str
    container_id: str
    status: str
    timeout: float
    poll_interval: float
    began: float
    seen: Any = None

    @classmethod
    def first(
        cls,
        request: Request[DockerContainer],
        base_url: str,
        container_id: str,
        status: str,
        timeout: float,
        poll_interval: float,
        now: float,
    ) -> Wait:
        """Return the wait that begins now.

        Raises:
            ValueError: If an argument cannot be right.
            TypeError: If one is of a wrong type.
        """
        return cls(
            request=request,
            url=f"{base_url}{request.path}",
            container_id=container_id,
            status=_arguments.non_empty_text("status", status, "a status such as 'running'"),
            timeout=_arguments.seconds("timeout", timeout),
            poll_interval=_arguments.seconds("poll_interval", poll_interval),
            began=now,
        )

    def seconds_to_look(self, deadline: float, now: float) -> float:
        """Return how long the next look at the container may take.

        Args:
            deadline: How long any other may, in seconds.
            now: The monotonic time, in seconds.

        Raises:
            ClientTimeoutError: If there is no time left.
        """
        left = self.began + self.timeout - now
        if left <= 0:
            raise self.timed_out(now)
        return min(deadline, left)

    def after(self, container: DockerContainer, moment: Moment) -> Return | Later:
        """Return what is to be done when the container has been looked at.

        Raises:
            ContainerEndedError: If it has ended otherwise.
            ClientTimeoutError: If the next look would come too late.
        """
        status: Any = container.get("status")
        if status == self.status:
            return Return(container)
        if isinstance(status, str) and status in ENDED:
            detail = f"container {self.container_id} was to be {self.status!r}, and is {status!r}"
            if (code := container.get("exit_code")) is not None:
                detail += f" with exit code {code}"
            raise exceptions.ContainerEndedError(None, detail, container=container, **self._context())
        wait = evolve(self, seen=status)
        pause = self.poll_interval * (1 + _MOST_JITTER * moment.chance)
        if moment.now + pause >= self.began + self.timeout:
            raise wait.timed_out(moment.now)
        return Later(wait, pause)

    def timed_out(self, now: float) -> exceptions.ClientTimeoutError:
        """Return the error that ends the wait when its time is over."""
        seen = "nothing was known of it" if self.seen is None else f"was {self.seen!r}"
        detail = (
            f"container {self.container_id} was to be {self.status!r} within {self.timeout:g} s, "
            f"and {seen} after {now - self.began:.1f} s"
        )
        return exceptions.ClientTimeoutError(None, detail, **self._context())

    def interrupted(self) -> exceptions.ClientConnectionError:
        """Return the error that ends the wait when the client is closed."""
        detail = f"{CLOSED}, while it waited for container {self.container_id} to be {self.status!r}"
        return exceptions.ClientConnectionError(None, detail, **self._context())

    def _context(self) -> dict[str, Any]:
        return {"operation": self.request.operation, "method": self.request.method, "url": self.url}
