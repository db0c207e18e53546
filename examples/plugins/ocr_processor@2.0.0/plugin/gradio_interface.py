"""Tidies lines of recognised text and lays them out, over HTTP.

It recognises nothing itself: it does what comes after recognition. POST /ocr takes lines of text, as they come from a
recogniser, and answers with a document of the format that the parameter `format` asks for (`json`, `text` or `pdf`).
The lines are tidied by as many workers as the environment variable WORKERS says. GET / describes the plugin.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from plugin.layout import as_json, as_pdf, as_text, tidy

FORMATS: dict[str, tuple[str, Callable[[Sequence[str]], bytes]]] = {
    "json": ("application/json", as_json),
    "text": ("text/plain; charset=utf-8", as_text),
    "pdf": ("application/pdf", as_pdf),
}

PARAMS: dict[str, Any] = json.loads(os.environ.get("PLUGIN_PARAMS", "{}"))
FORMAT = PARAMS.get("format", "json")
WORKERS = int(os.environ.get("WORKERS", "1"))
ADDRESS = (os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0"), int(os.environ.get("GRADIO_SERVER_PORT", "7860")))  # noqa: S104


class Handler(BaseHTTPRequestHandler):
    """Answers the requests."""

    workers: ThreadPoolExecutor

    def do_GET(self) -> None:
        description = {"plugin": "ocr_processor", "version": "2.0.0", "format": FORMAT, "workers": WORKERS}
        self._send(200, "application/json", json.dumps(description).encode())

    def do_POST(self) -> None:
        if self.path != "/ocr":
            self._send(404, "text/plain", b"Post lines of text to /ocr.\n")
            return
        length = int(self.headers.get("Content-Length", "0"))
        lines = self.rfile.read(length).decode(errors="replace").splitlines()
        tidied = [line for line in self.workers.map(tidy, lines) if line]
        content_type, lay_out = FORMATS[FORMAT]
        self._send(200, content_type, lay_out(tidied))

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


app = ThreadingHTTPServer

if __name__ == "__main__":
    if FORMAT not in FORMATS:
        sys.exit(f"The format {FORMAT!r} is none of {', '.join(FORMATS)}.")
    # The first process of a container is not ended by a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with ThreadPoolExecutor(WORKERS) as Handler.workers, app(ADDRESS, Handler) as server:
        print(f"ocr_processor listens on {ADDRESS[0]}:{ADDRESS[1]}, format {FORMAT}, {WORKERS} workers")
        server.serve_forever()
