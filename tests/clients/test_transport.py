"""The way to the agent, and the generated client on the same way."""

from __future__ import annotations

import asyncio
import copy
import importlib.util
import itertools
import time
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from synapse_agent_api.api.containers import list_containers, update_container
from synapse_agent_api.api.docker_containers import (
    create_docker_container,
    get_docker_container,
    start_docker_container,
    stop_docker_container,
)
from synapse_agent_api.models import (
    ContainerPage,
    CreateDockerContainerRequest,
    DockerContainer,
    ErrorBody,
    UpdateContainerRequest,
)
from werkzeug import Request, Response

from synapse_sdk import AgentClient, exceptions
from synapse_sdk.clients._route import environment_proxy
from synapse_sdk.clients.agent import _operations
from tests.contract import example
from tests.faults.leaks import find_in_error
from tests.faults.server import BrokenServer, drip, response
from tests.kinds import generated, get, http_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_httpserver import HTTPServer

    from synapse_sdk.clients import _request
    from tests.clients.conftest import LookUp
    from tests.kinds import Connect

DOCKER_ID = "abc123def456"


def test_the_generated_client_answers_with_models_on_the_same_connections_and_credentials(
    server: HTTPServer, client: AgentClient
) -> None:
    server.expect_request(f"/containers/docker/{DOCKER_ID}").respond_with_json(example("DockerContainer"))
    server.expect_request("/containers/").respond_with_json(example("ContainerPage"))
    server.expect_request("/containers/docker/", method="POST").respond_with_json({"detail": "no"}, status=404)
    client.get_docker_container(DOCKER_ID)
    container = generated(get_docker_container, client, DOCKER_ID)
    page = generated(list_containers, client)
    refused = generated(create_docker_container, client, body=CreateDockerContainerRequest("a@1"))
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
    assert "X" not in http_client(client).headers


def test_the_generated_client_refuses_to_be_asynchronous_on_connections_for_threads() -> None:
    with AgentClient("http://127.0.0.1:9") as client, pytest.raises(TypeError, match="this client is synchronous"):
        asyncio.run(get_docker_container.asyncio(DOCKER_ID, client=client.api))


def test_the_generated_client_waits_as_the_client_does_that_it_is_part_of(connect: Connect, silent_url: str) -> None:
    with connect(silent_url, timeout={"read": 0.2}, create_timeout=30, deadline=60) as client:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(list_containers, client)
        read = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(
                create_docker_container,
                client.with_options(create_timeout=0.5),
                body=CreateDockerContainerRequest("a@1"),
            )
        created = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(list_containers, client.with_options(timeout=20, deadline=0.2))
    assert 0.2 <= read - began < 15
    assert 0.5 <= created - read < 15
    assert 0.2 <= time.monotonic() - created < 15


@pytest.mark.parametrize("prefix", ["", "/agent-7", "/a%20b/containers/docker"])
def test_the_generated_client_waits_longer_for_what_starts_or_stops_a_container_and_for_nothing_else(
    connect: Connect, silent_url: str, prefix: str
) -> None:
    with connect(silent_url + prefix, timeout={"read": 0.2}, create_timeout=30, deadline=60) as client:
        patient = client.with_options(create_timeout=0.5)
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(start_docker_container, patient, "a/b?c")
        started = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(stop_docker_container, patient, "a/b?c")
        stopped = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(update_container, client, 1, body=UpdateContainerRequest("stopped"))
        updated = time.monotonic()
    assert 0.5 <= started - began < 15
    assert 0.5 <= stopped - started < 15
    assert 0.2 <= updated - stopped < 15


@pytest.mark.parametrize(
    ("asked", "lasts"),
    [
        (_operations.create_docker_container("a@1", None, None, None, None), True),
        (_operations.start_docker_container("abc"), True),
        (_operations.start_docker_container("../a?b"), True),
        (_operations.stop_docker_container("start"), True),
        (_operations.get_docker_container("start"), False),
        (_operations.list_docker_containers(), False),
        (_operations.update_container(1, "running"), False),
    ],
    ids=lambda value: getattr(value, "operation", None),
)
def test_what_may_last_is_told_by_method_and_path(asked: _request.Request[Any], lasts: bool) -> None:
    assert asked.lasts is lasts
    assert _operations.lasts(asked.method, asked.path) is lasts
    assert not _operations.lasts(asked.method, f"/x{asked.path}")
    assert not _operations.lasts(asked.method, f"{asked.path}x/y")


