"""What the tests of containers need of an engine beyond the agent's API, one class for each engine."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import docker

from synapse_sdk.local_agent.engines import Engine, ProcessEngine
from synapse_sdk.local_agent.engines.docker import DockerEngine
from tests.local_agent.dockerd import Dockerd
from tests.local_agent.support import ask, sessions

Container = dict[str, Any]


class Host(Protocol):
    """An engine, looked at from outside.

    Attributes:
        outlives: Whether containers go on when their agent was killed.
        source: The expression that makes an engine in another process.
        imported: What that process must import for it.
    """

    outlives: bool
    source: str
    imported: str

    def engine(self, *, start_timeout: float = 60, stop_grace: float = 5) -> Engine:
        """A new engine."""

    def is_image(self, image: str) -> bool:
        """Whether this is what a container of sample@1.0 is made from."""

    def pids(self, container: Container) -> list[int]:
        """The processes of a container that runs."""

    def signal(self, container: Container, number: int) -> None:
        """Send a signal to a container's program, without the agent."""


class ProcessHost:
    """Processes."""

    outlives = False
    source = "ProcessEngine()"
    imported = "from synapse_sdk.local_agent.engines import ProcessEngine"

    def engine(self, *, start_timeout: float = 60, stop_grace: float = 5) -> Engine:
        return ProcessEngine(start_timeout=start_timeout, stop_grace=stop_grace)

    def is_image(self, image: str) -> bool:
        return image == "sample@1.0"

    def pids(self, container: Container) -> list[int]:
        leader = ask(container, "os.getpid()")
        return [pid for pid, session in sessions() if session == leader]

    def signal(self, container: Container, number: int) -> None:
        os.kill(ask(container, "os.getpid()"), number)


class DockerHost:
    """A Docker daemon in which no other test has containers.

    Args:
        client: A client of it.
        base_image: An image with Python.
    """

    outlives = True
    imported = "from synapse_sdk.local_agent.engines.docker import DockerEngine"

    def __init__(self, client: docker.DockerClient, base_image: str) -> None:
        self._client = client
        self._base_image = base_image
        self.source = f"DockerEngine(base_image={base_image!r})"

    def engine(self, *, start_timeout: float = 60, stop_grace: float = 5) -> Engine:
        return DockerEngine(base_image=self._base_image, start_timeout=start_timeout, stop_grace=stop_grace)

    def is_image(self, image: str) -> bool:
        return re.fullmatch("synapse/sample:1.0-[0-9a-f]{12}", image) is not None

    def pids(self, container: Container) -> list[int]:
        top = self._client.api.top(container["id"])
        column = top["Titles"].index("PID")
        return [int(process[column]) for process in top["Processes"]]

    def signal(self, container: Container, number: int) -> None:
        self._client.api.kill(container["id"], signal.Signals(number).name)


@contextmanager
def docker_host(dockerd: Dockerd, base_image: Any) -> Iterator[DockerHost]:
    """Yield a host of this engine, cleared of what earlier tests have left."""
    client = docker.DockerClient(base_url=dockerd.host)
    dockerd.clear(client)
    yield DockerHost(client, base_image(client))
    client.close()
