"""What runs the containers: one small interface, and the engines behind it."""

from synapse_sdk.local_agent.engines.base import BASE_IMAGE, PIDS, Container, ContainerSpec, Engine, Watcher
from synapse_sdk.local_agent.engines.process import ProcessEngine
from synapse_sdk.local_agent.errors import UnavailableError

__all__ = [
    "BASE_IMAGE",
    "ENGINES",
    "PIDS",
    "Container",
    "ContainerSpec",
    "Engine",
    "ProcessEngine",
    "Watcher",
    "make_engine",
]

ENGINES = ("auto", "docker", "process")
"""The names by which engines are asked for."""


def make_engine(
    name: str,
    *,
    start_timeout: float = 60.0,
    stop_grace: float = 10.0,
    base_image: str = BASE_IMAGE,
    memory: str | None = None,
    pids: int = PIDS,
    build_network: str | None = None,
) -> Engine:
    """Return a new engine.

    Args:
        name: `docker`, `process`, or `auto` for Docker where a daemon answers and processes where none does.
        start_timeout: How long a program may take until it listens, in seconds.
        stop_grace: How long a program may take to end when asked to, in seconds. Then it is killed.
        base_image: For Docker: the image that releases without a Dockerfile are built upon.
        memory: For Docker: how much memory a container may use, such as `2g`. None sets no limit.
        pids: For Docker: how many processes and threads a container may have.
        build_network: For Docker: the network that builds run in. None leaves it to Docker.

    Raises:
        ValueError: If there is no engine of that name, or a limit cannot be one.
        UnavailableError: If this system does not have what the process engine needs.
    """
    if name not in ENGINES:
        raise ValueError(f"There is no engine {name}. There is {', '.join(ENGINES)}.")
    if name == "process":
        return ProcessEngine(start_timeout=start_timeout, stop_grace=stop_grace)
    from synapse_sdk.local_agent.engines.docker import DockerEngine  # what it needs takes a while to import

    docker = DockerEngine(
        base_image=base_image,
        memory=memory,
        pids=pids,
        build_network=build_network,
        start_timeout=start_timeout,
        stop_grace=stop_grace,
    )
    if name == "auto":
        try:
            docker.check()
        except UnavailableError:
            return ProcessEngine(start_timeout=start_timeout, stop_grace=stop_grace)
    return docker
