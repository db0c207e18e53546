from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.local_agent.support import ended, wait_until
from tests.programs import load

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SCRIPT = str(ROOT / "scripts" / "with-dockerd")

RUNS_A_CONTAINER = """
import docker, os, pathlib, signal, subprocess, sys
from tests.local_agent.docker_images import busybox_image
client = docker.from_env()
ports = {"7860/tcp": ("127.0.0.1", 0)}
client.containers.run(busybox_image(client), ["sleep", "1000"], detach=True, ports=ports, mem_limit="64m")
starter = os.environ["SYNAPSE_TEST_DOCKERD_START"]
files = "pid", "exec/containerd/containerd.pid"
pids = [int(pathlib.Path(starter).with_name("0").joinpath(file).read_text()) for file in files]
print(pathlib.Path(starter).parent.name, flush=True)
"""
KILLS_THE_ENGINE = """
os.kill(pids[0], signal.SIGKILL)
while any(os.path.exists(f"/proc/{pid}") for pid in pids): pass
"""
STARTS_IT_AGAIN = """
subprocess.run([starter], check=True)
client.ping()
"""
STARTS_ANOTHER = """
subprocess.run([starter, "1"], check=True)
"""
ENDS = """
sys.exit(7)
"""
WAITS = """
signal.pause()
"""


class Machine:
    """A network and mounts of its own, to see what is left behind in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = "mount -t tmpfs none /opt && mount -t tmpfs none /run && echo && exec sleep 1000"
        command = ["unshare", "--net", "--mount", "sh", "-c", script]
        self._holder = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._holder.stdout
        assert self._holder.stdout.readline() == b"\n"
        self._before = self._state()

    def run(self, program: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self._entering(), SCRIPT, sys.executable, "-c", program],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.folder)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def assert_as_before(self) -> None:
        # One that has ended may be in the table of the machine a little longer.
        wait_until(lambda: not self.processes())
        assert self._state() == self._before

    def processes(self) -> list[int]:
        """Those that were started with this folder's name."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.folder).encode() in path.read_bytes():
                    found.append(int(path.parent.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return [pid for pid in found if not ended(pid)]

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()

    def _entering(self) -> list[str]:
        return ["nsenter", "--net", "--mount", "--target", str(self._holder.pid)]

    def _state(self) -> str:
        script = 'ip -o link; cat /proc/sys/net/ipv4/ip_forward; grep "$0" /proc/self/mountinfo; find /opt /run "$0"'
        command = [*self._entering(), "sh", "-c", script, str(self.folder)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture
def machine() -> Iterator[Machine]:
    # Not below tmp_path: the path of a socket is short.
    folder = Path(tempfile.mkdtemp())
    machine = Machine(folder)
    yield machine
    machine.close()
    shutil.rmtree(folder)


def name_said_by(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    name = process.stdout.readline().strip()
    assert name
    return name


def groups(name: str) -> list[Path]:
    return [*Path("/sys/fs/cgroup").glob(name), *Path("/sys/fs/cgroup").glob(f"*/{name}")]


@pytest.mark.docker
@pytest.mark.parametrize(
    "program",
    [
        RUNS_A_CONTAINER + ENDS,
        RUNS_A_CONTAINER + KILLS_THE_ENGINE + ENDS,
        RUNS_A_CONTAINER + KILLS_THE_ENGINE + STARTS_IT_AGAIN + ENDS,
        RUNS_A_CONTAINER + STARTS_ANOTHER + ENDS,
    ],
    ids=["ends", "kills the engine", "kills it and starts it again", "starts another"],
)
def test_nothing_is_left_when_the_command_has_ended(machine: Machine, program: str) -> None:
    process = machine.run(program)
    name = name_said_by(process)
    process.communicate()
    assert process.returncode == 7
    machine.assert_as_before()
    assert groups(name) == []


@pytest.mark.docker
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_command_and_nothing_is_left(machine: Machine, number: signal.Signals) -> None:
    process = machine.run(RUNS_A_CONTAINER + WAITS)
    name = name_said_by(process)
    assert groups(name)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    machine.assert_as_before()
    assert groups(name) == []


@pytest.mark.docker
def test_no_process_is_left_when_it_is_killed_itself(machine: Machine) -> None:
    process = machine.run(RUNS_A_CONTAINER + WAITS)
    name = name_said_by(process)
    process.kill()
    process.communicate()
    wait_until(lambda: not machine.processes())
    # Its control groups can be removed once the container's processes have ended, too.
    load("with-dockerd").remove(machine.folder / name)
    assert groups(name) == []


@pytest.mark.docker
def test_what_an_engine_said_that_does_not_come_up_is_told(machine: Machine, tmp_path: Path) -> None:
    dockerd = tmp_path / "dockerd"
    dockerd.write_text("#!/bin/sh\necho no room for images >&2; exit 1\n")
    dockerd.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(machine.folder)}
    result = subprocess.run([SCRIPT, "true"], env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 69
    assert "no room for images" in result.stderr
    assert list(machine.folder.iterdir()) == []


def test_programs_that_are_missing_are_named_with_their_packages(tmp_path: Path) -> None:
    environment = os.environ | {"PATH": str(tmp_path)}
    command = [sys.executable, SCRIPT, "true"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 69
    [line] = result.stderr.splitlines()
    assert "dockerd" in line
    assert "docker.io" in line
