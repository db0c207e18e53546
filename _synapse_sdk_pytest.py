"""The pytest plugin of the SDK: the fixture `synapse_agent`. `docs/testing.md` says what it does.

Every pytest of an environment with the SDK imports this module, whether or not a test uses the SDK. So it lies beside
the package, whose import takes longer than that of pytest, and imports it only when a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from synapse_sdk.testing import ScriptedAgent


@pytest.fixture(scope="session")
def _synapse_agent_of_the_session() -> Iterator[ScriptedAgent]:
    try:
        from synapse_sdk.testing import ScriptedAgent
    except ImportError as error:
        pytest.fail(str(error), pytrace=False)
    with ScriptedAgent() as agent:
        yield agent


@pytest.fixture
def synapse_agent(_synapse_agent_of_the_session: ScriptedAgent) -> Iterator[ScriptedAgent]:
    """A Synapse agent whose containers are what the test says: a `synapse_sdk.testing.ScriptedAgent`."""
    # The agent itself starts once a session, since a start and a stop take a hundred times as long as to be as new.
    agent = _synapse_agent_of_the_session
    yield agent
    violations = [*agent.violations]
    agent.renew()
    if violations:
        pytest.fail("\n".join(["The agent's answers were not as the contract says:", *violations]), pytrace=False)
