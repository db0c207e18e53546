"""Counts and fingerprints text, over HTTP.

GET / answers for the text in the parameter `input`, POST / for the text in the body. With the environment variable
DEBUG=true it logs each request, and says in each answer how long it took.
"""

import hashlib
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PARAMS: dict[str, Any] = json.loads(os.environ.get("PLUGIN_PARAMS", "{}"))
DEBUG = os.environ.get("DEBUG", "").lower() in ("1", "true", "yes")
ADDRESS = (os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0"), int(os.environ.get("GRADIO_SERVER_PORT", "7860")))  # noqa: S104


def describe(text: str) -> dict[str, Any]:
    """Return a text's counts and fingerprint."""
    return {
        "input": text,
        "characters": len(text),
        "words": len(text.split()),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


class Handler(BaseHTTPRequestHandler):
    """Answers the requests."""

    def do_GET(self) -> None:
        self._answer(str(PARAMS.get("input", "")))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        self._answer(self.rfile.read(length).decode(errors="replace"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        if DEBUG:
            super().log_message(format, *args)

    def _answer(self, text: str) -> None:
        began = time.perf_counter()
        answer = {"plugin": "my_plugin", **describe(text)}
        if DEBUG:
            answer["milliseconds"] = round((time.perf_counter() - began) * 1000, 3)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


app = ThreadingHTTPServer

if __name__ == "__main__":
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Said first: as soon as the program listens, its container is there, and somebody may read its logs.
    print(f"my_plugin listens on {ADDRESS[0]}:{ADDRESS[1]}")
    with app(ADDRESS, Handler) as server:
        server.serve_forever()
