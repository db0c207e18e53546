"""A real proxy on 127.0.0.1, which records what it can read."""

from __future__ import annotations

import base64
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from attrs import frozen

if TYPE_CHECKING:
    import ssl
    from types import TracebackType


@frozen
class Asked:
    """What a client asked of the proxy.

    Attributes:
        line: The request's first line.
        headers: Its headers, with names in lower case.
    """

    line: str
    headers: dict[str, str]


class Proxy:
    """Forwards requests that name a whole URL, and opens tunnels for CONNECT.

    Args:
        user: The `user:password` that it demands, if it demands one.
        refuse: The status with which it refuses everything, if it does.
        tls: Speaks TLS to its clients, when given.
        routes: Where hosts are that no name server knows: `(host, port)` by the name and port that were asked for.

    Attributes:
        asked: What it was asked, in order.
        heard: Every byte that clients sent to it, tunnels included.
    """

    def __init__(
        self,
        *,
        user: str | None = None,
        refuse: int | None = None,
        tls: ssl.SSLContext | None = None,
        routes: dict[str, tuple[str, int]] | None = None,
    ) -> None:
        self.asked: list[Asked] = []
        self.heard = bytearray()
        self._user = user
        self._refuse = refuse
        self._tls = tls
        self._routes = routes or {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its URL."""
        return f"{'https' if self._tls else 'http'}://{self.address}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for sock in [self._listener, *self._sockets]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        # The accepting thread ends first, so that the list grows no more.
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            thread = threading.Thread(target=self._serve, args=(client,))
            thread.start()
            self._threads.append(thread)

    def _secure(self, client: socket.socket) -> socket.socket:
        if self._tls is None:
            return client
        secured = self._tls.wrap_socket(client, server_side=True)
        self._sockets.append(secured)
        return secured

    def _serve(self, accepted: socket.socket) -> None:
        with accepted, suppress(OSError), self._secure(accepted) as client:
            head = b""
            while b"\r\n\r\n" not in head:
                received = client.recv(65_536)
                if not received:
                    return
                self.heard += received
                head += received
            head, _, rest = head.partition(b"\r\n\r\n")
            line, *lines = head.decode("latin-1").split("\r\n")
            fields = [field.partition(": ") for field in lines]
            asked = Asked(line, {name.lower(): value for name, _, value in fields})
            self.asked.append(asked)
            if not self._is_welcome(asked):
                status = self._refuse or 407
                client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                return
            method, target, _ = line.split(" ")
            if method == "CONNECT":
                self._tunnel(client, target, rest)
            else:
                self._forward(client, method, target, fields, rest)

    def _is_welcome(self, asked: Asked) -> bool:
        if self._refuse is not None:
            return False
        wanted = None if self._user is None else f"Basic {base64.b64encode(self._user.encode()).decode()}"
        return wanted is None or asked.headers.get("proxy-authorization") == wanted

    def _upstream(self, netloc: str) -> socket.socket:
        host, _, port = netloc.rpartition(":")
        upstream = socket.create_connection(self._routes.get(netloc, (host, int(port or 80))), timeout=10)
        self._sockets.append(upstream)
        return upstream

    def _tunnel(self, client: socket.socket, target: str, rest: bytes) -> None:
        with self._upstream(target) as upstream:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            upstream.sendall(rest)
            back = threading.Thread(target=self._pump, args=(upstream, client))
            back.start()
            self._pump(client, upstream, listen=True)
            back.join()

    def _forward(
        self, client: socket.socket, method: str, target: str, fields: list[tuple[str, str, str]], rest: bytes
    ) -> None:
        url = urlsplit(target)
        own = {"proxy-authorization", "connection"}
        kept = [f"{name}: {value}" for name, _, value in fields if name.lower() not in own]
        path = url.path + (f"?{url.query}" if url.query else "")
        head = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""])
        with self._upstream(url.netloc) as upstream:
            upstream.sendall(head.encode("latin-1") + rest)
            send = threading.Thread(target=self._pump, args=(client, upstream), kwargs={"listen": True})
            send.start()
            self._pump(upstream, client)
            # The one exchange is over, and the client keeps no connection to a proxy that closes it.
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            send.join()

    def _pump(self, source: socket.socket, target: socket.socket, *, listen: bool = False) -> None:
        with suppress(OSError):
            while received := source.recv(65_536):
                if listen:
                    self.heard += received
                target.sendall(received)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
