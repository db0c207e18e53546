"""The interface of a container engine.

An engine is synchronous and safe to use from many threads. It says what is wrong with the exceptions of
`synapse_sdk.local_agent.errors`: `NotFoundError`, `ConflictError`, `InvalidError` for a release that cannot be started,
`UnavailableError` for an engine that cannot start anything now.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from synapse_sdk.local_agent.errors import NotFoundError
from synapse_sdk.local_agent.releases import Release
from synapse_sdk.local_agent.times import utc_now

_TAIL = 4000
_SHORT_ID = 12

BASE_IMAGE = "python:3.12-slim"
"""What releases without a Dockerfile are built upon, unless told otherwise."""

PIDS = 1024
"""How many processes and threads a container may have, unless told otherwise."""


@dataclass(frozen=True)
class ContainerSpec:
    """What a container is made from.

    Attributes:
        name: Its name.
        release: The plugin release that it runs.
        record_id: The number of its record.
        params: What `PLUGIN_PARAMS` is to hold.
        envs: Its environment variables.
        labels: Its labels.
        owner: The agent that makes it.
    """

    name: str
    release: Release
    record_id: int
    params: Mapping[str, Any]
    envs: Mapping[str, str]
    labels: Sequence[str]
    owner: str


@dataclass(frozen=True)
class Container:
    """A container as it was when it was looked at.

    Attributes:
        id: Its id, 64 hexadecimal digits.
        name: Its name.
        image: What it was made from.
        status: `starting` until its program listens for the first time, `removing` while it is removed, else one of
            Docker's: `created`, `running`, `paused`, `restarting`, `exited` or `dead`.
        running: Whether its program runs.
        host_port: The port of the host on which its program listens, while it does.
        endpoint: The URL of that port.
        plugin_release: The plugin release that it runs, or None for another program's container.
        labels: The labels that it was created with.
        created_at: When it was created, in ISO 8601 and UTC.
        record_id: The number of its record, or None for another program's container.
        exit_code: What its program ended with the last time, negative for a signal; None while it runs or has not run.
        ended_at: When its program ended the last time, in ISO 8601 and UTC; None while it runs or has not run.
        reason: Why its program ended, where the engine knows more than the exit code says.
        owner: The agent that made it, or None for another program's container.
    """

    id: str
    name: str
    image: str
    status: str
    running: bool
    host_port: int | None
    endpoint: str | None
    plugin_release: str | None
    labels: Sequence[str]
    created_at: str
    record_id: int | None
    exit_code: int | None
    ended_at: str | None
    reason: str | None
    owner: str | None

    @classmethod
    def created(cls, spec: ContainerSpec) -> "Container":
        """Return a new container of an engine that numbers its own, not started yet."""
        return cls(
            id=secrets.token_hex(32),
            name=spec.name,
            image=spec.release.name,
            status="created",
            running=False,
            host_port=None,
            endpoint=None,
            plugin_release=spec.release.name,
            labels=tuple(spec.labels),
            created_at=utc_now(),
            record_id=spec.record_id,
            exit_code=None,
            ended_at=None,
            reason=None,
            owner=spec.owner,
        )


class Watcher(Protocol):
    """Is told, in any thread, what becomes of containers. What it was told may be history already when it looks."""

    def found(self, containers: Sequence[Container]) -> None:
        """These are all that there are: when the watching begins, and whenever some of it may have been missed."""
        ...

    def changed(self, container: Container) -> None:
        """A container's program started, ended, or was paused, whoever had it do so."""
        ...

    def gone(self, container_id: str) -> None:
        """A container was removed, whoever removed it."""
        ...


class Engine(Protocol):
    """Runs containers.

    Attributes:
        name: What it is called.
    """

    name: str

    def watch(self, watcher: Watcher) -> None:
        """Begin to tell what becomes of containers. An engine that can be asked calls `found` before this returns."""
        ...

    def check(self) -> None:
        """Return if the engine can do its work.

        Raises:
            UnavailableError: If it cannot; the message says why.
        """
        ...

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container and return it, not started yet.

        Raises:
            InvalidError: If it cannot be made from this release.
            UnavailableError: If the engine cannot make any now.
        """
        ...

    def start(self, container_id: str) -> Container:
        """Start a container and return it once its program accepts connections. One that runs is left as it is.

        Raises:
            NotFoundError: If there is no such container.
            InvalidError: If its program ended, or did not listen in time; the message ends with the tail of its output.
            ConflictError: If it was removed meanwhile.
            UnavailableError: If the engine cannot start any now.
        """
        ...

    def stop(self, container_id: str) -> Container:
        """Have a container's program end, and return the container, which stays.

        One that does not run is left as it is.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
        """
        ...

    def logs(self, container_id: str, tail: int | None) -> str:
        """Return what a container's program has written, or the last `tail` lines of it, as far as it is kept.

        Raises:
            NotFoundError: If there is no such container.
        """
        ...

    def get(self, container_id: str) -> Container:
        """Return a container by its id, or by the first 12 digits of it or more.

        Raises:
            NotFoundError: If there is no such container.
        """
        ...

    def list(self) -> Sequence[Container]:
        """Return all containers, the newest first, whether they run or not."""
        ...

    def remove(self, container_id: str) -> None:
        """Stop a container and remove it.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed already.
        """
        ...

    def adopt(self, container_id: str) -> None:
        """Answer for a container that an agent made which is gone: it ends with this agent."""
        ...

    def close(self) -> Collection[str]:
        """Refuse to start anything more, and remove the containers that this agent made or has adopted.

        Returns:
            The ids of those that could not be removed.
        """
        ...


def whole_id(container_id: str, ids: Iterable[str]) -> str:
    """Return the one of these ids that is meant by it, or by its first 12 digits or more.

    Raises:
        NotFoundError: If none is, or several are.
    """
    is_short = len(container_id) >= _SHORT_ID
    found = [each for each in ids if each == container_id or (is_short and each.startswith(container_id))]
    if len(found) != 1:
        raise NotFoundError(f"There is no container {container_id}.")
    return found[0]


def last_lines(text: str, count: int) -> str:
    """Return the last lines of a text, the last of which need not be ended."""
    return "".join(re.findall(r"[^\n]*\n|[^\n]+", text)[-count:]) if count else ""


def failure(release: str, what: str, output: str) -> str:
    """Return why a release could not be built or started, with the end of what was written meanwhile.

    Args:
        release: The release's name.
        what: What happened.
        output: What was written.
    """
    return f"{release} {what}: {end_of(output.strip()) or '(it wrote nothing)'}"


def end_of(output: str) -> str:
    """Return as much of the end of an output as is told of it."""
    return output[-_TAIL:]
