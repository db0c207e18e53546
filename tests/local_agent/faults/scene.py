"""A place where agents run containers and fail, and a way to see what is really there."""

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.engines import make_engine
from synapse_sdk.local_agent.records import Records
from tests.local_agent.docker_images import python_image
from tests.local_agent.dockerd import Dockerd
from tests.local_agent.support import Api, ended, make_release, wait_until

FIRST = "Synapse local agent listening on "
MARK = "SYNAPSE_TEST_MARK"
NEXT = "next@1.0"

# Answers each request with what the expression in its path makes.
OBEYS = """
    import http.server, json, os, signal, subprocess, sys, threading, time, urllib.parse
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            said = json.dumps(eval(urllib.parse.unquote(self.path[1:]) or "None")).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said)
        def log_message(self, *_):
            pass
    address = os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""

# Waits before it listens until it is told to go on.
WAITS = f"""
    import signal, time
    told = []
    signal.signal(signal.SIGUSR1, lambda *_: told.append(True))
    while not told: time.sleep(0.05)
    {OBEYS.strip()}
"""

# The same, in a build. Process 1 heeds a signal only if it has a handler for it.
WAITS_IN_BUILD = "trap 'exit 1' TERM; trap 'on=1' USR1; echo waits; while [ -z \"$on\" ]; do sleep 0.05; done"

_IN_PEACE = {"running", "exited", "stopped", "failed", "deleted"}

HOLDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1].removeprefix("sqlite:///").partition("?")[0], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.readline()
"""


@dataclass
class AgentProcess:
    """An agent that is a process of its own."""

    process: "subprocess.Popen[str]"
    api: Api

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def memory(self, what: str = "VmRSS") -> int:
        """What it has in memory, in megabytes; `VmHWM` is the most that it ever had."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.findall(rf"{what}:\s+(\d+)", text)[0]) // 1024

    def ends(self, number: int = signal.SIGTERM) -> float:
        """Ask it to end, and return how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        assert self.process.wait(60) == 0
        return time.monotonic() - began


