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
        self._folder = Path(folder)
        self._group = "/".join(self._folder.parts[-2:])
        self.host = f"unix://{folder}/socket"
        self.pid = int((self._folder / "pid").read_text())

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, and return when it has ended."""
        containerd = int((self._folder / "exec" / "containerd" / "containerd.pid").read_text())
        os.kill(self.pid, number)
        # One that it finds when it comes again would be waited for.
        wait_until(lambda: not _is_there(self.pid) and not _is_there(containerd))

    def clear(self, client: docker.DockerClient) -> None:
        """Remove every container, and end what runs in none.

        An engine that was killed may forget a container whose program goes on, and has the address that the next gets.
        """
        wait_until(lambda: not self._removed(client))
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not list(self._pids()))

    def _removed(self, client: docker.DockerClient) -> list[str]:
        """Remove every container, and return the ids of those that were there."""
        found = [container["Id"] for container in client.api.containers(all=True)]
        for container_id in found:
            # The engine may be removing it by itself, such as a build's.
            with suppress(docker.errors.APIError):
                client.api.remove_container(container_id, force=True)
        return found

    def _pids(self) -> Iterator[int]:
        """The processes of its containers."""
        for pattern in (self._group, f"*/{self._group}"):  # cgroup v2, v1
            for group in Path("/sys/fs/cgroup").glob(pattern):
                for folder, _, _ in os.walk(group):
                    with suppress(OSError):
                        yield from map(int, Path(folder, "cgroup.procs").read_text().split())

    @property
    def runs(self) -> bool:
        return _is_there(self.pid)


def _is_there(pid: int) -> bool:
    """Whether a process, or one of its threads, has not ended: its first thread alone may have."""
    return Path(f"/proc/{pid}").exists()
