"""The way to the agent, and the generated client on the same way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from synapse_agent_api.api.containers import list_containers
from synapse_agent_api.api.docker_containers import create_docker_container, get_docker_container
from synapse_agent_api.models import (
    ContainerPage,
    CreateDockerContainerRequest,
    DockerContainer,
    ErrorBody,
)

from synapse_sdk import AgentClient
from synapse_sdk.clients._transport import environment_proxy
from tests.contract import example

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

DOCKER_ID = "abc123def456"


def test_the_generated_client_answers_with_models_on_the_same_connections_and_credentials(
    server: HTTPServer, client: AgentClient
) -> None:
    server.expect_request(f"/containers/docker/{DOCKER_ID}").respond_with_json(example("DockerContainer"))
    server.expect_request("/containers/").respond_with_json(example("ContainerPage"))
    server.expect_request("/containers/docker/", method="POST").respond_with_json({"detail": "no"}, status=404)
    client.get_docker_container(DOCKER_ID)
    container = get_docker_container.sync(DOCKER_ID, client=client.api)
    page = list_containers.sync(client=client.api)
    refused = create_docker_container.sync(client=client.api, body=CreateDockerContainerRequest("a@1"))
    assert isinstance(container, DockerContainer)
    assert container.running is True
    assert isinstance(page, ContainerPage)
    assert isinstance(refused, ErrorBody)
    assert refused.detail == "no"
    assert {request.headers["Authorization"] for request, _ in server.log} == {"t0ken"}
    assert client.api is client.api


def test_the_generated_client_refuses_what_would_change_or_leave_the_shared_connections(client: AgentClient) -> None:
    with pytest.raises(TypeError, match="shares its connections"):
        client.api.with_headers({"X": "y"})
    with pytest.raises(TypeError, match="shares its connections"):
        client.api.with_cookies({"x": "y"})
    with pytest.raises(TypeError, match="shares its connections"):
        client.api.with_timeout(httpx.Timeout(1))
    with pytest.raises(TypeError, match="this client is synchronous"):
        asyncio.run(get_docker_container.asyncio(DOCKER_ID, client=client.api))
    assert "X" not in client.api.get_httpx_client().headers


def test_the_generated_client_waits_no_longer_than_the_client_that_it_is_part_of(client: AgentClient) -> None:
    assert client.api.get_httpx_client().timeout == httpx.Timeout(10, connect=3)


@pytest.mark.off_contract("the request must not arrive")
def test_nothing_is_sent_to_another_origin_even_by_the_generated_clients_connections(
    server: HTTPServer,
) -> None:
    with (
        AgentClient("http://localhost:9", "t0ken") as client,
        pytest.raises(httpx.UnsupportedProtocol, match="is not at this client's agent"),
    ):
        client.api.get_httpx_client().get(server.url_for("/containers/docker/"))
    assert server.log == []


def test_no_request_that_httpx_shows_holds_the_token(closed_server_url: str) -> None:
    with (
        AgentClient(closed_server_url, "t0ken", user_token="u5er") as client,
        pytest.raises(httpx.ConnectError) as caught,
    ):
        client.api.get_httpx_client().get("/containers/docker/")
    assert "t0ken" not in str(caught.value.request.headers.raw)
    assert "u5er" not in str(caught.value.request.headers.raw)


@pytest.fixture
def closed_server_url() -> str:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{holder.getsockname()[1]}"


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "http://agent.example.com", None),
        ({"http_proxy": "http://proxy:3128"}, "http://agent.example.com", "http://proxy:3128"),
        ({"http_proxy": "proxy:3128"}, "http://agent.example.com", "http://proxy:3128"),
        ({"http_proxy": "http://proxy:3128"}, "https://agent.example.com", None),
        ({"https_proxy": "http://proxy:3128"}, "https://agent.example.com", "http://proxy:3128"),
        ({"all_proxy": "http://proxy:3128"}, "https://agent.example.com", "http://proxy:3128"),
        ({"all_proxy": "http://proxy:1", "no_proxy": "example.com"}, "https://agent.example.com", None),
        ({"all_proxy": "http://proxy:1", "no_proxy": "*"}, "https://agent.example.com", None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    named = environment_proxy(httpx.URL(url))
    assert (named and named[1]) == proxy


@pytest.mark.off_contract("a proxy's requests name whole URLs")
def test_a_proxy_that_the_environment_names_is_asked(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    httpserver.expect_request("/containers/docker/").respond_with_json([])
    monkeypatch.setenv("http_proxy", httpserver.url_for(""))
    with AgentClient("http://agent.invalid") as client:
        assert client.list_docker_containers() == []
    [(request, _)] = httpserver.log
    assert request.headers["Host"] == "agent.invalid"
