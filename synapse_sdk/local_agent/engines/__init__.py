"""What runs the containers: one small interface, and the engines behind it."""

from synapse_sdk.local_agent.engines.base import Container, ContainerSpec, Engine, Watcher
from synapse_sdk.local_agent.engines.process import ProcessEngine

__all__ = ["ENGINES", "Container", "ContainerSpec", "Engine", "ProcessEngine", "Watcher"]

ENGINES: dict[str, type[ProcessEngine]] = {"process": ProcessEngine}
"""The engines by the names that the command line gives them."""
