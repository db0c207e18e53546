"""A real Synapse agent for one machine.

It implements the contract, `agent.yaml`, with a database and a container engine of its own, so that everything can be
tried without a deployment: from a shell as `python -m synapse_sdk.local_agent`, and from Python as

    with LocalAgent(plugins="examples/plugins") as agent:
        client = AgentClient(agent.url, agent.token)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synapse_sdk.local_agent.agent import LocalAgent

__all__ = ["LocalAgent"]

_EXTRA = frozenset({"openapi_core", "sqlalchemy", "starlette", "swagger_ui_bundle", "uvicorn", "yaml"})


def __getattr__(name: str) -> Any:
    # Imported when it is asked for, so that the command line can say in one line what is not installed.
    if name != "LocalAgent":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from synapse_sdk.local_agent.agent import LocalAgent
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        message = f"The local agent needs {error.name}: pip install 'synapse-sdk[local-agent]'"
        raise ImportError(message, name=error.name) from error
    return LocalAgent
