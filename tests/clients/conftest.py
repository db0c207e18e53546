from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_httpserver import HTTPServer

    from synapse_sdk import AgentClient
    from tests.kinds import Connect


@pytest.fixture(params=KINDS)
def connect(request: pytest.FixtureRequest) -> Connect:
    """Makes a client from the arguments of `AgentClient`. A test that takes this, or `client`, runs with each kind."""
    connect: Connect = KINDS[request.param]
    return connect


@pytest.fixture
def client(server: HTTPServer, connect: Connect) -> Iterator[AgentClient]:
    """A client of the server."""
    with connect(server.url_for(""), "t0ken") as client:
        yield client


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nothing listens, held so that nothing will."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def closed_url(closed_port: int) -> str:
    """The URL of an agent that is not there."""
    return f"http://127.0.0.1:{closed_port}"


@pytest.fixture
def silent_url() -> Iterator[str]:
    """The URL of an agent to which connections are made and which never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs certificates."""
    return trustme.CA()


@pytest.fixture(scope="session")
def bundle(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the authority's own certificate."""
    path = tmp_path_factory.mktemp("authority") / "bundle.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