class Scene:
    """An engine with no other containers than those of one test, and what its agents need.

    Args:
        kind: The engine's name.
        folder: A folder of the test's own.
        dockerd: The Docker Engine, if it is one.
    """

    def __init__(self, kind: str, folder: Path, dockerd: Dockerd | None = None) -> None:
        self.kind = kind
        self.plugins = folder / "plugins"
        self.plugins.mkdir(exist_ok=True)
        self.database = f"sqlite:///{folder / 'records.db'}"
        self.mark = uuid.uuid4().hex
        self.dockerd = dockerd
        if dockerd:
            self.client = docker.DockerClient(base_url=dockerd.host)
            dockerd.clear(self.client)
            self.base_image = python_image(self.client)
        make_release(self.plugins, OBEYS, NEXT)

    def release(self, program: str = OBEYS, build: str = "") -> str:
        """Make the release sample@1.0, which Docker builds with a command of its own."""
        name = make_release(self.plugins, program)
        if build:
            last = 'WORKDIR /plugin\nCOPY . .\nCMD ["python", "-u", "plugin/main.py"]'
            text = f"FROM {self.base_image}\nRUN {build} # {self.mark}\n{last}\n"
            (self.plugins / name / "Dockerfile").write_text(text)
        return name

    @contextmanager
    def agent(self, *, memory: str | None = None, start_timeout: float = 60, stop_grace: float = 1) -> Iterator[Api]:
        """An agent in this process, whose answers are all checked against the contract."""
        options: dict[str, Any] = {"base_image": self.base_image, "memory": memory} if self.dockerd else {}
        engine = make_engine(self.kind, start_timeout=start_timeout, stop_grace=stop_grace, **options)
        agent = LocalAgent(self.plugins, auth=False, database=self.database, engine=engine, validate_responses=True)
        with agent, Api(base_url=agent.url) as api:
            yield api
        assert agent.violations == []

    @contextmanager
    def process(self, *arguments: str) -> Iterator[AgentProcess]:
        """An agent that is a process of its own."""
        given = ["--port", "0", "--no-auth", "--engine", self.kind, "--stop-grace", "1", *arguments]
        if self.dockerd:
            given += ["--base-image", self.base_image]
        given += ["--plugins", str(self.plugins), "--database", self.database]
        command = [sys.executable, "-m", "synapse_sdk.local_agent", *given]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout
            first = process.stdout.readline()
            assert first.startswith(FIRST)
            with Api(base_url=first.removeprefix(FIRST).strip()) as api:
                yield AgentProcess(process, api)
        finally:
            process.kill()
            process.communicate()

    def create(self, api: Api, release: str = "sample@1.0") -> dict[str, Any]:
        response = self.post(api, release)
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def post(self, api: Api, release: str = "sample@1.0") -> httpx.Response:
        return api.post("/containers/docker/", json={"plugin_release": release, "envs": {MARK: self.mark}})

    def pids(self) -> list[int]:
        """Every process of the test's programs and builds, wherever it has gone."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                said = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
                if self.mark.encode() in said and not ended(int(path.name)):
                    found.append(int(path.name))
        return found

    def programs(self) -> list[int]:
        """The first processes of the programs, as this machine counts them."""
        found = []
        for pid in self.pids():
            with suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if b"python" in words[0] and words[-2].endswith(b"plugin/main.py") and b"-c" not in words:
                    found.append(pid)
        return found

    def program(self) -> int:
        """The first process of the one program that there is."""
        return wait_until(self.programs)[0]

    def waiting(self) -> int:
        """The program that waits to be told to go on, once it does."""
        return wait_until(lambda: [pid for pid in self.programs() if self._waits(pid)])[0]

    def building(self) -> int:
        """The build that waits to be told to go on, once it does."""
        return wait_until(lambda: [pid for pid in self.pids() if self._waits(pid)])[0]

    def owners(self) -> list[str]:
        """The agents that answer for a container, once for each of their records."""
        store = Records(self.database)
        found = [record.owner for owner in store.owners() for record in store.find(owner=owner) if record.owner]
        store.close()
        return found

    def real(self) -> dict[str, Any]:
        """Every container of the Docker Engine, those of builds too, by their ids."""
        found = {}
        if self.dockerd:
            for summary in self.client.api.containers(all=True):
                with suppress(docker.errors.NotFound):
                    found[summary["Id"]] = self.client.api.inspect_container(summary["Id"])
        return found

    def states(self) -> list[str]:
        """The states of those that were made, and not by a build."""
        made = [one for one in self.real().values() if "synapse.agent" in (one["Config"]["Labels"] or {})]
        return [one["State"]["Status"] for one in made]

    def wrong(self, api: Api) -> list[str]:
        """What does not agree: records, containers, programs."""
        records = api.records(page_size=100)
        shown = {container["id"]: container for container in api.containers()}
        found = [fault for record in records for fault in _wrong_with(record, shown.get(record["docker_id"]))]
        recorded = {record["docker_id"] for record in records}
        real = self.real()
        found += [f"no record has container {self._told(real[one])}" for one in real.keys() - recorded]
        if self.dockerd:
            found += [f"the agent shows {one[:12]}, which is not there" for one in shown.keys() - real.keys()]
            running = _running(real)
            found += [f"process {pid} is of no container that runs" for pid in self.pids() if not _is_in(pid, running)]
        else:
            sessions = {_session(pid) for pid in self.programs()}
            found += [f"process {pid} has no program" for pid in self.pids() if _session(pid) not in sessions]
            if len(self.programs()) != sum(container["running"] for container in shown.values()):
                found.append(f"there are the programs {self.programs()}, shown are {list(shown.values())}")
        return found

    def assert_in_order(self, api: Api) -> None:
        """Return as soon as all agrees, and then the next create works."""
        self._await_agreement(api)
        created = self.create(api, NEXT)
        assert ask(created, "2 * 3") == 6
        self._await_agreement(api)
        assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
        self._await_agreement(api)

    def _await_agreement(self, api: Api) -> None:
        last: list[str] = []

        def agrees() -> bool:
            last[:] = self.wrong(api)
            return not last

        try:
            wait_until(agrees)
        except AssertionError:
            raise AssertionError("\n".join(last)) from None

    def _waits(self, pid: int) -> bool:
        """Whether a process heeds SIGUSR1, and is of a container that Docker has noted as running.

        A Docker Engine that is killed before it has noted that forgets the container, whose process goes on.
        """
        return _heeds(pid) and (not self.dockerd or _is_in(pid, _running(self.real())))

    def _told(self, found: Any) -> str:
        return f"{found['Id'][:12]} {found['State']['Status']} {found['Config']['Cmd']}"


def ask(container: dict[str, Any], expression: str, timeout: float = 10) -> Any:
    """What a program makes of an expression."""
    return httpx.get(f"{container['endpoint']}/{expression}", timeout=timeout).json()


def _wrong_with(record: dict[str, Any], container: dict[str, Any] | None) -> Iterator[str]:
    status = record["status"]
    there = bool(container)
    runs = bool(container and container["running"])
    rules = {
        "is settled": status in _IN_PEACE,
        "runs only if it says so": runs == (status == "running"),
        "is there unless it failed or was deleted": not there if status in ("failed", "deleted") else True,
        "is there if it exited": there or status != "exited",
        "has an endpoint as long as it runs": (record["endpoint"] is not None) == runs,
        "has a port as long as it runs": (record["host_port"] is not None) == runs,
        "has the container's endpoint": not container or record["endpoint"] == container["endpoint"],
        "answers": not runs or _answers(record["endpoint"]),
        "has the container's exit code": not container or record["exit_code"] == container["exit_code"],
        "says when it ended": status not in ("exited", "stopped") or not there or bool(record["ended_at"]),
        "says why": status not in ("exited", "failed") or bool(record["status_reason"]),
        "says nothing of an end while it runs": not runs or record["status_reason"] == record["ended_at"] is None,
    }
    for rule, holds in rules.items():
        if not holds:
            yield f"record {record['id']}: {rule}: {record}, {container}"


def _answers(endpoint: str) -> bool:
    try:
        return httpx.get(endpoint).status_code == 200
    except httpx.HTTPError:
        return False


def _running(real: Mapping[str, Any]) -> list[str]:
    return [one for one in real if real[one]["State"]["Running"]]


def _is_in(pid: int, containers: Sequence[str]) -> bool:
    try:
        text = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return True  # it has ended
    return any(one in text for one in containers)


def _heeds(pid: int) -> bool:
    """Whether a process has got as far as to wait for SIGUSR1."""
    with suppress(OSError):
        found = re.findall(r"SigCgt:\s+([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text())
        return bool(int(found[0], 16) >> (signal.SIGUSR1 - 1) & 1)
    return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


@contextmanager
def locked(database: str) -> Iterator[None]:
    """Another program writes into the database, and does not come to an end."""
    command = [sys.executable, "-c", HOLDS, database]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        try:
            yield
        finally:
            other.communicate(b"\n")
