"""The Python SDK for the containers of a Synapse agent."""

from synapse_sdk._version import __version__
from synapse_sdk.clients.agent import AgentClient, AsyncAgentClient

__all__ = ["AgentClient", "AsyncAgentClient", "__version__"]
