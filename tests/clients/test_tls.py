"""Who the agent is, and who the client is, proven by certificates."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key as load_key

from synapse_sdk.clients._tls import ssl_context
from synapse_sdk.exceptions import ClientConnectionError, ClientTimeoutError, RedirectError
from tests.clients.agents import Agent, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.kinds import Connect

ROOT = Path(__file__).parents[2]


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
    return context


@pytest.fixture
def agent(authority: trustme.CA) -> Iterator[Agent]:
    with Agent(tls=server_side(authority)) as agent:
        yield agent


def hashed_folder(authority: trustme.CA, folder: Path) -> Path:
    """Make a folder in which OpenSSL finds an authority's certificate by the hash of its name, as `c_rehash` does."""
    subject = x509.load_pem_x509_certificate(authority.cert_pem.bytes()).subject
    canonical = x509.Name(
        [x509.NameAttribute(one.oid, " ".join(str(one.value).lower().split())) for one in subject]
    ).public_bytes()
    # What is hashed is the name without the outermost tag and length, which are two bytes for a short name.
    assert canonical[1] < 0x80
    digest = hashlib.sha1(canonical[2:], usedforsecurity=False).digest()
    authority.cert_pem.write_to_path(str(folder / f"{int.from_bytes(digest[:4], 'little'):08x}.0"))
    return folder


def test_an_agent_whose_authority_is_unknown_is_refused_at_once_with_a_text_about_certificates(
    connect: Connect, agent: Agent
) -> None:
    began = time.monotonic()
    with connect(agent.url, "t0ken") as client, pytest.raises(ClientConnectionError) as caught:
        client.create_docker_container("a@1")
    assert time.monotonic() - began < 10
    assert type(caught.value) is ClientConnectionError
    assert "certificate" in str(caught.value)
    assert "(verify names the certificates to trust)" in str(caught.value)
    assert caught.value.attempts == 1
    assert not caught.value.may_have_taken_effect
    assert agent.seen == []


@pytest.mark.parametrize("form", ["str", "Path", "folder", "context", "False"])
def test_verify_takes_a_file_a_folder_a_context_or_false(
    connect: Connect, agent: Agent, authority: trustme.CA, bundle: Path, tmp_path: Path, form: str
) -> None:
    forms: dict[str, Any] = {
        "str": str(bundle),
        "Path": bundle,
        "folder": hashed_folder(authority, tmp_path),
        "context": ssl.create_default_context(cafile=str(bundle)),
        "False": False,
    }
    with connect(agent.url, "t0ken", verify=forms[form]) as client:
        assert client.list_docker_containers() == []
    assert [seen.headers["authorization"] for seen in agent.seen] == ["t0ken"]


def test_verify_takes_any_object_that_is_a_path(connect: Connect, agent: Agent, bundle: Path) -> None:
    class Located:
        def __fspath__(self) -> str:
            return str(bundle)

    with connect(agent.url, verify=Located()) as client:
        assert client.list_docker_containers() == []


def test_a_folder_without_the_authority_refuses(connect: Connect, agent: Agent, tmp_path: Path) -> None:
    with connect(agent.url, verify=tmp_path) as client, pytest.raises(ClientConnectionError, match="certificate"):
        client.list_docker_containers()


