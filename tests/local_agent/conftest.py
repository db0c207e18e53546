from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_sdk.local_agent import LocalAgent
from tests.local_agent.support import TOKEN, Api


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A folder for the releases of one test."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
def agent(plugins: Path) -> Iterator[LocalAgent]:
    """An agent whose answers are all checked against the contract."""
    with LocalAgent(plugins, token=TOKEN, start_timeout=10, stop_grace=5, validate_responses=True) as agent:
        yield agent
    assert agent.violations == []


@pytest.fixture
def api(agent: LocalAgent) -> Iterator[Api]:
    with Api(base_url=agent.url, headers={"Authorization": TOKEN}, timeout=30) as api:
        yield api
