"""Free ports of 127.0.0.1, and who listens on them."""

import enum
import re
import socket
from collections.abc import Container, Iterator
from pathlib import Path

HOST = "127.0.0.1"

_PROC = Path("/proc")
_LISTEN = "0A"


class Listener(enum.Enum):
    """Who listens on a port."""

    NOBODY = "nobody"
    OURS = "a process of the session asked about"
    ANOTHER = "another program"


def free_port(taken: Container[int]) -> int:
    """Return a port on which nothing listens and that is not among those `taken`."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def listener(port: int, session: int) -> Listener:
    """Return who accepts connections on a port: a process of the session, another program, or nobody.

    Where the system does not tell whose a socket is (all but Linux), whoever listens is taken for the session's.
    """
    try:
        with socket.create_connection((HOST, port), timeout=1):
            pass
    except OSError:
        return Listener.NOBODY
    tables = [_PROC / "net" / name for name in ("tcp", "tcp6")]
    inodes = {inode for table in tables if table.exists() for inode in listening_inodes(table.read_text(), port)}
    if not inodes or any(inode in inodes for inode in _inodes_of(session)):
        return Listener.OURS
    return Listener.ANOTHER


def listening_inodes(table: str, port: int) -> Iterator[str]:
    """Return the inodes of the sockets that listen on a port, from the text of `/proc/net/tcp`."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
            yield columns[9]


def _inodes_of(session: int) -> Iterator[str]:
    for process in _PROC.iterdir():
        if not process.name.isdigit():
            continue
        try:
            # The name, in parentheses, may hold anything; the session is the fourth field after it.
            if int((process / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            for descriptor in (process / "fd").iterdir():
                if match := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                    yield match[1]
        except OSError:
            continue  # it ended while it was being looked at
