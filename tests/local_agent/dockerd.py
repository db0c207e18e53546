"""A Docker Engine that a test may end."""

import os
import signal
import subprocess
from pathlib import Path

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
        self.pid = int(Path(folder, "pid").read_text())

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, and return when it has ended."""
        os.kill(self.pid, number)
        wait_until(lambda: not self.runs)

    @property
    def runs(self) -> bool:
        return Path(f"/proc/{self.pid}").exists()
