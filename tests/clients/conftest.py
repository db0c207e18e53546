from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from attrs import field, frozen

from tests.clients.agents import PATIENCE
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


@frozen
class LookUp:
    """What the system does to find the addresses of hosts.

    Attributes:
        begun: Is set when one is looked up.
        over: Ends that without an address.
    """

    begun: threading.Event = field(factory=threading.Event)
    over: threading.Event = field(factory=threading.Event)


@pytest.fixture
def look_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[LookUp]:
    """The look-up of hosts, which takes until a test ends it."""
    look_up = LookUp()

    def slow(*given: Any, flags: int = 0, **_: Any) -> list[object]:
        # What only asks whether this is an address already is answered at once.
        if (flags or sum(given[5:])) & socket.AI_NUMERICHOST:
            raise socket.gaierror(socket.EAI_NONAME, "this is no address")
        look_up.begun.set()
        look_up.over.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    yield look_up
    look_up.over.set()


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
