"""Which agent answers for a record, and whether that agent is still there.

A process engine's containers live and die with one agent, Docker's outlive an agent that is killed, and a database may
be shared by several, so each record of a live container names its agent's process and the engine.
"""

import os
import socket
import uuid
from pathlib import Path


def this_agent(engine: str) -> str:
    """Return a name for one agent in this process, which no other agent has or will have.

    Args:
        engine: The name of its engine.
    """
    pid = os.getpid()
    return f"{engine}@{socket.gethostname()}/{pid}/{_started(pid)}/{uuid.uuid4().hex}"


def engine_of(owner: str) -> str:
    """Return the name of an agent's engine."""
    engine, _, agent = owner.partition("@")
    return engine if agent else "process"  # there was no other when agents were not named so


def leaves_containers(owner: str) -> bool:
    """Return whether an agent's containers may go on when it is gone: processes never do."""
    return engine_of(owner) != "process"


def is_gone(owner: str) -> bool:
    """Return whether an agent's process has ended, as far as can be known: another host's never has."""
    host, *process = owner.rpartition("@")[2].rsplit("/", 3)
    if host != socket.gethostname() or len(process) != 3 or not process[0].isdecimal():
        return False  # or it is named in a way of later versions
    pid, started, _ = process
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process was started, in the system's own units, or "" if none of that id runs."""
    try:
        # The name, in parentheses, may hold anything; the state comes next, the time of the start is the 20th field.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _exists(pid)
    # One that has ended is there until its parent asks how, which some never do.
    return "" if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> str:
    """Return what stands for the time of the start where there is no `/proc`."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "there"
