"""The interface of a container engine.

An engine is synchronous and safe to use from many threads. It says what is wrong with the exceptions of
`synapse_sdk.local_agent.errors`: `NotFoundError`, `ConflictError`, `InvalidError` for a release that cannot be started,
`UnavailableError` for an engine that cannot start anything now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from synapse_sdk.local_agent.releases import Release


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
    """

    name: str
    release: Release
    record_id: int
    params: Mapping[str, Any]
    envs: Mapping[str, str]
    labels: Sequence[str]


@dataclass(frozen=True)
class Container:
    """A container as it was when it was looked at.

    Attributes:
        id: Its id, 64 hexadecimal digits.
        name: Its name.
        image: What it was made from.
        status: `created`, `starting`, `running`, `exited` or `removing`.
        running: Whether its program runs.
        host_port: The port of the host on which its program listens, while it does.
        endpoint: The URL of that port.
        plugin_release: The plugin release that it runs, or None for another program's container.
        labels: The labels that it was created with.
        created_at: When it was created, in ISO 8601 and UTC.
        record_id: The number of its record, or None for another program's container.
        exit_code: What its program ended with, negative for a signal; None before that.
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


class Engine(Protocol):
    """Runs containers."""

    def watch(self, ended: Callable[[Container], None]) -> None:
        """Have `ended` called, in any thread, with each container whose program ended without being removed."""
        ...

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container and return it, not started yet.

        Raises:
            InvalidError: If it cannot be made from this release.
            UnavailableError: If the engine cannot make any now.
        """
        ...

    def start(self, container_id: str) -> Container:
        """Start a container and return it once its program accepts connections.

        Raises:
            NotFoundError: If there is no such container.
            InvalidError: If its program ended, or did not listen in time; the message ends with the tail of its output.
            ConflictError: If it was removed meanwhile.
            UnavailableError: If the engine cannot start any now.
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

    def close(self) -> None:
        """Stop what must not outlive the agent, and refuse to start anything more."""
        ...
