"""Every kind of client and a local agent, together: a container from its making to its removal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from synapse_sdk import __version__
from synapse_sdk.exceptions import ContainerEndedError, NotFoundError, ValidationError
from synapse_sdk.local_agent import LocalAgent
from tests.clients.test_life import CallInThread
from tests.kinds import KINDS
from tests.local_agent.support import make_release, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from synapse_sdk import AgentClient

# Says three things, and ends when it is asked to (`/`) or told to (`/end`); with the parameter `gate` it listens only
# once there is a file of that name.
PROGRAM = """
    import json, os, signal, sys, time
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from pathlib import Path

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")
            if self.path == "/end":
                print("told to end", flush=True)
                os._exit(3)

        def log_message(self, *_):
            pass

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    gate = json.loads(os.environ["PLUGIN_PARAMS"]).get("gate")
    while gate and not Path(gate).exists():
        time.sleep(0.01)
    server = HTTPServer((os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])), Handler)
    print("loading \\N{HOT BEVERAGE}", flush=True)
    print("a warning", file=sys.stderr, flush=True)
    print("ready", flush=True)
    server.serve_forever()
"""

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[LocalAgent]:
    plugins = tmp_path / "plugins"
    make_release(plugins, PROGRAM, "program@1.0")
    with LocalAgent(plugins=plugins, validate_responses=True) as agent:
        yield agent
        assert agent.violations == []


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest, agent: LocalAgent) -> Iterator[AgentClient]:
    with KINDS[request.param](agent.url, agent.token) as client:
        yield client


def number(client: AgentClient, docker_id: str) -> int:
    """Return the number of a container's record."""
    found = client.get_docker_container(docker_id)["record_id"]
    assert found is not None
    return found


def test_a_container_is_stopped_and_started_again(client: AgentClient) -> None:
    docker_id = client.create_docker_container("program@1.0")["docker_id"]
    record = number(client, docker_id)

    stopped = client.stop_docker_container(docker_id)
    assert (stopped["docker_id"], stopped["status"], stopped["running"]) == (docker_id, "exited", False)
    assert stopped["exit_code"] == 0
    assert stopped["endpoint"] is None
    assert client.get_docker_container(docker_id) == client.stop_docker_container(docker_id) == stopped
    assert client.get_container(record)["status"] == "stopped"

    started = client.start_docker_container(docker_id)
    assert (started["docker_id"], started["status"], started["running"]) == (docker_id, "running", True)
    assert httpx.get(str(started["endpoint"])).text == "here"
    assert client.get_docker_container(docker_id) == client.start_docker_container(docker_id) == started
    assert client.get_container(record)["status"] == "running"

    client.delete_docker_container(docker_id)
    for call in (client.stop_docker_container, client.start_docker_container, client.get_docker_container_logs):
        with pytest.raises(NotFoundError):
            call(docker_id)
    assert client.get_container(record)["status"] == "deleted"


def test_the_logs_are_what_the_program_has_written(client: AgentClient) -> None:
    docker_id = client.create_docker_container("program@1.0")["docker_id"]
    whole = "loading \N{HOT BEVERAGE}\na warning\nready\n"
    # It listens before it writes.
    wait_until(lambda: client.get_docker_container_logs(docker_id) == whole)
    assert client.get_docker_container_logs(docker_id, tail=2) == "a warning\nready\n"
    assert client.get_docker_container_logs(docker_id, tail=100) == whole
    assert client.get_docker_container_logs(docker_id, tail=0) == ""
    client.stop_docker_container(docker_id)
    assert client.get_docker_container_logs(docker_id, tail=1) == "ready\n"


def test_a_container_is_waited_for_while_it_is_made(client: AgentClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    making = CallInThread(lambda: client.create_docker_container("program@1.0", params={"gate": str(gate)}))
    [made] = wait_until(client.list_docker_containers)
    assert client.wait_for_container(made["docker_id"], "starting")["running"] is True
    waiting = CallInThread(lambda: client.wait_for_container(made["docker_id"], poll_interval=0.05))
    gate.touch()
    assert waiting.end().error is None
    assert making.end().error is None
    assert client.wait_for_container(made["docker_id"])["endpoint"] is not None


def test_a_wait_ends_with_the_program(client: AgentClient) -> None:
    container = client.create_docker_container("program@1.0")
    docker_id = container["docker_id"]
    called = threading.Event()

    def wait() -> None:
        called.set()
        client.wait_for_container(docker_id, "paused", poll_interval=0.05)

    waiting = CallInThread(wait)
    assert called.wait(10)
    httpx.get(f"{container['endpoint']}/end")
    error = waiting.end().error
    assert isinstance(error, ContainerEndedError)
    assert (error.container["status"], error.container["exit_code"]) == ("exited", 3)
    assert "was to be 'paused', and is 'exited' with exit code 3" in str(error)
    assert client.get_docker_container_logs(docker_id, tail=1) == "told to end\n"
    assert client.wait_for_container(docker_id, "exited")["exit_code"] == 3
    # What has ended by itself can be started again.
    assert client.start_docker_container(docker_id)["running"]


def test_a_start_that_fails_says_why(client: AgentClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    docker_id = client.create_docker_container("program@1.0", params={"gate": str(gate)})["docker_id"]
    client.stop_docker_container(docker_id)
    program = tmp_path / "plugins" / "program@1.0" / "plugin" / "main.py"
    program.write_text("raise SystemExit('no more')\n")
    with pytest.raises(ValidationError, match="no more"):
        client.start_docker_container(docker_id)
    with pytest.raises(ContainerEndedError, match="with exit code 1"):
        client.wait_for_container(docker_id)


def test_the_health_of_the_agent_is_told(client: AgentClient) -> None:
    health = client.health_check()
    assert health["status"] == "ok"
    assert health["version"] == __version__
    assert (health["engine"]["name"], health["engine"]["status"]) == ("process", "ok")
    assert (health["database"]["name"], health["database"]["status"]) == ("sqlite", "ok")
