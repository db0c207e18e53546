"""The way through a proxy, and sockets that stay alive on any way."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import ssl
import threading
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from synapse_sdk.clients._route import environment_proxy
from synapse_sdk.exceptions import ClientConnectionError, ClientError, ClientTimeoutError, HTTPError
from tests.clients.agents import Agent, Reply
from tests.clients.peers import Encrypted, read_head, served
from tests.clients.proxy import Proxy
from tests.faults.server import DRIP_SECONDS, response

if TYPE_CHECKING:
    from collections.abc import Iterator

    import trustme

    from tests.kinds import Connect

NAME = "agent.example.com"


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as agent:
        yield agent


@pytest.fixture
def secure_agent(authority: trustme.CA) -> Iterator[Agent]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, "127.0.0.1").configure_cert(context)
    with Agent(tls=context) as agent:
        yield agent


def at(url: str, user: str) -> str:
    """Return a proxy's URL with a user and password in it."""
    return url.replace("://", f"://{user}@")


@pytest.mark.parametrize("form", [str, httpx.URL, httpx.Proxy])
def test_a_proxy_is_given_as_a_url_or_as_httpxs_proxy(connect: Connect, agent: Agent, form: Any) -> None:
    with Proxy() as proxy, connect(agent.url, "t0ken", proxy=form(proxy.url)) as client:
        assert client.list_docker_containers() == []
    assert [asked.line for asked in proxy.asked] == [f"GET {agent.url}/containers/docker/ HTTP/1.1"]
    assert [seen.headers["authorization"] for seen in agent.seen] == ["t0ken"]


