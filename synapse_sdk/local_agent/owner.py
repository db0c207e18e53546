"""Which agent answers for a record, and whether that agent is still there.

A process engine's containers live and die with one agent, but a database may be shared by several, so each record of a
live container names its agent's process.
"""

import os
import socket
import uuid
from pathlib import Path


def this_agent() -> str:
    """Return a name for one agent in this process, which no other agent has or will have."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid)}/{uuid.uuid4().hex}"


def is_gone(owner: str) -> bool:
    """Return whether an agent's process has ended, as far as can be known: another host's never has."""
    host, pid, started, _ = owner.rsplit("/", 3)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process was started, in the system's own units, or "" if there is none of that id."""
    try:
        # The name, in parentheses, may hold anything; the time of the start is the 20th field after it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return _exists(pid)


def _exists(pid: int) -> str:
    """Return what stands for the time of the start where there is no `/proc`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "there"
