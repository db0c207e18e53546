"""A Docker Engine that a test may end."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker

from tests.local_agent.support import wait_until


class Dockerd:
    """An engine beside the one that all tests share.

    Attributes:
        host: Where it listens.
        pid: Its pid.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self.start()

    def start(self) -> None:
        """Start it, also once more, and return when it answers."""
        command = [os.environ["SYNAPSE_TEST_DOCKERD_START"], str(self._number)]
        folder = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        self.host = f"unix://{folder}/socket"
        self._group = "/".join(Path(folder).parts[-2:])
        self.pid = int(Path(folder, "pid").read_text())

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, and return when it has ended."""
        os.kill(self.pid, number)
        wait_until(lambda: not self.runs)

    def clear(self, client: docker.DockerClient) -> None:
        """Remove every container, and end what runs in none.

        An engine that was killed may forget a container whose program goes on, and has the address that the next gets.
        """
        for left in client.containers.list(all=True):
            left.remove(force=True)
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not list(self._pids()))

    def _pids(self) -> Iterator[int]:
        """The processes of its containers."""
        for pattern in (self._group, f"*/{self._group}"):  # cgroup v2, v1
            for group in Path("/sys/fs/cgroup").glob(pattern):
                for processes in group.glob("**/cgroup.procs"):
                    with suppress(OSError):
                        yield from map(int, processes.read_text().split())

    @property
    def runs(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()
