"""What an agent says before its turn: an answer that nobody asked for, or one before it has read the request."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from synapse_sdk.exceptions import HTTPError
from tests.clients.agents import PATIENCE
from tests.clients.proxy import Proxy
from tests.faults.server import response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import trustme

    from tests.kinds import Connect


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@contextmanager
def served(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Serve connections, one after the other, on the port that is given."""

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(PATIENCE)
                # What was sent is not kept back, and lost when the connection is closed.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with connection, suppress(OSError):
                    serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("way", ["direct", "tunnel", "encrypted tunnel"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_an_answer_that_nobody_asked_for_is_not_the_next_requests_though_it_came_in_a_record_of_its_own(
    connect: Connect, tls: ssl.SSLContext, bundle: Path, version: ssl.TLSVersion, way: str
) -> None:
    tls.minimum_version = tls.maximum_version = version
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        encryption = tls.wrap_bio(incoming, outgoing, server_side=True)

        def do(step: Callable[[], Any]) -> Any:
            while True:
                with suppress(ssl.SSLWantReadError):
                    return step()
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65_536))

        do(encryption.do_handshake)
        request = do(encryption.read)
        for answer in ({"asked": request.split()[1].decode()}, {"of": "nobody"}):
            encryption.write(response(200, answer))
        connection.sendall(outgoing.read())
        connection.recv(65_536)

    with ExitStack() as stack:
        port = stack.enter_context(served(serve))
        options: dict[str, Any] = {}
        if way != "direct":
            proxy = stack.enter_context(Proxy(tls=tls if way == "encrypted tunnel" else None))
            trust = ssl.create_default_context(cafile=str(bundle))
            options["proxy"] = httpx.Proxy(proxy.url, ssl_context=trust if way == "encrypted tunnel" else None)
        client = stack.enter_context(connect(f"https://127.0.0.1:{port}", verify=bundle, retries=0, **options))
        for number in (1, 2, 3):
            container: Any = client.get_container(number)
            assert container == {"asked": f"/containers/{number}"}
    assert len(connections) == 3


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("end", ["closes", "reads on"])
def test_an_answer_that_came_while_a_body_was_still_sent_is_what_the_agent_said(
    connect: Connect, tls: ssl.SSLContext, bundle: Path, scheme: str, end: str
) -> None:
    def serve(accepted: socket.socket) -> None:
        with tls.wrap_socket(accepted, server_side=True) if scheme == "https" else accepted as connection:
            connection.recv(1_000)
            connection.sendall(response(413, {"detail": "too large"}, headers=[("Connection", "close")]))
            if end == "reads on":
                while connection.recv(1 << 20):
                    pass

    options: dict[str, Any] = {"verify": bundle} if scheme == "https" else {}
    with served(serve) as port, connect(f"{scheme}://127.0.0.1:{port}", **options) as client:
        for _ in range(3):
            with pytest.raises(HTTPError) as caught:
                client.create_docker_container("a@1", params={"text": "x" * 10_000_000})
            assert (caught.value.status_code, caught.value.detail) == (413, "too large")
            assert not caught.value.may_have_taken_effect