def test_the_systems_variables_name_the_authorities(
    connect: Connect, agent: Agent, authority: trustme.CA, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with connect(agent.url) as client:
        assert client.list_docker_containers() == []
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("SSL_CERT_DIR", str(hashed_folder(authority, tmp_path)))
    with connect(agent.url) as client:
        assert client.list_docker_containers() == []


def test_a_certificate_for_another_host_is_refused(connect: Connect, authority: trustme.CA, bundle: Path) -> None:
    with (
        Agent(tls=server_side(authority, "elsewhere.example.com")) as agent,
        connect(agent.url, verify=bundle) as client,
        pytest.raises(ClientConnectionError, match=r"certificate is not valid for '127.0.0.1'"),
    ):
        client.list_docker_containers()
    assert agent.seen == []


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def demanding_agent(request: pytest.FixtureRequest, authority: trustme.CA) -> Iterator[Agent]:
    """An agent that demands a certificate of its clients."""
    context = server_side(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = request.param
    authority.configure_trust(context)
    with Agent(tls=context) as agent:
        yield agent


def write_own_certificate(authority: trustme.CA, folder: Path, password: bytes | None = None) -> tuple[Path, Path]:
    """Write a client's certificate and its key, and return both paths."""
    own = authority.issue_cert("program@example.com")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(own.cert_chain_pems[0].bytes())
    written = own.private_key_pem.bytes()
    if password is not None:
        written = load_key(written, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password)
        )
    key.write_bytes(written)
    return certificate, key


def names_of(certificate: Any) -> list[str]:
    return [value for _, value in certificate["subjectAltName"]]


@pytest.mark.parametrize("verify", ["path", "context", "False"])
def test_the_clients_own_certificate_is_given_as_one_file_or_as_two(
    connect: Connect, demanding_agent: Agent, authority: trustme.CA, bundle: Path, tmp_path: Path, verify: str
) -> None:
    certificate, key = write_own_certificate(authority, tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    for cert in (both, str(both), (str(certificate), str(key))):
        ways: dict[str, Any] = {
            "path": bundle,
            "context": ssl.create_default_context(cafile=str(bundle)),
            "False": False,
        }
        with connect(demanding_agent.url, verify=ways[verify], cert=cert) as client:
            assert client.list_docker_containers() == []
    assert [names_of(seen.certificate) for seen in demanding_agent.seen] == [["program@example.com"]] * 3


def test_the_clients_own_key_may_be_locked_with_a_password(
    connect: Connect, demanding_agent: Agent, authority: trustme.CA, bundle: Path, tmp_path: Path
) -> None:
    certificate, key = write_own_certificate(authority, tmp_path, b"hunter2")
    cert = (str(certificate), str(key), "hunter2")
    with connect(demanding_agent.url, verify=bundle, cert=cert) as client:
        assert client.list_docker_containers() == []
        assert "hunter2" not in repr(vars(client._connections))
    with pytest.raises(ValueError, match=r"key\.pem") as caught:
        connect(demanding_agent.url, verify=bundle, cert=(str(certificate), str(key), "hunter3"))
    assert "hunter3" not in str(caught.value)


@pytest.mark.parametrize("name", ["AgentClient", "AsyncAgentClient"])
def test_a_locked_key_without_its_password_is_an_error_and_nobody_is_asked_for_it(
    authority: trustme.CA, tmp_path: Path, name: str
) -> None:
    certificate, key = write_own_certificate(authority, tmp_path, b"hunter2")
    script = f"import sys; from synapse_sdk import *; {name}('https://127.0.0.1:9', cert=tuple(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", script, certificate, key],
        cwd=ROOT,
        input="hunter2\n",
        capture_output=True,
        text=True,
        timeout=20,
        # Without a terminal, which would be asked in place of the standard input.
        start_new_session=True,
        check=False,
    )
    assert "pass phrase" not in done.stderr
    assert done.returncode == 1
    assert "password" in done.stderr.splitlines()[-1]


def test_an_agent_that_demands_a_certificate_refuses_a_client_without_one(
    connect: Connect, demanding_agent: Agent, bundle: Path
) -> None:
    began = time.monotonic()
    with (
        connect(demanding_agent.url, verify=bundle, retries=0, timeout=20) as client,
        pytest.raises(ClientConnectionError),
    ):
        client.list_docker_containers()
    assert time.monotonic() - began < 10
    assert demanding_agent.seen == []


def test_an_agent_that_demands_a_certificate_refuses_one_of_another_authority(
    connect: Connect, demanding_agent: Agent, bundle: Path, tmp_path: Path
) -> None:
    certificate, key = write_own_certificate(trustme.CA(), tmp_path)
    with (
        connect(demanding_agent.url, verify=bundle, cert=(str(certificate), str(key)), retries=0) as client,
        pytest.raises(ClientConnectionError),
    ):
        client.list_docker_containers()
    assert demanding_agent.seen == []


@pytest.mark.parametrize("options", [{"verify": "{}"}, {"cert": "{}"}, {"cert": ("{}", "key.pem")}])
def test_a_certificate_that_is_not_there_is_an_error_that_names_the_argument_and_the_file(
    connect: Connect, tmp_path: Path, options: dict[str, Any]
) -> None:
    [(argument, value)] = options.items()
    missing = str(tmp_path / "missing.pem")
    given: Any = value.format(missing) if isinstance(value, str) else tuple(one.format(missing) for one in value)
    with pytest.raises(ValueError, match=argument) as caught:
        connect("https://127.0.0.1:9", **{argument: given})
    assert missing in str(caught.value)


@pytest.mark.parametrize("argument", ["verify", "cert"])
def test_a_file_that_holds_no_certificate_is_an_error_that_names_the_argument_and_the_file(
    connect: Connect, tmp_path: Path, argument: str
) -> None:
    other = tmp_path / "other.pem"
    other.write_text("no certificate\n")
    with pytest.raises(ValueError, match=argument) as caught:
        connect("https://127.0.0.1:9", **{argument: str(other)})
    assert str(other) in str(caught.value)


def test_a_variable_that_names_no_file_is_an_error_that_names_both(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "missing.pem")
    monkeypatch.setenv("SSL_CERT_FILE", missing)
    with pytest.raises(ValueError, match="SSL_CERT_FILE") as caught:
        connect("https://127.0.0.1:9")
    assert missing in str(caught.value)


@pytest.mark.parametrize("options", [{"verify": 1}, {"verify": None}, {"cert": 1}, {"cert": ()}, {"cert": ("a", 1)}])
def test_a_verify_or_cert_of_another_type_is_refused(connect: Connect, options: dict[str, Any]) -> None:
    [argument] = options
    with pytest.raises(TypeError, match=f"^{argument} must be"):
        connect("https://127.0.0.1:9", **options)


