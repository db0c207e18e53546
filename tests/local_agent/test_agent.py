"""The agent in a Python program: how it is started, and what it refuses."""

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn

import synapse_sdk.local_agent
from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.contract import ContractError
from synapse_sdk.local_agent.engines import ProcessEngine
from tests.local_agent.support import Api, make_release


def test_it_listens_while_the_block_runs(plugins: Path) -> None:
    agent = LocalAgent(plugins, token="mine")
    assert (agent.url, repr(agent)) == ("", "LocalAgent(not started)")
    with agent:
        assert repr(agent) == f"LocalAgent({agent.url})"
        assert agent.url.startswith("http://127.0.0.1:")
        url = agent.url
        assert httpx.get(f"{url}/containers/", headers={"Authorization": "mine"}).json()["count"] == 0
    assert agent.url == ""
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_it_starts_in_well_under_a_second(plugins: Path) -> None:
    with LocalAgent(plugins):
        pass  # the first of a process imports more
    began, worked = time.monotonic(), time.process_time()
    with LocalAgent(plugins):
        # Without what others take of the processor meanwhile; and no long wait is in it.
        assert time.process_time() - worked < 1
        assert time.monotonic() - began < 10


def test_it_makes_a_token_of_its_own(plugins: Path) -> None:
    one, two = LocalAgent(plugins), LocalAgent(plugins)
    assert one.token
    assert len(one.token) >= 32
    assert one.token != two.token
    assert one.token not in repr(one)


def test_it_can_be_started_again(plugins: Path) -> None:
    agent = LocalAgent(plugins, auth=False)
    for _ in range(2):
        with agent:
            assert httpx.get(f"{agent.url}/containers/").json()["count"] == 0
            with pytest.raises(RuntimeError, match="runs already"):
                agent.start()
    agent.stop()


def test_several_run_side_by_side(plugins: Path) -> None:
    make_release(plugins)

    def use(number: int) -> list[int]:
        with LocalAgent(plugins, auth=False) as agent, Api(base_url=agent.url) as api:
            for _ in range(number):
                api.create()
            return [record["id"] for record in api.records()]

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(use, [1, 2, 3])) == [[1], [2, 1], [3, 2, 1]]


def test_it_leaves_no_thread_behind(plugins: Path) -> None:
    make_release(plugins)
    before = set(threading.enumerate())
    with LocalAgent(plugins, auth=False) as agent, Api(base_url=agent.url) as api:
        api.create()
    late = [thread for thread in set(threading.enumerate()) - before if "AnyIO" not in thread.name]
    for thread in late:
        thread.join(5)
    assert not any(thread.is_alive() for thread in late)


def test_it_takes_an_engine_that_is_ready(plugins: Path) -> None:
    make_release(plugins)
    engine = ProcessEngine()
    with LocalAgent(plugins, auth=False, engine=engine) as agent, Api(base_url=agent.url) as api:
        created = api.create()
        assert [container.id for container in engine.list()] == [created["id"]]
    assert engine.list() == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_an_address_of_this_machine_may_be_open_to_all(plugins: Path, host: str) -> None:
    if host == "::1":
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"this machine has no address ::1: {error}")
    with LocalAgent(plugins, auth=False, host=host) as agent:
        assert httpx.get(f"{agent.url}/containers/").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])  # noqa: S104
def test_no_other_address_may(plugins: Path, host: str) -> None:
    with pytest.raises(ValueError, match=f"listens on this machine alone, not on {host}"):
        LocalAgent(plugins, auth=False, host=host)


@pytest.mark.parametrize("token", ["", "a b", "é", "a\n", " a"])
def test_a_token_that_no_header_can_hold_is_refused(plugins: Path, token: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        LocalAgent(plugins, token=token)


def test_an_unknown_engine_is_refused(plugins: Path) -> None:
    with pytest.raises(ValueError, match=r"There is no engine steam\. There is auto, docker, process\."):
        LocalAgent(plugins, engine="steam")


def test_a_start_that_fails_leaves_nothing_open(plugins: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        LocalAgent(plugins, port=other.getsockname()[1]).start()
    with pytest.raises(NotADirectoryError):
        LocalAgent(tmp_path / "nowhere").start()
    with pytest.raises(ContractError):
        LocalAgent(plugins, contract=tmp_path / "nowhere.yaml").start()


def test_a_server_that_does_not_start_is_an_error(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uvicorn.Server, "run", lambda *_: None)
    with pytest.raises(RuntimeError, match="did not start"):
        LocalAgent(plugins).start()


def test_without_the_extra_the_import_says_how_to_install_it() -> None:
    program = "import sys; sys.modules['starlette'] = None; from synapse_sdk.local_agent import LocalAgent"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: The local agent needs starlette" in done.stderr
    assert "pip install 'synapse-sdk[local-agent]'" in done.stderr


@pytest.mark.parametrize(("missing", "expected"), [("yaml", "pip install"), ("something_else", "something_else")])
def test_another_missing_module_is_not_hidden(monkeypatch: pytest.MonkeyPatch, missing: str, expected: str) -> None:
    class Finder:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "synapse_sdk.local_agent.agent":
                raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    monkeypatch.delitem(sys.modules, "synapse_sdk.local_agent.agent")
    with pytest.raises(ImportError, match=expected):
        synapse_sdk.local_agent.LocalAgent  # noqa: B018 - asked for, it is imported


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'RemoteAgent'"):
        synapse_sdk.local_agent.RemoteAgent  # noqa: B018 - asked for
