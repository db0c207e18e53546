"""How a client is told where its agent is and who it is."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import synapse_sdk
from synapse_sdk.clients._settings import make_settings
from synapse_sdk.clients.agent import AgentClient, ContainerClientMixin
from tests.kinds import http_client

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

    from tests.kinds import Connect

URL = "https://agent.example.com"


def settings(**given: Any) -> Any:
    return make_settings(**{"base_url": URL, **given})


def test_the_client_is_found_under_both_documented_names() -> None:
    assert synapse_sdk.AgentClient is AgentClient
    assert issubclass(AgentClient, ContainerClientMixin)
    assert ContainerClientMixin.__module__ == "synapse_sdk.clients.agent.container"


@pytest.mark.parametrize(
    ("given", "base_url"),
    [
        ("https://agent.example.com", "https://agent.example.com"),
        ("https://agent.example.com/", "https://agent.example.com"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://gateway.example.com/agent-7", "https://gateway.example.com/agent-7"),
        ("https://gateway.example.com/agents/7//", "https://gateway.example.com/agents/7"),
        ("HTTPS://Agent.Example.COM", "https://agent.example.com"),
    ],
)
def test_a_base_url_may_have_a_port_a_path_prefix_and_a_trailing_slash(
    connect: Connect, given: str, base_url: str
) -> None:
    with connect(given) as client:
        assert client.base_url == base_url


@pytest.mark.parametrize("prefix", ["/agent-7", "/agent-7/", "/a/b%20c"])
def test_a_path_prefix_stands_before_every_path(connect: Connect, httpserver: HTTPServer, prefix: str) -> None:
    with connect(httpserver.url_for("") + prefix) as client:
        for make in (client.list_docker_containers, client.list_containers):
            with pytest.raises(synapse_sdk.exceptions.ClientError):
                make()
    paths = [request.environ["RAW_URI"] for request, _ in httpserver.log]
    assert paths == [prefix.rstrip("/") + "/containers/docker/", prefix.rstrip("/") + "/containers/"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            "agent.example.com",
            "base_url must be a whole URL such as https://agent.example.com, not 'agent.example.com'",
        ),
        ("agent.example.com:8000", "base_url must be a whole URL"),
        ("//agent.example.com", "base_url must be a whole URL"),
        ("ftp://agent.example.com", "base_url must be a whole URL"),
        ("https://", "base_url must be a whole URL"),
        ("", "base_url must be a whole URL"),
        ("https://agent.example.com:port", "base_url is not a URL such as https://agent.example.com"),
        ("https://agent.example.com\n", "base_url is not a URL"),
        ("https://me:hunter2@agent.example.com", "base_url must not hold a user or password"),
        ("https://agent.example.com?x=hunter", "base_url must not hold a query or a fragment"),
        ("https://agent.example.com?", "base_url must not hold a query or a fragment"),
        ("https://agent.example.com/#top", "base_url must not hold a query or a fragment"),
    ],
)
def test_a_base_url_that_cannot_be_right_is_refused(connect: Connect, given: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"^base_url") as caught:
        connect(given)
    assert str(caught.value).startswith(text)
    assert "hunter2" not in str(caught.value)


def test_a_base_url_of_another_type_is_refused(connect: Connect) -> None:
    with pytest.raises(TypeError, match="base_url must be a string, not bytes"):
        connect(b"https://agent.example.com")


def test_without_a_base_url_the_environment_gives_it_and_without_that_the_error_says_both_names(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="base_url is missing: give it, or set SYNAPSE_AGENT_URL"):
        connect()
    monkeypatch.setenv("SYNAPSE_AGENT_URL", "https://env.example.com/")
    with connect() as client:
        assert client.base_url == "https://env.example.com"
    with connect(URL) as client:
        assert client.base_url == URL
    monkeypatch.setenv("SYNAPSE_AGENT_URL", "env.example.com")
    with pytest.raises(ValueError, match="SYNAPSE_AGENT_URL must be a whole URL"):
        connect()


def test_the_token_is_the_second_positional_argument_under_either_name_or_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "Authorization" not in settings().credentials
    monkeypatch.setenv("SYNAPSE_AGENT_TOKEN", "from-env")
    assert settings().credentials["Authorization"] == b"from-env"
    assert settings(access_token="a").credentials["Authorization"] == b"a"
    assert settings(agent_token="b").credentials["Authorization"] == b"b"
    assert settings(access_token="c", agent_token="c").credentials["Authorization"] == b"c"
    monkeypatch.setenv("SYNAPSE_AGENT_TOKEN", "")
    assert "Authorization" not in settings().credentials


def test_two_different_tokens_are_refused_without_showing_either(connect: Connect) -> None:
    with pytest.raises(
        ValueError, match="access_token and agent_token are two names of one value, and differ"
    ) as caught:
        connect(URL, "hunter1", agent_token="hunter2")
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize("name", ["access_token", "agent_token", "user_token", "tenant"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", ValueError),
        ("hunter2\r\nX-Admin: 1", ValueError),
        ("hunter2\x00", ValueError),
        ("hunter2\x7f", ValueError),
        (" hunter2", ValueError),
        ("hunter2…", ValueError),
        (b"hunter2", TypeError),
        (42, TypeError),
    ],
)
def test_a_secret_that_cannot_be_a_header_is_refused_by_name_and_never_shown(
    connect: Connect, name: str, value: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        connect(URL, **{name: value})
    assert type(caught.value) is kind
    assert str(caught.value).startswith(name)
    assert "hunter2" not in str(caught.value)


def test_a_token_of_latin_1_arrives_as_its_bytes(connect: Connect, server: HTTPServer) -> None:
    server.expect_request("/containers/docker/").respond_with_json([])
    with connect(server.url_for(""), "pässword") as client:
        client.list_docker_containers()
    [(request, _)] = server.log
    assert request.headers["Authorization"].encode("latin-1") == "pässword".encode("latin-1")


@pytest.mark.parametrize(
    ("timeout", "connect", "read"),
    [
        (None, 3.0, 10.0),
        (5, 5.0, 5.0),
        (0.5, 0.5, 0.5),
        ({}, 3.0, 10.0),
        ({"connect": 1}, 1.0, 10.0),
        ({"read": 30}, 3.0, 30.0),
        ({"connect": 1, "read": 2}, 1.0, 2.0),
    ],
)
def test_a_timeout_is_a_number_of_seconds_or_one_for_connect_and_read(
    timeout: Any, connect: float, read: float
) -> None:
    waits = settings(timeout=timeout).timeout
    assert (waits.connect, waits.read) == (connect, read)


@pytest.mark.parametrize(
    ("timeout", "kind", "text"),
    [
        (0, ValueError, "timeout must be a number of seconds above 0 and not endless, not 0"),
        (-1, ValueError, "timeout must be a number of seconds above 0"),
        (float("inf"), ValueError, "timeout must be a number of seconds above 0 and not endless, not inf"),
        (float("nan"), ValueError, "timeout must be a number of seconds above 0"),
        (True, TypeError, "timeout must be a number of seconds, not bool"),
        ("3", TypeError, "timeout must be a number of seconds, not str"),
        ({"read": None}, TypeError, "timeout['read'] must be a number of seconds, not NoneType"),
        ({"reed": 3}, ValueError, "timeout must have the keys 'connect', 'read', 'write', 'pool' alone, not 'reed'"),
    ],
)
def test_a_timeout_that_cannot_be_right_is_refused(
    connect: Connect, timeout: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        connect(URL, timeout=timeout)
    assert str(caught.value).startswith(text)


def test_what_starts_a_container_waits_ten_minutes_unless_told_otherwise_and_never_less_than_other_calls(
    connect: Connect,
) -> None:
    assert settings().timeout_of(lasts=True).read == 600
    assert settings().timeout_of(lasts=False).read == 10
    assert settings(timeout=900).timeout_of(lasts=True).read == 900
    assert settings(create_timeout=20).timeout_of(lasts=True).read == 20
    with pytest.raises(ValueError, match="create_timeout must be a number of seconds above 0"):
        connect(URL, create_timeout=0)


def test_the_client_and_its_parts_show_the_url_and_never_a_secret(connect: Connect) -> None:
    with connect(URL, "hunter2", user_token="hunter2", tenant="hunter2") as client:
        name = "AgentClient" if connect is AgentClient else "AsyncAgentClient"
        assert repr(client) == f"{name}(base_url='https://agent.example.com')"
        http = http_client(client)
        for part in (client, client.api, client._settings, client._connections, http, http._transport, http.headers):
            assert "hunter2" not in repr(part)


def test_the_client_says_who_it_is(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/docker/").respond_with_json([])
    client.list_docker_containers()
    [(request, _)] = server.log
    assert request.headers["User-Agent"].startswith(f"synapse-sdk/{synapse_sdk.__version__} python/3.")
    assert request.headers["Accept"] == "application/json, text/plain;q=0.9"


def test_nothing_of_netrc_is_sent(
    connect: Connect, server: HTTPServer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.expect_request("/containers/docker/").respond_with_json([])
    with connect(server.url_for("")) as client:
        client.list_docker_containers()
    [(request, _)] = server.log
    assert "Authorization" not in request.headers


def test_a_call_on_a_closed_client_says_so(connect: Connect, server: HTTPServer) -> None:
    with connect(server.url_for("")) as client:
        pass
    with pytest.raises(RuntimeError, match=r"AgentClient\(base_url='http://127.0.0.1:\d+'\) is closed"):
        client.list_docker_containers()
    client.close()
    assert server.log == []


def test_a_client_that_is_dropped_unclosed_leaves_no_connection_open(server: HTTPServer) -> None:
    server.expect_request("/containers/docker/").respond_with_json([])
    client = AgentClient(server.url_for(""))
    client.list_docker_containers()
    api, closing = client.api, client._connections._finalizer  # type: ignore[union-attr]
    del client
    gc.collect()
    assert closing.alive
    del api
    gc.collect()
    assert not closing.alive


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        ({"retries": -1}, ValueError, "retries must be at least 0, not -1"),
        ({"retries": 1.5}, TypeError, "retries must be an int, not float 1.5"),
        ({"deadline": 0}, ValueError, "deadline must be a number of seconds above 0"),
        ({"headers": "X-A: b"}, TypeError, "headers must be a dictionary of strings, not str"),
        ({"headers": {"X A": "b"}}, ValueError, "headers has a name that cannot be a header's: 'X A'"),
        ({"headers": {1: "b"}}, ValueError, "headers has a name that cannot be a header's: 1"),
        ({"headers": {"X-A": "b\nc"}}, ValueError, "headers['X-A'] has white space around it, or control characters"),
        ({"headers": {"authorization": "t"}}, ValueError, "headers must not hold authorization: give access_token"),
        ({"headers": {"SYNAPSE-Tenant": "t"}}, ValueError, "headers must not hold SYNAPSE-Tenant: give tenant"),
        ({"headers": {"Content-Length": "3"}}, ValueError, "headers must not hold Content-Length, which says how"),
        ({"headers": {"transfer-encoding": "chunked"}}, ValueError, "headers must not hold transfer-encoding, which"),
        ({"headers": {"Host": "evil"}}, ValueError, "headers must not hold Host, which says how the request itself"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, ValueError, "headers holds x-a twice"),
        ({"base_url": "http://host:99999"}, ValueError, "base_url "),
        ({"base_url": "http://ho st"}, ValueError, "base_url "),
        ({"base_url": "http://host/" + "x" * 9_000}, ValueError, "base_url must be a URL such as "),
        ({"limits": {"max_connections": 1.5}}, ValueError, "limits['max_connections'] must be an int above 0, not 1.5"),
        ({"verify": ""}, TypeError, "verify must be a bool, a path or an ssl.SSLContext, not str ''"),
        ({"user_agent": ""}, ValueError, "user_agent is empty"),
        ({"limits": 5}, TypeError, "limits must be a dictionary or an httpx.Limits, not int"),
        ({"limits": {"max": 5}}, ValueError, "limits must have the keys 'max_connections', "),
        ({"limits": {"max_connections": 0}}, ValueError, "limits['max_connections'] must be an int above 0, not 0"),
        ({"proxy": 5}, TypeError, "proxy must be a URL, an httpx.Proxy or False, not int"),
        ({"transport": 5}, TypeError, "transport must be an httpx.{Async}BaseTransport, not int"),
        ({"http_client": 5}, TypeError, "http_client must be an httpx.{Async}Client, not int"),
    ],
)
def test_an_option_that_cannot_be_right_is_refused_by_name(
    connect: Connect, given: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        connect(**{"base_url": URL, **given})
    assert type(caught.value) is kind
    assert str(caught.value).startswith(text.replace("{Async}", "" if connect is AgentClient else "Async"))


def test_a_page_size_that_cannot_be_right_is_refused_by_name(connect: Connect) -> None:
    with connect(URL) as client:
        with pytest.raises(TypeError, match="page_size must be an int, not str '5'"):
            next(client.iter_containers(page_size="5"))  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="page_size must be at least 1, not 0"):
            next(client.iter_containers(page_size=0))


@pytest.mark.parametrize("limits", [{"max_connections": 1}, httpx.Limits(max_connections=1)])
def test_limits_are_a_dictionary_or_httpxs_own(connect: Connect, server: HTTPServer, limits: Any) -> None:
    server.expect_request("/containers/docker/").respond_with_json([])
    with connect(server.url_for(""), limits=limits) as client:
        assert client.list_docker_containers() == []


def test_own_headers_and_a_program_s_name_go_out_with_every_request(connect: Connect, server: HTTPServer) -> None:
    server.expect_request("/containers/docker/").respond_with_json([])
    with connect(server.url_for(""), headers={"X-Team": "a", "accept": "application/*"}, user_agent="app/1") as client:
        client.list_docker_containers()
        client.with_options(headers={"x-team": "b"}).list_docker_containers()
    (first, _), (second, _) = server.log
    assert first.headers["User-Agent"].startswith("app/1 synapse-sdk/")
    assert first.headers["Accept"] == "application/*"
    assert (first.headers["X-Team"], second.headers["X-Team"]) == ("a", "b")
