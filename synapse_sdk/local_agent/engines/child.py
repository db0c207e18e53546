"""Child processes, each the leader of a session of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from synapse_sdk.local_agent.engines import reaper

_KEPT_OUTPUT = 256 * 1024
_CHUNK = 64 * 1024

# A child waits until the reaper knows it, so that there is no moment in which an agent that is killed leaves one
# behind. A shell would do the same, but drops the environment variables whose names it cannot use.
_GATE = """
import os, sys
if os.read(0, 1):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.execv(sys.argv[1], sys.argv[1:])
"""


class Reaper:
    """The agent's side of `reaper.py`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", str(Path(reaper.__file__))],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def add(self, group: int) -> None:
        """Have the group killed if the agent goes away."""
        self._tell(f"+{group}\n")

    def discard(self, group: int) -> None:
        """Leave the group alone: it has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End the reaper, which kills the groups that it knows still."""
        with self._lock:
            assert self._process.stdin is not None  # noqa: S101 - asked for above
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock:
            assert self._process.stdin is not None  # noqa: S101 - asked for above
            # Without the reaper all is well until the agent is killed too.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


class Output:
    """The end of what a program has written, however much that was."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def append(self, chunk: bytes) -> None:
        """Take what was written next."""
        self._kept += chunk
        if len(self._kept) > 2 * _KEPT_OUTPUT:
            del self._kept[:-_KEPT_OUTPUT]

    def text(self) -> str:
        """Return it, with what is not UTF-8 replaced."""
        return bytes(self._kept[-_KEPT_OUTPUT:]).decode(errors="replace")


class Child:
    """A program that runs in a session of its own.

    Its life is the life of its first process: when that ends, so does every other process of its group.

    Attributes:
        exited: Set when it has ended.

    Args:
        argv: The program and its arguments.
        cwd: Its working directory.
        env: Its environment, the whole of it.
        output: What takes what it writes to standard output and standard error.
        reaper: Who ends it if the agent is killed.
        ended: Called, in another thread, when it has ended, before `exited` is set.

    Raises:
        OSError: If it cannot be started.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        output: Output,
        reaper: Reaper,
        ended: Callable[["Child"], None],
    ) -> None:
        self.exited = threading.Event()
        self._ended = ended
        self._reaper = reaper
        self._lock = threading.Lock()
        self._output = output
        ours, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - running the release's program is what this is for
                [sys.executable, "-I", "-S", "-c", _GATE, *argv],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=theirs,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        reaper.add(self.pid)
        reading = threading.Thread(target=self._read, args=(ours,), name=f"output-{self.pid}", daemon=True)
        reading.start()
        threading.Thread(target=self._wait, args=(reading,), name=f"wait-{self.pid}", daemon=True).start()
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    @property
    def pid(self) -> int:
        """The id of the first process, of its group and of its session."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What it ended with, negative for a signal; None before that."""
        return self._process.returncode

    def signal(self, number: int) -> None:
        """Send a signal to the whole group, unless it has ended."""
        with self._lock:
            if self._process.returncode is None:
                # The first process is not reaped, so its id cannot have become another's.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, number)

    def end(self, grace: float) -> None:
        """End the whole group: ask, wait for `grace` seconds, then kill."""
        self.signal(signal.SIGTERM)
        if not self.exited.wait(grace):
            self.signal(signal.SIGKILL)
            self.exited.wait()

    def _wait(self, reading: threading.Thread) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        self.signal(signal.SIGKILL)
        # In this order, because once it is reaped its id may become another's.
        self._reaper.discard(self.pid)
        with self._lock:
            self._process.wait()
        # A process that left the group may hold the output open for ever.
        reading.join(timeout=1)
        try:
            self._ended(self)
        finally:
            self.exited.set()

    def _read(self, descriptor: int) -> None:
        with open(descriptor, "rb", buffering=0) as output:
            while chunk := output.read(_CHUNK):
                self._output.append(chunk)
