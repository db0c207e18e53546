"""An agent that answers at once, or after a delay, from bytes that are ready: what is measured is the client.

It is a process of its own, so that its work is on nobody's account. It ends when its standard input does, which is
when the program that started it ends, however that comes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The container that the benchmarks ask for.
CONTAINER_ID = "4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9"

#: How many containers the host has.
CONTAINERS = 1000

_LONGEST_LIFE = 1800

_DOCKER_CONTAINER = {
    "id": CONTAINER_ID,
    "docker_id": CONTAINER_ID,
    "status": "running",
    "running": True,
    "endpoint": "http://127.0.0.1:49153",
    "plugin_release": "ocr@2.0.0",
    "created_at": "2026-02-17T09:30:00.1234Z",
}

_RECORD = {
    "docker_id": CONTAINER_ID,
    "plugin_release": "ocr_processor@2.0.0",
    "status": "running",
    "endpoint": "http://127.0.0.1:49153",
    "host_port": 49153,
    "params": {"format": "pdf"},
    "metadata": {"created_by": "automation"},
    "labels": ["production", "ml-model"],
    "created_at": "2026-02-17T09:30:00.120000Z",
    "updated_at": "2026-02-17T09:30:04.480000Z",
}


@contextmanager
def serve(*, delay: float = 0.0, rows: int = CONTAINERS, page_size: int = CONTAINERS) -> Iterator[str]:
    """Run the server for the length of a `with` block, which gets its URL.

    Args:
        delay: How long after a request its answer comes, in seconds. Requests do not wait for each other.
        rows: How many records the agent has.
        page_size: How many of them a page holds where the request does not say.
    """
    options = ("--delay", delay, "--rows", rows, "--page-size", page_size)
    command = [sys.executable, "-m", "benchmarks.server", *map(str, options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise TypeError("a server without pipes")
        yield process.stdout.readline().strip()
        process.stdin.close()


class Agent:
    """What is answered.

    Args:
        delay: How long after a request its answer comes, in seconds.
        rows: How many records there are.
        page_size: How many of them a page holds where the request does not say.
    """

    def __init__(self, delay: float, rows: int, page_size: int) -> None:
        self.delay = delay
        self.url = ""
        self._rows = rows
        self._page_size = page_size
        self._created = _answer("201 Created", json.dumps(_DOCKER_CONTAINER).encode())
        self._container = _answer("200 OK", json.dumps(_DOCKER_CONTAINER).encode())
        self._containers = _answer("200 OK", _array(json.dumps(_DOCKER_CONTAINER).encode() for _ in range(CONTAINERS)))
        self.answer = cache(self._answer)

    def _answer(self, method: bytes, target: str) -> bytes:
        parts = urlsplit(target)
        if method == b"POST":
            return self._created
        if parts.path == "/containers/docker/":
            return self._containers
        if parts.path.startswith("/containers/docker/"):
            return self._container
        query = parse_qs(parts.query)
        size = int(query.get("page_size", [str(self._page_size)])[0])
        return self._page(int(query.get("page", ["1"])[0]), size)

    def _page(self, number: int, size: int) -> bytes:
        def url(page: int) -> str:
            return json.dumps(f"{self.url}/containers/?page={page}&page_size={size}")

        ids = range((number - 1) * size + 1, min(number * size, self._rows) + 1)
        record = json.dumps(_RECORD)[1:].encode()
        following = url(number + 1) if number * size < self._rows else "null"
        previous = url(number - 1) if number > 1 else "null"
        head = f'{{"count": {self._rows}, "next": {following}, "previous": {previous}, "results": '
        return _answer("200 OK", head.encode() + _array(b'{"id": %d, %s' % (id_, record) for id_ in ids) + b"}")


def _array(items: Iterator[bytes]) -> bytes:
    return b"[" + b", ".join(items) + b"]"


def _answer(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\n"
        "date: Tue, 17 Feb 2026 09:30:05 GMT\r\n"
        "server: benchmarks\r\n"
        f"content-length: {len(body)}\r\n"
        "content-type: application/json\r\n\r\n"
    )
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One client's connection, which stays open.

    Args:
        agent: What is answered.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of where answers go."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, length = self._buffer[:end].lower(), 0
            if (at := head.find(b"\r\ncontent-length:")) >= 0:
                length = int(head[at + 17 :].split(b"\r\n", 1)[0])
            if len(self._buffer) < end + 4 + length:
                return
            method, target, _ = self._buffer.split(b" ", 2)
            self._buffer = self._buffer[end + 4 + length :]
            answer = self._agent.answer(method, target.decode())
            if self._agent.delay:
                asyncio.get_running_loop().call_later(self._agent.delay, self._transport.write, answer)
            else:
                self._transport.write(answer)


async def _serve(agent: Agent) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sys.stdin, over.set)
    # Nobody's thousand connections are to wait for a place in the queue, or be too many.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 65536)), hard))
    server = await loop.create_server(lambda: Connection(agent), "127.0.0.1", 0, backlog=4096)
    agent.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(agent.url, flush=True)
    await over.wait()


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--page-size", type=int, required=True)
    options = parser.parse_args()
    signal.alarm(_LONGEST_LIFE)
    asyncio.run(_serve(Agent(options.delay, options.rows, options.page_size)))


if __name__ == "__main__":
    main()
