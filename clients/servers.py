"""What the programs of the scenario talk to: a local agent, and a server that says always the same."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from clients.language import ROOT

TOKEN = "conformance-token"  # noqa: S105 - of an agent that ends with the run
_FIRST = "Synapse local agent listening on "

_UNKNOWN: dict[str, Any] = {
    "region": "eu-north",
    "gpus": [0, 1],
    "quota": {"cores": 2.5, "burst": None},
    "x-éà": True,
}
_CONTAINER = {
    "id": "0123456789ab",
    "docker_id": "0123456789ab",
    "status": "hibernating",
    "running": False,
    "name": None,
    "image": None,
    "endpoint": None,
    "plugin_release": None,
    "labels": None,
    "created_at": None,
    "record_id": None,
    "exit_code": None,
    **_UNKNOWN,
}
_RECORD = {"id": 7, "plugin_release": "my_plugin@1.0.0", "status": "hibernating", **_UNKNOWN}

_ANSWERS: Mapping[str, tuple[int, Mapping[str, str], object]] = {
    "/containers/docker/": (200, {}, [_CONTAINER]),
    "/containers/docker/0123456789ab": (429, {"Retry-After": "7"}, {"detail": "Too many requests."}),
    "/containers/": (200, {}, {"next": None, "previous": None, "results": [_RECORD], "region": "eu-north"}),
    "/containers/7": (200, {}, _RECORD),
}
# Browsers ask before they send a token, and hide from programs what is not named here.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*, Authorization",
    "Access-Control-Allow-Methods": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}


class _Scripted(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Say what stands in the script."""
        path = self.path.partition("?")[0]
        status, headers, body = _ANSWERS.get(path, (404, {}, {"detail": f"There is nothing at {path}."}))
        self._send(status, headers, json.dumps(body).encode())

    def do_OPTIONS(self) -> None:
        """Let a browser ask."""
        self._send(204, {}, b"")

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **_CORS, **headers}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def scripted_server() -> Iterator[str]:
    """Yield the URL of the scripted server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Scripted) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def agent(code: Path = ROOT) -> Iterator[str]:
    """Yield the URL of a local agent that has run nothing yet, and has the token `TOKEN`.

    Args:
        code: The folder of its code: this project's, or a copy.
    """
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        command = [sys.executable, "-m", "synapse_sdk.local_agent", "--port", "0", "--engine", "process"]
        command += ["--cors-origin", "*"]  # for programs in a browser, whose page comes from elsewhere
        command += ["--plugins", str(ROOT / "examples" / "plugins"), "--database", f"sqlite:///{folder}/records.db"]
        environment = os.environ | {"PYTHONPATH": str(code), "SYNAPSE_AGENT_TOKEN": TOKEN}
        with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            first = process.stdout.readline()
            try:
                if not first.startswith(_FIRST):
                    raise RuntimeError("the local agent did not start")
                yield first.removeprefix(_FIRST).strip()
            finally:
                process.terminate()
                process.wait()


@contextmanager
def everything(code: Path = ROOT) -> Iterator[Mapping[str, str]]:
    """Yield the environment of a program of the scenario, whose servers run meanwhile.

    Args:
        code: The folder of the agent's code.
    """
    with agent(code) as url, scripted_server() as scripted:
        yield {"SYNAPSE_AGENT_URL": url, "SYNAPSE_AGENT_TOKEN": TOKEN, "SYNAPSE_SCRIPTED_URL": scripted}
