"""The agent for tests, without pytest."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

import synapse_sdk.testing
from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.testing import ScriptedAgent


def test_it_is_a_local_agent_that_listens_while_the_block_runs() -> None:
    agent = ScriptedAgent()
    assert isinstance(agent, LocalAgent)
    assert repr(agent) == "ScriptedAgent(not started)"
    with agent:
        assert repr(agent) == f"ScriptedAgent({agent.url})"
        assert agent.token not in repr(agent)
        url = agent.url
        assert agent.client.list_docker_containers() == []
        client = agent.client
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    with pytest.raises(RuntimeError, match="is closed"):
        client.list_docker_containers()


def test_one_that_does_not_run_says_so() -> None:
    agent = ScriptedAgent()
    for use in (
        lambda: agent.client,
        agent.async_client,
        lambda: agent.requests,
        lambda: agent.releases,
        agent.add_container,
        agent.reset,
        agent.renew,
    ):
        with pytest.raises(RuntimeError, match=r"The agent does not run\."):
            use()
    agent.stop()


def test_it_can_be_started_again_and_is_empty_then() -> None:
    agent = ScriptedAgent()
    for _ in range(2):
        with agent:
            assert agent.add_container()["record_id"] == 1
            assert len(agent.client.list_docker_containers()) == 1


def test_several_run_side_by_side() -> None:
    def use(number: int) -> int:
        with ScriptedAgent() as agent:
            for _ in range(number):
                agent.client.create_docker_container("sample@1.0.0")
            return len(agent.requests) * len(agent.client.list_docker_containers())

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(use, [1, 2, 3])) == [1, 4, 9]


def test_its_own_client_goes_by_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ScriptedAgent() as agent:
        assert agent.client.health_check()["status"] == "ok"


PROGRAM = """
import gc, threading
from synapse_sdk.testing import ScriptedAgent
with ScriptedAgent() as agent:
    agent.add_container()
    agent.client.create_docker_container("sample@1.0.0")
    agent.renew()
    agent.client.list_containers()
gc.collect()
for thread in set(threading.enumerate()) - {threading.main_thread()}:
    thread.join(10)
    assert not thread.is_alive(), thread
"""


def test_it_leaves_no_socket_no_database_and_no_thread_behind() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_the_import_says_how_to_install_it() -> None:
    program = "import sys; sys.modules['starlette'] = None; from synapse_sdk.testing import ScriptedAgent"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: The agent for tests needs starlette" in done.stderr
    assert "pip install 'synapse-sdk[testing]'" in done.stderr


def test_another_missing_module_is_not_hidden() -> None:
    program = (
        "import sys; sys.modules['synapse_sdk.local_agent.agent'] = None; from synapse_sdk.testing import SeenRequest"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError" in done.stderr.splitlines()[-1]
    assert "pip install" not in done.stderr


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'RemoteAgent'"):
        synapse_sdk.testing.RemoteAgent  # noqa: B018 - asked for