def test_a_client_of_plain_http_reads_no_certificates(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with Agent() as agent, connect(agent.url) as client:
        assert client.list_docker_containers() == []


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A port that takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "options", [{"deadline": 0.4, "timeout": 20}, {"timeout": {"connect": 0.4, "read": 20}, "retries": 0}]
)
def test_a_handshake_that_never_finishes_is_a_timeout(
    connect: Connect, mute_port: int, options: dict[str, Any]
) -> None:
    began = time.monotonic()
    with (
        connect(f"https://127.0.0.1:{mute_port}", **options) as client,
        pytest.raises(ClientTimeoutError) as caught,
    ):
        client.create_docker_container("a@1")
    assert 0.3 < time.monotonic() - began < 10
    assert not caught.value.may_have_taken_effect


def test_a_handshake_that_drips_ends_at_the_deadline(connect: Connect) -> None:
    # The record of a server's handshake message, of which a byte comes now and then.
    record = b"\x16\x03\x03\x40\x00\x02" + bytes(0x3FFF)
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for byte in record:
                if over.wait(0.02):
                    return
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        began = time.monotonic()
        with (
            connect(f"https://127.0.0.1:{listener.getsockname()[1]}", deadline=0.5, timeout=20) as client,
            pytest.raises(ClientTimeoutError),
        ):
            client.list_docker_containers()
        assert time.monotonic() - began < 10
        over.set()
        thread.join()


def test_a_client_that_is_closed_during_a_handshake_ends_its_call_at_once(connect: Connect, mute_port: int) -> None:
    client = connect(f"https://127.0.0.1:{mute_port}", timeout={"connect": 15}, retries=0)
    ended: list[tuple[BaseException, float]] = []

    def call() -> None:
        try:
            client.list_docker_containers()
        except Exception as error:  # noqa: BLE001 - it is looked at below
            ended.append((error, time.monotonic()))

    thread = threading.Thread(target=call)
    thread.start()
    wait_for_connection_of(mute_port)
    closed = time.monotonic()
    client.close()
    thread.join(20)
    [(error, when)] = ended
    assert isinstance(error, ClientConnectionError)
    assert "closed" in str(error)
    assert when - closed < 10


def wait_for_connection_of(port: int) -> None:
    """Wait until this machine has an established connection to a port."""
    remote = f"0100007F:{port:04X} 01"
    until = time.monotonic() + 10
    while remote not in Path("/proc/self/net/tcp").read_text():
        assert time.monotonic() < until, "no connection came"
        time.sleep(0.01)


def test_a_redirect_to_https_names_the_base_url_that_then_works(
    connect: Connect, authority: trustme.CA, bundle: Path
) -> None:
    with Agent(tls=server_side(authority)) as secure:
        moved = Reply(b"", 308, {"Location": f"{secure.url}/agent/containers/docker/"})
        with Agent(lambda _seen: moved) as plain:
            with (
                connect(f"{plain.url}/agent", "t0ken", user_token="u5er") as client,
                pytest.raises(RedirectError) as caught,
            ):
                client.create_docker_container("a@1")
            suggested = f"{secure.url}/agent"
            assert f"give base_url={suggested!r}" in str(caught.value)
            assert len(plain.seen) == 1
        assert secure.seen == []
        with connect(suggested, verify=bundle) as client:
            assert client.list_docker_containers() == []


def test_one_connection_serves_many_calls(connect: Connect, agent: Agent, bundle: Path) -> None:
    with connect(agent.url, verify=bundle) as client:
        for _ in range(5):
            client.list_docker_containers()
    assert len({seen.port for seen in agent.seen}) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_leaves_the_parents_encrypted_connection_as_it_is(agent: Agent, bundle: Path) -> None:
    script = """
import os, sys
from synapse_sdk import AgentClient
client = AgentClient(sys.argv[1], verify=sys.argv[2])
client.list_docker_containers()
child = os.fork()
if not child:
    client.list_docker_containers()
    client.close()
    sys.exit()
assert os.waitpid(child, 0)[1] == 0
client.list_docker_containers()
client.close()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, agent.url, bundle],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, child, after = (seen.port for seen in agent.seen)
    assert before == after != child


def test_clients_with_nothing_of_their_own_share_what_they_read_of_the_systems_certificates(
    authority: trustme.CA, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    shared = ssl_context(True, None)
    assert ssl_context(True, None) is shared
    assert shared.verify_mode is ssl.CERT_REQUIRED
    assert shared.check_hostname
    # One that presents a certificate is nobody else's.
    certificate, key = write_own_certificate(authority, tmp_path)
    assert ssl_context(True, (certificate, key)) is not shared
    # Files that the environment names may change while a program runs.
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    named = ssl_context(True, None)
    assert named is not shared
    assert ssl_context(True, None) is not named
