"""What an agent says before its turn: an answer that nobody asked for, or one before it has read the request."""

from __future__ import annotations

import ssl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from synapse_sdk.exceptions import HTTPError
from tests.clients.peers import Encrypted, served
from tests.clients.proxy import Proxy
from tests.faults.server import response

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import trustme

    from synapse_sdk import AgentClient
    from tests.kinds import Connect


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture(params=["direct", "tunnel", "encrypted tunnel"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def version(request: pytest.FixtureRequest, tls: ssl.SSLContext) -> None:
    tls.minimum_version = tls.maximum_version = request.param


@contextmanager
def connected(
    connect: Connect, serve: Callable[[socket.socket], object], way: str, tls: ssl.SSLContext, bundle: Path
) -> Iterator[AgentClient]:
    """Yield a client of what is served, which reaches it in a way."""
    with ExitStack() as stack:
        port = stack.enter_context(served(serve))
        options: dict[str, Any] = {}
        if way != "direct":
            proxy = stack.enter_context(Proxy(tls=tls if way == "encrypted tunnel" else None))
            trust = ssl.create_default_context(cafile=str(bundle))
            options["proxy"] = httpx.Proxy(proxy.url, ssl_context=trust if way == "encrypted tunnel" else None)
        yield stack.enter_context(connect(f"https://127.0.0.1:{port}", verify=bundle, retries=0, **options))


@pytest.mark.usefixtures("version")
def test_an_answer_that_nobody_asked_for_is_not_the_next_requests_though_it_came_in_a_record_of_its_own(
    connect: Connect, tls: ssl.SSLContext, bundle: Path, way: str
) -> None:
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        encrypted = Encrypted(connection, tls)
        encrypted.handshake()
        asked = encrypted.read().split()[1].decode()
        connection.sendall(
            encrypted.record(response(200, {"asked": asked})) + encrypted.record(response(200, {"of": "nobody"}))
        )
        connection.recv(65_536)

    with connected(connect, serve, way, tls, bundle) as client:
        for number in (1, 2, 3):
            container: Any = client.get_container(number)
            assert container == {"asked": f"/containers/{number}"}
    assert len(connections) == 3


@pytest.mark.usefixtures("version")
def test_an_answer_that_nobody_asked_for_is_not_the_next_requests_though_only_half_its_record_came_before(
    connect: Connect, tls: ssl.SSLContext, bundle: Path, way: str
) -> None:
    def serve(connection: socket.socket) -> None:
        encrypted = Encrypted(connection, tls)
        encrypted.handshake()
        asked = encrypted.read().split()[1].decode()
        answer = encrypted.record(response(200, {"asked": asked}))
        other = encrypted.record(response(200, {"of": "nobody"}))
        half = len(other) // 2
        connection.sendall(answer + other[:half])
        # The rest comes as if it were the answer to what is asked next.
        if connection.recv(65_536):
            connection.sendall(other[half:])

    with connected(connect, serve, way, tls, bundle) as client:
        for number in (1, 2, 3):
            container: Any = client.get_container(number)
            assert container == {"asked": f"/containers/{number}"}


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
