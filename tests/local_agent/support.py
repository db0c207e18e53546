"""What the tests of the local agent share: releases made for a test, and a way to wait for what must happen."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

TOKEN = "a-token"
EXAMPLES = Path(__file__).parents[2] / "examples" / "plugins"

LISTENS = """
    import os, socket
    address = os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])
    server = socket.create_server(address)
    while True:
        server.accept()[0].close()
"""

TELLS = """
    import json, os, socket, sys
    address = os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])
    server = socket.create_server(address)
    body = json.dumps({"env": dict(os.environ), "cwd": os.getcwd(), "pid": os.getpid(), "stdin": sys.stdin.read()})
    while True:
        connection = server.accept()[0]
        connection.recv(65536)
        connection.sendall(f"HTTP/1.0 200 OK\\r\\n\\r\\n{body}".encode())
        connection.close()
"""

OBEYS = """
    import json, os, signal, socket, subprocess, sys, time
    address = os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])
    server = socket.create_server(address)
    while True:
        with server.accept()[0] as connection:
            if wanted := connection.recv(65536):
                connection.sendall(json.dumps(eval(wanted)).encode())
"""

SLEEPS = "import time; print('here', flush=True); time.sleep(600)"


def make_release(
    plugins: Path, program: str | None = LISTENS, name: str = "sample@1.0", config: str | None = None
) -> str:
    """Make a release that runs a program, and return its name."""
    code, _, version = name.partition("@")
    folder = plugins / name
    (folder / "plugin").mkdir(parents=True)
    if config is None:
        config = f"code: {code}\nversion: '{version}'\nactions: {{run: {{entrypoint: plugin.main.app}}}}\n"
    (folder / "config.yaml").write_text(config)
    if program is not None:
        (folder / "plugin" / "main.py").write_text(dedent(program))
    return name


def ask(container: dict[str, Any], expression: str) -> Any:
    """What the program OBEYS makes of an expression of Python; None if it ends over it."""
    host, port = container["endpoint"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(expression.encode())
        answer = b""
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
    return json.loads(answer or b"null")


def wait_until(found: Callable[[], T], timeout: float = 60) -> T:
    """Return what `found` returns as soon as that is true."""
    deadline = time.monotonic() + timeout
    while not (result := found()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
    return result


def ended(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def children_of(pid: int) -> list[int]:
    """The processes, dead or alive, whose parent is the given one."""
    return [child for child, fields in _processes() if int(fields[1]) == pid]


def sessions() -> list[tuple[int, int]]:
    """The session of each process that lives."""
    return [(pid, int(fields[3])) for pid, fields in _processes() if fields[0] not in "ZX"]


def _processes() -> Iterator[tuple[int, list[str]]]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield int(path.parent.name), path.read_text().rpartition(")")[2].split()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


class Api(httpx.Client):
    """A plain HTTP client with a word for each thing that the tests do often.

    It waits as long as a create may take on a busy machine, and asks no proxy.
    """

    def __init__(self, *, timeout: float = 100, **options: Any) -> None:
        super().__init__(timeout=timeout, trust_env=False, **options)

    def create(self, release: str = "sample@1.0", **fields: Any) -> dict[str, Any]:
        response = self.post("/containers/docker/", json={"plugin_release": release, **fields})
        assert response.status_code == 201, response.text
        created: dict[str, Any] = response.json()
        return created

    def container(self, container_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/containers/docker/{container_id}").raise_for_status().json()
        return found

    def record(self, record_id: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/containers/{record_id}").raise_for_status().json()
        return found

    def containers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/containers/docker/").raise_for_status().json()
        return found

    def stop(self, container_id: str) -> dict[str, Any]:
        stopped: dict[str, Any] = self.post(f"/containers/docker/{container_id}/stop/").raise_for_status().json()
        return stopped

    def start(self, container_id: str) -> dict[str, Any]:
        started: dict[str, Any] = self.post(f"/containers/docker/{container_id}/start/").raise_for_status().json()
        return started

    def logs(self, container_id: str, **query: Any) -> str:
        response = self.get(f"/containers/docker/{container_id}/logs/", params=query).raise_for_status()
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        return response.text

    def records(self, **filters: Any) -> list[dict[str, Any]]:
        page = self.get("/containers/", params=filters).raise_for_status().json()
        found: list[dict[str, Any]] = page["results"]
        return found


def errors_of(response: httpx.Response) -> list[tuple[str, list[Any]]]:
    """The types and places of a 422's field errors."""
    assert response.status_code == 422, response.text
    return [(error["type"], error["loc"]) for error in response.json()["detail"]]
