"""A Synapse agent for the tests of programs that use the SDK.

It speaks the contract as the local agent does, and runs nothing: its containers are what a test says. With the extra
`testing` it is there in pytest as the fixture `synapse_agent`; `docs/testing.md` has examples.

    def test_what_is_left_over_is_removed(synapse_agent: ScriptedAgent) -> None:
        synapse_agent.add_container("sample@1.0.0", status="exited")
        tidy_up(AgentClient(synapse_agent.url, synapse_agent.token))
        assert synapse_agent.client.list_docker_containers() == []
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synapse_sdk.testing.agent import ScriptedAgent
    from synapse_sdk.testing.app import SeenRequest

__all__ = ["ScriptedAgent", "SeenRequest"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for, so that what is not installed can be told in one line.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from synapse_sdk.local_agent import LocalAgent  # noqa: F401 - it knows what its extra brings
    except ModuleNotFoundError:
        raise
    except ImportError as error:
        message = f"The agent for tests needs {error.name}: pip install 'synapse-sdk[testing]'"
        raise ImportError(message, name=error.name) from error
    from synapse_sdk.testing import agent, app

    return {"ScriptedAgent": agent.ScriptedAgent, "SeenRequest": app.SeenRequest}[name]
