"""Every call of the SDK, on its way to a local agent through Prism, which holds both sides to the contract."""

from __future__ import annotations

import re
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from synapse_sdk import AgentClient
from synapse_sdk.contract import contract_path
from synapse_sdk.exceptions import AuthenticationError, NotFoundError, ServerError, ValidationError
from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.contract import Contract
from synapse_sdk.local_agent.handlers import Handlers
from tests.kinds import KINDS
from tests.local_agent.support import TOKEN, make_release, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.prism

NODE_TOOL = Path(__file__).parents[1] / "scripts" / "node-tool"
NOBODY = "0" * 64
LAST = "/no-path-of-the-contract"


class Prism:
    """Prism, as a proxy before an agent: what it says of a request is in its log.

    Attributes:
        url: Where it listens.
        log: Its lines so far; all of them, once it has ended.
    """

    def __init__(self, upstream: str) -> None:
        command = [str(NODE_TOOL), "prism", "proxy", str(contract_path()), upstream, "--errors", "--port", "0"]
        self.log: list[str] = []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url = next((found[1] for line in self.lines() if (found := re.search("listening on (http.+)", line))), "")
        self._rest = threading.Thread(target=lambda: list(self.lines()))
        self._rest.start()

    def lines(self) -> Iterator[str]:
        assert self.process.stdout
        for line in self.process.stdout:
            self.log.append(line.rstrip())
            yield line.rstrip()

    def end(self) -> None:
        # It logs later than it answers, and in order: what it says of a last request comes after all else.
        if self.url:
            httpx.get(self.url + LAST)
            wait_until(lambda: any(LAST in line for line in self.log))
        self.process.terminate()
        self._rest.join()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def faults(self) -> list[str]:
        """What it found wrong, and whatever else is not told as information."""
        return [line for line in self.log if LAST not in line and not re.search(" (awaiting|start|info) ", line)]

    def forwarded(self) -> set[str]:
        """The operations whose requests it passed on to the agent."""
        forwarding = re.compile(r'Forwarding "(\w+)" request to http://[^/]+([^?]+?)(\?.*)?\.\.\.')
        return {
            operation.id
            for operation in Contract.load(contract_path()).operations
            for one in filter(None, map(forwarding.search, self.log))
            if one[1].upper() == operation.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), one[2])
        }


@contextmanager
def before(agent: LocalAgent) -> Iterator[Prism]:
    prism = Prism(agent.url)
    try:
        assert prism.url, prism.log
        yield prism
    finally:
        prism.end()


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAgent]:
    plugins = tmp_path_factory.mktemp("plugins")
    make_release(plugins)
    make_release(plugins, "raise SystemExit('no model')", "broken@1.0")
    # Its answers are Prism's to check.
    with LocalAgent(plugins, token=TOKEN, stop_grace=5) as agent:
        yield agent


def use(client: AgentClient) -> None:
    """Make every call."""
    assert client.health_check()["status"] == "ok"
    container = client.create_docker_container(
        "sample@1.0", params={"a": [1, None]}, envs={"DEBUG": "1"}, metadata={"b": {}}, labels=["c"]
    )
    docker_id, record = container["docker_id"], container["record_id"]
    assert record
    client.create_docker_container("sample@1.0")
    assert container in client.list_docker_containers()
    assert client.get_docker_container(docker_id[:12]) == container
    assert client.get_docker_container_logs(docker_id) == client.get_docker_container_logs(docker_id, tail=3) == ""
    assert not client.stop_docker_container(docker_id)["running"]
    assert client.start_docker_container(docker_id)["running"]
    assert client.wait_for_container(docker_id)["status"] == "running"

    assert client.get_container(record)["docker_id"] == docker_id
    assert client.list_containers({"docker_id": docker_id, "status": "running"})["count"] == 1
    assert client.list_containers({"page": 1, "page_size": 1})["next"]
    rows, count = client.list_containers({"plugin_release": "sample@1.0"}, list_all=True)
    assert count == len(rows) == len(list(client.iter_containers({"plugin_release": "sample@1.0", "page_size": 1})))
    assert client.update_container(record, "unhealthy")["status"] == "unhealthy"
    client.delete_docker_container(docker_id)
    client.delete_container(record)


def fail(client: AgentClient) -> None:
    """Make every call that names something with what is not there, and some that the agent refuses."""
    of_container: list[Callable[[str], object]] = [
        client.get_docker_container,
        client.stop_docker_container,
        client.start_docker_container,
        client.get_docker_container_logs,
        client.delete_docker_container,
    ]
    for call in of_container:
        with pytest.raises(NotFoundError) as not_found:
            call(NOBODY)
        assert not_found.value.detail == f"There is no container {NOBODY}."
    for call_record in (
        client.get_container,
        client.delete_container,
        lambda number: client.update_container(number, "x"),
    ):
        with pytest.raises(NotFoundError) as not_found:
            call_record(999)
        assert not_found.value.detail == "There is no record 999."
    with pytest.raises(NotFoundError, match=r"There is no plugin release other@1\.0"):
        client.create_docker_container("other@1.0")
    with pytest.raises(ValidationError, match="no model"):
        client.create_docker_container("broken@1.0")
    with pytest.raises(ValidationError, match="an environment variable must have a name"):
        client.create_docker_container("sample@1.0", envs={"": "x"})


def test_no_call_of_a_client_and_no_answer_of_the_agent_breaks_the_contract(agent: LocalAgent) -> None:
    with before(agent) as prism:
        for connect in KINDS.values():
            with connect(prism.url, TOKEN, user_token="u", tenant="t") as client:
                use(client)
                fail(client)
            with connect(prism.url, "wrong") as stranger, pytest.raises(AuthenticationError) as refused:
                stranger.list_docker_containers()
            assert refused.value.detail == "The token is missing or wrong."
    assert prism.faults() == []
    assert prism.forwarded() == {operation.id for operation in Contract.load(contract_path()).operations}


def test_what_breaks_the_contract_would_be_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Handlers, "get_container", lambda *_: {"id": "one"})
    with LocalAgent(tmp_path, token=TOKEN) as agent, before(agent) as prism:
        asked = httpx.get(f"{prism.url}/containers/", params={"page": 0}, headers={"Authorization": TOKEN})
        assert (asked.status_code, asked.headers["Content-Type"]) == (422, "application/problem+json")
        with AgentClient(prism.url, TOKEN, retries=0) as client, pytest.raises(ServerError, match="not valid"):
            client.get_container(1)
    assert len(prism.faults()) == 2
    assert prism.forwarded() == {"get_container"}