def test_a_call_with_a_body_goes_through_a_proxy_whole(connect: Connect, agent: Agent) -> None:
    agent.answer = lambda _seen: Reply({"id": "abc"}, 201)
    with Proxy() as proxy, connect(f"{agent.url}/prefix", proxy=proxy.url) as client:
        client.create_docker_container("a@1", params={"text": "x" * 200_000})
    [seen] = agent.seen
    assert (seen.method, seen.path) == ("POST", "/prefix/containers/docker/")
    assert len(seen.body) > 200_000
    assert proxy.asked[0].line == f"POST {agent.url}/prefix/containers/docker/ HTTP/1.1"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_environment_names_the_proxy_of_plain_http(
    connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    # Where this is set, a program runs as a CGI script, and HTTP_PROXY is a header of whoever asks.
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    with Proxy() as proxy:
        monkeypatch.setenv(variable, proxy.url)
        with connect(agent.url) as client:
            assert client.list_docker_containers() == []
    assert len(proxy.asked) == len(agent.seen) == 1


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_the_environment_names_the_proxy_of_https(
    connect: Connect, secure_agent: Agent, bundle: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv(variable, proxy.address)
        with connect(secure_agent.url, verify=bundle) as client:
            assert client.list_docker_containers() == []
    assert [asked.line for asked in proxy.asked] == [f"CONNECT 127.0.0.1:{secure_agent.port} HTTP/1.1"]


@pytest.mark.parametrize("hosts", ["127.0.0.1", "example.org,127.0.0.1", "*", "{agent}"])
def test_no_proxy_excepts_hosts(connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("all_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", hosts.format(agent=f"127.0.0.1:{agent.port}"))
        with connect(agent.url) as client:
            assert client.list_docker_containers() == []
    assert proxy.asked == []
    assert len(agent.seen) == 1


@pytest.mark.parametrize("hosts", ["127.0.0.2", "127.0.0.1:1", "example.com", ""])
def test_no_proxy_excepts_no_other_hosts(
    connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch, hosts: str
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("all_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", hosts)
        with connect(agent.url) as client:
            assert client.list_docker_containers() == []
    assert len(proxy.asked) == 1


def test_proxy_false_switches_the_environments_off(
    connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with connect(agent.url, proxy=False) as client:
            assert client.list_docker_containers() == []
    assert proxy.asked == []


def test_a_proxy_that_is_given_goes_before_the_environments(
    connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("no_proxy", "*")
    with Proxy() as proxy, connect(agent.url, proxy=proxy.url) as client:
        assert client.list_docker_containers() == []
    assert len(proxy.asked) == 1


def test_the_environment_is_read_when_the_client_is_made(
    connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy() as proxy:
        with connect(agent.url) as client:
            monkeypatch.setenv("http_proxy", proxy.url)
            assert client.list_docker_containers() == []
        assert proxy.asked == []


def test_https_goes_through_a_tunnel_in_which_the_proxy_reads_nothing(
    connect: Connect, secure_agent: Agent, bundle: Path
) -> None:
    target = f"{NAME}:{secure_agent.port}"
    with (
        Proxy(routes={target: ("127.0.0.1", secure_agent.port)}) as proxy,
        connect(
            f"https://{target}", "t0ken", user_token="u5er", tenant="acme", verify=bundle, proxy=proxy.url
        ) as client,
    ):
        for _ in range(3):
            assert client.list_docker_containers() == []
    # One tunnel serves all calls.
    assert [asked.line for asked in proxy.asked] == [f"CONNECT {target} HTTP/1.1"]
    assert {seen.headers["authorization"] for seen in secure_agent.seen} == {"t0ken"}
    assert len(proxy.heard) > 1_000
    for secret in (b"t0ken", b"u5er", b"acme", b"containers"):
        assert secret not in proxy.heard


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_may_itself_speak_tls(
    connect: Connect, agent: Agent, secure_agent: Agent, authority: trustme.CA, bundle: Path, scheme: str
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    asked = agent if scheme == "http" else secure_agent
    options: dict[str, Any] = {"verify": bundle} if scheme == "https" else {}
    with Proxy(tls=context) as proxy:
        way = httpx.Proxy(proxy.url, ssl_context=ssl.create_default_context(cafile=str(bundle)))
        with connect(asked.url, "t0ken", proxy=way, **options) as client:
            assert client.list_docker_containers() == []
    assert len(proxy.asked) == 1
    assert [seen.headers["authorization"] for seen in asked.seen] == ["t0ken"]


@pytest.mark.parametrize("hosts", ["::1", "[::1]", "[::1]:8000", "localhost,::1"])
def test_no_proxy_excepts_addresses_of_version_6(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", hosts)
    assert environment_proxy(httpx.URL("http://[::1]:8000")) is None
    assert environment_proxy(httpx.URL("http://[::2]:8000")) is not None


def test_an_agent_behind_a_tunnel_is_verified(connect: Connect, secure_agent: Agent) -> None:
    with (
        Proxy() as proxy,
        connect(secure_agent.url, "t0ken", proxy=proxy.url) as client,
        pytest.raises(ClientConnectionError, match="certificate"),
    ):
        client.list_docker_containers()
    assert secure_agent.seen == []


@pytest.mark.parametrize("given", ["argument", "httpx", "environment"])
def test_a_proxys_user_and_password_go_to_the_proxy_alone(
    connect: Connect, agent: Agent, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    with Proxy(user="me:hunter2") as proxy:
        ways: dict[str, dict[str, Any]] = {
            "argument": {"proxy": at(proxy.url, "me:hunter2")},
            "httpx": {"proxy": httpx.Proxy(proxy.url, auth=("me", "hunter2"))},
            "environment": {},
        }
        if given == "environment":
            monkeypatch.setenv("http_proxy", at(proxy.url, "me:hunter2"))
        with connect(agent.url, "t0ken", **ways[given]) as client:
            assert client.list_docker_containers() == []
    [seen] = agent.seen
    assert seen.headers["authorization"] == "t0ken"
    assert "proxy-authorization" not in seen.headers


def test_the_user_and_password_open_a_tunnel_and_do_not_go_through_it(
    connect: Connect, secure_agent: Agent, bundle: Path
) -> None:
    with (
        Proxy(user="me:hunter2") as proxy,
        connect(secure_agent.url, "t0ken", verify=bundle, proxy=at(proxy.url, "me:hunter2")) as client,
    ):
        assert client.list_docker_containers() == []
    [seen] = secure_agent.seen
    assert "proxy-authorization" not in seen.headers


def shown(error: BaseException) -> str:
    """Return all that an error may show: texts, tracebacks, attributes and pickles of it and of its causes."""
    parts = ["".join(traceback.format_exception(error))]
    chain: BaseException | None = error
    while chain is not None:
        parts += [str(chain), repr(chain), repr(vars(chain))]
        chain = chain.__cause__ or chain.__context__
    if isinstance(error, ClientError):
        parts.append(repr(pickle.dumps(error)))
    return "\n".join(parts)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("trouble", ["refused", "down", "broken"])
def test_a_proxys_password_is_in_no_repr_error_or_log(
    connect: Connect, caplog: pytest.LogCaptureFixture, agent: Agent, closed_port: int, scheme: str, trouble: str
) -> None:
    caplog.set_level(logging.DEBUG, "")
    password = "hunter3"

    def use(address: str) -> None:
        url = agent.url.replace("http", scheme)
        with connect(url, "t0ken", retries=0, proxy=f"http://me:{password}@{address}") as client:
            for part in (client, client._connections, vars(client._connections), client._settings, client.api):
                assert password not in repr(part)
            client.list_docker_containers()

    with Proxy(user="me:hunter2") as proxy:
        addresses = {"refused": proxy.address, "down": f"127.0.0.1:{closed_port}", "broken": "bro ken"}
        with pytest.raises((ClientError, ValueError)) as caught:
            use(addresses[trouble])
    assert password not in shown(caught.value)
    for record in caplog.records:
        assert password not in record.getMessage()
        assert password not in repr(vars(record))


@pytest.mark.parametrize(
    "proxy", ["proxy.example.com:3128", "ftp://me:hunter2@proxy:1", "http://me:hunter2@proxy:port", "http://", "", 3]
)
def test_a_proxy_that_cannot_be_right_is_refused_by_name_without_its_password(connect: Connect, proxy: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^proxy must be a URL") as caught:
        connect("http://127.0.0.1:9", proxy=proxy)
    assert "hunter2" not in shown(caught.value)


@pytest.mark.parametrize("value", ["ftp://me:hunter2@proxy:1", "http://me:hunter2@proxy:port", "http://"])
def test_a_proxy_of_the_environment_that_cannot_be_right_is_refused_by_the_variables_name(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(ValueError, match="http_proxy") as caught:
        connect("http://127.0.0.1:9")
    assert "hunter2" not in shown(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down_is_a_connection_error_at_once(connect: Connect, scheme: str, closed_port: int) -> None:
    began = time.monotonic()
    with (
        connect(f"{scheme}://{NAME}", verify=False, timeout=20, proxy=f"http://127.0.0.1:{closed_port}") as client,
        pytest.raises(ClientConnectionError) as caught,
    ):
        client.create_docker_container("a@1")
    assert time.monotonic() - began < 10
    assert type(caught.value) is ClientConnectionError
    assert not caught.value.may_have_taken_effect
    assert caught.value.attempts == 3


@pytest.mark.parametrize("status", [403, 407])
def test_a_proxy_that_refuses_a_tunnel_is_a_connection_error_that_shows_its_status(
    connect: Connect, secure_agent: Agent, bundle: Path, status: int
) -> None:
    with (
        Proxy(refuse=status) as proxy,
        connect(secure_agent.url, "t0ken", verify=bundle, retries=0, proxy=proxy.url) as client,
        pytest.raises(ClientConnectionError) as caught,
    ):
        client.create_docker_container("a@1")
    assert type(caught.value) is ClientConnectionError
    assert str(status) in str(caught.value)
    assert not caught.value.may_have_taken_effect
    assert secure_agent.seen == []
    assert b"t0ken" not in proxy.heard


def test_a_proxy_that_refuses_to_forward_is_an_error_of_its_status(connect: Connect, agent: Agent) -> None:
    with (
        Proxy(user="me:hunter2") as proxy,
        connect(agent.url, proxy=proxy.url) as client,
        pytest.raises(HTTPError) as caught,
    ):
        client.create_docker_container("a@1")
    assert caught.value.status_code == 407
    assert agent.seen == []


def test_a_proxy_that_breaks_off_before_the_tunnel_stands_has_sent_nothing_on(connect: Connect, bundle: Path) -> None:
    with (
        Proxy(routes={f"{NAME}:443": ("127.0.0.1", 1)}) as proxy,
        connect(f"https://{NAME}", "t0ken", verify=bundle, retries=0, proxy=proxy.url) as client,
        pytest.raises(ClientConnectionError) as caught,
    ):
        client.create_docker_container("a@1")
    assert type(caught.value) is ClientConnectionError
    assert not caught.value.may_have_taken_effect


def test_a_proxy_that_is_silent_is_a_timeout_at_the_deadline_and_has_sent_nothing_on(
    connect: Connect, bundle: Path
) -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        proxy = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with (
            connect(f"https://{NAME}", verify=bundle, deadline=0.5, timeout=20, proxy=proxy) as client,
            pytest.raises(ClientTimeoutError) as caught,
        ):
            client.create_docker_container("a@1")
    assert time.monotonic() - began < 10
    assert not caught.value.may_have_taken_effect


@pytest.mark.parametrize("part", ["handshake", "body"])
def test_the_deadline_holds_within_two_encryptions_however_slowly_a_record_comes(
    connect: Connect, authority: trustme.CA, bundle: Path, part: str
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", NAME).configure_cert(tls)
    over = threading.Event()

    def serve(accepted: socket.socket) -> None:
        with tls.wrap_socket(accepted, server_side=True) as outer:
            read_head(outer)
            outer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            record = b"\x16\x03\x03\x20\x00" + bytes(1_000)
            if part == "body":
                inner = Encrypted(outer, tls)
                inner.handshake()
                inner.read()
                record = inner.record(response(200, body=b"x" * 1_000))
            for byte in record[:1_000]:
                outer.sendall(bytes([byte]))
                over.wait(DRIP_SECONDS)

    with served(serve) as port:
        proxy = httpx.Proxy(f"https://127.0.0.1:{port}", ssl_context=ssl.create_default_context(cafile=str(bundle)))
        with connect(f"https://{NAME}", verify=bundle, proxy=proxy, deadline=0.4, timeout=20) as client:
            began = time.monotonic()
            with pytest.raises(ClientTimeoutError) as caught:
                client.get_container(1)
            # All that is dripped takes twenty seconds.
            assert time.monotonic() - began < 10
        over.set()
    assert "the deadline of 0.4 s passed" in str(caught.value)


def options_of_sockets_to(port: int) -> list[list[int]]:
    """Return how this process's sockets that are connected to a port are kept alive."""
    names = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    ]
    found = []
    for file in Path("/proc/self/fd").iterdir():
        # Some are closed meanwhile, and some are not connected.
        with suppress(OSError):
            if not str(file.readlink()).startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(file.name))) as sock:
                # What is no internet socket has a peer without a port.
                if sock.getpeername()[1:2] == (port,):
                    found.append([sock.getsockopt(*name) for name in names])
    return found


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("way", ["direct", "argument", "environment"])
def test_every_socket_is_kept_alive_through_silence(
    connect: Connect,
    agent: Agent,
    secure_agent: Agent,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    way: str,
) -> None:
    asked = agent if scheme == "http" else secure_agent
    options: dict[str, Any] = {"verify": bundle} if scheme == "https" else {}
    with Proxy() as proxy:
        if way == "argument":
            options["proxy"] = proxy.url
        if way == "environment":
            monkeypatch.setenv(f"{scheme}_proxy", proxy.url)
        with connect(asked.url, retries=0, **options) as client:
            looked: list[list[int]] = []

            def look(seen: Any) -> Reply:
                del seen
                looked.extend(options_of_sockets_to(asked.port if way == "direct" else proxy.port))
                return Reply()

            asked.answer = look
            client.list_docker_containers()
    assert (proxy.asked == []) is (way == "direct")
    [[alive, idle, interval, no_delay]] = looked
    assert alive == no_delay == 1
    assert 0 < idle <= 120
    assert 0 < interval <= 60