def test_the_deadline_holds_for_the_generated_client_however_slowly_an_answer_comes(connect: Connect) -> None:
    slowly = drip(response(200, {"results": [], "next": "x" * 200}))
    with BrokenServer(slowly) as server, connect(server.url, timeout=20, deadline=0.4) as client:
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            generated(list_containers, client)
        # All that is dripped takes six seconds.
        assert time.monotonic() - began < 5


def test_closing_the_generated_client_closes_nothing(server: HTTPServer) -> None:
    server.expect_request("/containers/").respond_with_json(example("ContainerPage"))
    with AgentClient(server.url_for("")) as client:
        with client.api as api:
            list_containers.sync(client=api)
        with client.with_options(retries=0).api:
            pass
        client.api.get_httpx_client().close()
        assert isinstance(list_containers.sync(client=client.api), ContainerPage)
        assert client.list_containers()["count"] == 231


def test_a_copy_closes_nothing_however_it_was_made(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/docker/").respond_with_json([])
    copy.copy(client).close()
    assert client.list_docker_containers() == []


class Raising(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport of the program's own, which fails as it likes."""

    def __init__(self, make: Callable[[httpx.Request], Exception]) -> None:
        self._make = make

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise self._make(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


@pytest.mark.parametrize("kind", [OSError, ValueError, RuntimeError, httpx.InvalidURL, httpx.ReadError, KeyError])
def test_whatever_a_transport_of_the_programs_own_raises_is_an_error_of_the_sdk_without_the_token(
    connect: Connect, kind: type[Exception]
) -> None:
    transport = Raising(
        lambda request: kind(
            f"boom {request.headers!r} {request.headers['Authorization']} {request.headers['SYNAPSE-User'][6:]}"
        )
    )
    with (
        connect("https://agent.example.com", "s3cret", user_token="u5er", transport=transport, retries=0) as client,
        pytest.raises(exceptions.ClientResponseIncompleteError) as caught,
    ):
        client.create_docker_container("a@1")
    assert caught.value.may_have_taken_effect
    assert "boom" in str(caught.value)
    text = "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in text
    assert "u5er" not in text


class OwnError(httpx.ConnectError):
    """An error of a transport of the program's own, which is made from other things than httpx's."""

    def __init__(self, host: str, port: int, said: str) -> None:
        super().__init__(f"{host}:{port} said {said}")


def caused(said: str) -> Exception:
    """Return an error whose cause says something."""
    error = OwnError("agent", 443, "boom")
    error.__cause__ = ValueError(said)
    return error


def happened_while_handling(said: str) -> Exception:
    """Return an error that was raised while one that says something was handled."""
    error = OwnError("agent", 443, "boom")
    error.__context__ = KeyError("boom")
    error.__context__.__cause__ = ValueError(said)
    return error


def noted(said: str) -> Exception:
    """Return an error with a note that says something."""
    error = OwnError("agent", 443, "boom")
    error.add_note(said)
    return error


def grouped(said: str) -> Exception:
    """Return an error whose cause is a group of errors of which one says something."""
    error = OwnError("agent", 443, "boom")
    error.__cause__ = ExceptionGroup("several", [KeyError("boom"), ValueError(said)])
    return error


@pytest.mark.parametrize(
    "make",
    [lambda said: OwnError("agent", 443, f"boom {said}"), caused, happened_while_handling, noted, grouped],
    ids=["its text", "its cause", "its context's cause", "a note", "a group of causes"],
)
def test_no_error_of_a_transports_own_class_shows_the_token_by_its_text_or_its_causes(
    connect: Connect, make: Callable[[str], Exception]
) -> None:
    transport = Raising(lambda request: make(request.headers["Authorization"]))
    with (
        connect("https://agent.example.com", "s3cret", transport=transport, retries=0) as client,
        pytest.raises(exceptions.ClientConnectionError) as caught,
    ):
        client.list_docker_containers()
    assert "boom" in str(caught.value)
    assert find_in_error(caught.value, ["s3cret"]) == []


def test_errors_of_the_sdks_own_connections_are_left_as_they_are_however_short_the_token(
    connect: Connect, closed_url: str
) -> None:
    with connect(closed_url, "t", retries=0) as client, pytest.raises(exceptions.ClientConnectionError) as caught:
        client.list_docker_containers()
    assert str(caught.value).endswith("[Errno 111] Connection refused")
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
    assert caught.value.__cause__.__cause__ is not None


def test_a_host_whose_address_is_not_found_in_time_is_a_timeout(connect: Connect, look_up: LookUp) -> None:
    with connect("http://slow.example.com", timeout=20, deadline=0.3) as client:
        began = time.monotonic()
        with pytest.raises(exceptions.ClientTimeoutError) as caught:
            client.create_docker_container("a@1")
        ended = time.monotonic()
        # The event loop of asyncio does not end before all that it has running in threads.
        look_up.over.set()
    assert ended - began < 5
    assert not caught.value.may_have_taken_effect


def test_a_socks_proxy_that_is_silent_ends_at_the_deadline_and_has_sent_nothing_on(
    connect: Connect, silent_url: str
) -> None:
    began = time.monotonic()
    with (
        connect("http://agent.example.com", proxy=silent_url.replace("http", "socks5"), deadline=0.5) as client,
        pytest.raises(exceptions.ClientError) as caught,
    ):
        client.create_docker_container("a@1")
    assert time.monotonic() - began < 5
    assert not caught.value.may_have_taken_effect


def test_a_socks_proxy_without_its_package_is_an_error_that_says_what_to_install(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"proxy is a SOCKS proxy, which needs .* pip install 'httpx\[socks\]'"):
        connect("http://agent.example.com", proxy="socks5://127.0.0.1:1080")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1080")
    with pytest.raises(ValueError, match="all_proxy is a SOCKS proxy"):
        connect("http://agent.example.com")


def test_a_proxy_that_is_not_there_is_named_without_its_password(connect: Connect, closed_url: str) -> None:
    proxy = closed_url.replace("http://", "http://me:hunter2@")
    with (
        connect("http://agent.example.com", proxy=proxy, retries=0) as client,
        pytest.raises(exceptions.ClientConnectionError) as caught,
    ):
        client.list_docker_containers()
    assert f"(by the proxy {closed_url})" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_of_an_endless_error_no_more_is_read_than_says_something(server: HTTPServer, client: AgentClient) -> None:
    def endless(_: Request) -> Response:
        return Response(itertools.repeat(b"x" * 100_000), status=500)

    server.expect_request("/containers/42").respond_with_handler(endless)
    with pytest.raises(exceptions.ServerError) as caught:
        client.with_options(deadline=60).get_container(42)
    assert len(caught.value.detail) <= 10_000


@pytest.mark.off_contract("the request must not arrive")
def test_nothing_is_sent_to_another_origin_even_by_the_generated_clients_connections(
    connect: Connect, server: HTTPServer
) -> None:
    with (
        connect("http://localhost:9", "t0ken") as client,
        pytest.raises(httpx.UnsupportedProtocol, match="is not at this client's agent"),
    ):
        get(client, server.url_for("/containers/docker/"))
    assert server.log == []


def test_no_request_that_httpx_shows_holds_the_token(connect: Connect, closed_url: str) -> None:
    with (
        connect(closed_url, "t0ken", user_token="u5er") as client,
        pytest.raises(httpx.ConnectError) as caught,
    ):
        get(client, "/containers/docker/")
    assert "t0ken" not in str(caught.value.request.headers.raw)
    assert "u5er" not in str(caught.value.request.headers.raw)


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
def test_a_proxy_that_the_environment_names_is_asked(
    connect: Connect, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/containers/docker/").respond_with_json([])
    monkeypatch.setenv("http_proxy", httpserver.url_for(""))
    with connect("http://agent.invalid") as client:
        assert client.list_docker_containers() == []
    [(request, _)] = httpserver.log
    assert request.headers["Host"] == "agent.invalid"
