"""An engine that runs nothing: its containers are what they were last said to be."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

from synapse_sdk.local_agent.engines.base import Container, ContainerSpec, Watcher, last_lines, whole_id
from synapse_sdk.local_agent.engines.envs import check_envs
from synapse_sdk.local_agent.times import utc_now

RUNS = frozenset({"starting", "running", "paused", "restarting", "unhealthy"})
"""The statuses of a container whose program runs."""

LISTENS = frozenset({"running", "paused", "unhealthy"})
"""The statuses of a container that has an endpoint."""

ENDED = frozenset({"exited", "dead", "stopped", "failed"})
"""The statuses of a container whose program has ended."""

_HOST = "127.0.0.1"
# Below the ports that systems hand out by chance, so that nobody else is found there.
_PORTS = range(28000, 29000)
_TERMINATED = -15


@dataclass(frozen=True)
class State:
    """What a container is said to be.

    Attributes:
        status: Its status, and that of its record.
        exit_code: What its program ended with, for a status that says that it has.
        reason: Why the record has this status.
    """

    status: str
    exit_code: int = 0
    reason: str | None = None


@dataclass
class _Entry:
    """A container, and what becomes of it when it is read so many times."""

    container: Container
    port: int
    logs: str = ""
    coming: deque[State] = field(default_factory=deque)
    after_reads: int = 1
    reads: int = 0


class ScriptedEngine:
    """Containers without programs. It implements `Engine`, and is used by one request at a time."""

    name = "scripted"

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._ports = cycle(_PORTS)

    def watch(self, watcher: Watcher) -> None:
        """Begin to tell what becomes of containers. Nothing ever becomes of them by itself."""
        watcher.found(self.list())

    def check(self) -> None:
        """Return: there is nothing that could be wrong with it."""

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container and return it, not started yet.

        Raises:
            InvalidError: If no program could be given its environment variables.
        """
        check_envs(spec.envs)
        container = Container.created(spec)
        self._entries[container.id] = _Entry(container, next(self._ports))
        return container

    def start(self, container_id: str) -> Container:
        """Have a container run, and return it. If it did not, nothing else becomes of it.

        Raises:
            NotFoundError: If there is no such container.
        """
        entry = self._find(container_id)
        if not entry.container.running:
            entry.coming.clear()
            self.become(container_id, State("running"))
        return entry.container

    def stop(self, container_id: str) -> Container:
        """Have a container have ended, and return it. If it ran, nothing else becomes of it.

        Raises:
            NotFoundError: If there is no such container.
        """
        entry = self._find(container_id)
        if entry.container.running:
            entry.coming.clear()
            self.become(container_id, State("exited", _TERMINATED))
        return entry.container

    def logs(self, container_id: str, tail: int | None) -> str:
        """Return what a container is said to have written, or the last `tail` lines of it.

        Raises:
            NotFoundError: If there is no such container.
        """
        text = self._find(container_id).logs
        return text if tail is None else last_lines(text, tail)

    def get(self, container_id: str) -> Container:
        """Return a container by its id, or by the first 12 digits of it or more.

        Raises:
            NotFoundError: If there is no such container.
        """
        return self._find(container_id).container

    def list(self) -> Sequence[Container]:
        """Return all containers, the newest first."""
        return [entry.container for entry in reversed(self._entries.values())]

    def remove(self, container_id: str) -> None:
        """Remove a container.

        Raises:
            NotFoundError: If there is no such container.
        """
        del self._entries[whole_id(container_id, self._entries)]

    def adopt(self, container_id: str) -> None:
        """Answer for another agent's container. There never is one."""

    def close(self) -> Collection[str]:
        """Remove all containers. None is left."""
        self._entries.clear()
        return ()

    def become(self, container_id: str, state: State) -> Container:
        """Have a container be what it is said to be, and return it.

        Raises:
            NotFoundError: If there is no such container.
        """
        entry = self._find(container_id)
        ended = state.status in ENDED
        port = entry.port if state.status in LISTENS else None
        entry.container = replace(
            entry.container,
            status=state.status,
            running=state.status in RUNS,
            host_port=port,
            endpoint=f"http://{_HOST}:{port}" if port else None,
            exit_code=state.exit_code if ended else None,
            ended_at=utc_now() if ended else None,
        )
        return entry.container

    def plan(self, container_id: str, coming: Iterable[State], after_reads: int) -> None:
        """Say what a container is to be when it was read so many times, and so many times again.

        Raises:
            NotFoundError: If there is no such container.
        """
        entry = self._find(container_id)
        entry.coming, entry.after_reads, entry.reads = deque(coming), after_reads, 0

    def read(self, container_id: str) -> State | None:
        """Count that a container was read, and return what it is to be now, if that is something else."""
        entry = self._entries.get(container_id)
        if entry is None or not entry.coming:
            return None
        entry.reads += 1
        if entry.reads < entry.after_reads:
            return None
        entry.reads = 0
        return entry.coming.popleft()

    def write(self, container_id: str, logs: str) -> None:
        """Have a container have written a text, and nothing else.

        Raises:
            NotFoundError: If there is no such container.
        """
        self._find(container_id).logs = logs

    def _find(self, container_id: str) -> _Entry:
        return self._entries[whole_id(container_id, self._entries)]
