from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract import check_request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_httpserver import HTTPServer


pytest_plugins = ["tests.deselected", "tests.faults.report", "tests.local_agent.faults.report", "tests.shown"]

# What these assert is told in full, as in tests.
pytest.register_assert_rewrite("tests.faults.play", "tests.faults.server")


@pytest.fixture(scope="session")
def httpserver_listen_address() -> tuple[str, int]:
    return ("127.0.0.1", 0)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SYNAPSE_AGENT_URL", "SYNAPSE_AGENT_TOKEN", "SYNAPSE_LOG"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server(httpserver: HTTPServer, request: pytest.FixtureRequest) -> Iterator[HTTPServer]:
    """A real HTTP server with scripted answers, every request to which is held against the contract.

    A test whose requests must break the contract says why: `@pytest.mark.off_contract("...")`.
    """
    yield httpserver
    httpserver.check()
    if request.node.get_closest_marker("off_contract"):
        return
    for seen, _ in httpserver.log:
        check_request(seen)
