"""Free ports of 127.0.0.1, and who listens on them."""

import enum
import re
import socket
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

HOST = "127.0.0.1"

_PROC = Path("/proc")
_LISTEN = "0A"
_DROPPED_WITHIN = 0.25


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
    for columns in _listening(table, port):
        yield columns[9]


def _listening(table: str, port: int) -> Iterator[Sequence[str]]:
    for line in table.splitlines()[1:]:
        columns = line.split()
        if columns[3] == _LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
            yield columns


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


def listens_inside(pid: int, container_id: str, port: int) -> bool | None:
    """Return whether a program of a container accepts connections from outside it, or None where that cannot be seen.

    A connection to a published port says nothing: Docker accepts it before it asks the container.

    Args:
        pid: A process of the container.
        container_id: The container, which that process must be of: a daemon elsewhere counts processes of its own.
        port: The port, within the container.
    """
    process = _PROC / str(pid)
    try:
        if container_id not in (process / "cgroup").read_text():
            return None
        tables = [(process / "net" / name).read_text() for name in ("tcp", "tcp6") if (process / "net" / name).exists()]
    except OSError:
        return None
    return any(not _is_loopback(address) for table in tables for address in listening_addresses(table, port))


def is_answered(port: int) -> bool:
    """Return whether what accepts connections on a port of this machine does not drop them at once."""
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.settimeout(_DROPPED_WITHIN)
            return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def listening_addresses(table: str, port: int) -> Iterator[str]:
    """Return the addresses on which sockets listen on a port, in the digits of `/proc/net/tcp`, whose text is given."""
    for columns in _listening(table, port):
        yield columns[1].rpartition(":")[0]


def _is_loopback(address: str) -> bool:
    # Four bytes a group, the lowest first.
    return address.endswith("7F") if len(address) == 8 else address == f"{0:024X}01000000"
