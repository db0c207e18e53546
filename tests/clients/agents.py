"""A real agent on 127.0.0.1 that keeps connections alive, records what reaches it, and answers as it is told."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from attrs import field, frozen

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

#: How long a test waits for what must come, in seconds.
PATIENCE = 20.0


@frozen
class Seen:
    """A request that arrived.

    Attributes:
        method: The HTTP method.
        path: The target as it was on the wire.
        headers: The headers, with names in lower case.
        body: The body.
        port: The client's end of the connection, which tells connections apart.
        certificate: The client's certificate, if it showed one.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    certificate: Any = None


@frozen
class Reply:
    """An answer.

    Attributes:
        value: What is sent as JSON; bytes are sent as they are.
        status: The HTTP status.
        headers: The headers.
    """

    value: Any = field(factory=list)
    status: int = 200
    headers: dict[str, str] = field(factory=dict)


class Agent:
    """Answers each connection on a thread of its own.

    Args:
        answer: Returns the answer to a request. Without it, every request is answered with an empty list.
        tls: Speaks TLS, when given.

    Attributes:
        seen: The requests that arrived, in order.
        closing: Is set at the end; an answer that waits for it is a silent agent.
    """

    def __init__(self, answer: Callable[[Seen], Reply] | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer or (lambda _seen: Reply())
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self._tls = tls
        self._arrivals = threading.Semaphore(0)
        self._server = _server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def silent(self, seen: Seen) -> Reply:
        """Answer, when the test is over."""
        del seen
        self.closing.wait(PATIENCE)
        return Reply()

    def wait_for_request(self) -> Seen:
        """Wait until one more request has arrived, and return the latest."""
        assert self._arrivals.acquire(timeout=PATIENCE), "no request arrived"
        return self.seen[-1]

    def record(self, seen: Seen) -> Reply:
        """Record a request, and return its answer."""
        self.seen.append(seen)
        self._arrivals.release()
        return self.answer(seen)

    def secure(self, connection: socket.socket) -> socket.socket:
        """Return a connection, encrypted where the agent speaks TLS."""
        return connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _server(agent: Agent) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            # A client that breaks off is what some tests are about.
            self.close_connection = True
            with suppress(OSError):
                super().handle_one_request()

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            shown = getattr(self.connection, "getpeercert", lambda: None)()
            seen = Seen(self.command, self.path, headers, body, self.client_address[1], shown or None)
            reply = agent.record(seen)
            content = reply.value if isinstance(reply.value, bytes) else json.dumps(reply.value).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            if reply.status != 204 and "Content-Length" not in reply.headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if reply.status != 204:
                self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False
        # Of many connections at once none is dropped, which would be made only a second later.
        request_queue_size = 128

        def __init__(self) -> None:
            self.connections: set[socket.socket] = set()
            super().__init__(("127.0.0.1", 0), Handler)

        def finish_request(self, request: Any, client_address: Any) -> None:
            # Here, on the connection's own thread, a handshake holds up nobody else.
            with suppress(OSError), agent.secure(request) as connection:
                self.connections.add(connection)
                if not agent.closing.is_set():
                    Handler(connection, client_address, self)
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)

        def server_close(self) -> None:
            for connection in list(self.connections):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            super().server_close()

    return Server()
