"""What the SDK says of its own accord: nothing, unless it is asked to, and never a secret."""

from __future__ import annotations

import ipaddress
import logging
import re
import subprocess
import sys
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from synapse_sdk import AgentClient, AsyncAgentClient
from synapse_sdk.exceptions import ClientError, ServerError
from tests.clients.agents import Agent, Reply, Seen
from tests.kinds import KINDS, get

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kinds import Connect

ROOT = Path(__file__).parents[2]
SECRETS = ("t0ken", "u5er", "acme-tenant", "hunter2", "s3cret-header")

# Four calls: one that succeeds, one that is tried again, one that fails, and one that is never answered.
PROGRAM = """
import sys
from synapse_sdk import exceptions
from tests.kinds import KINDS
connect = KINDS[sys.argv[3]]
options = {"user_token": "u5er", "tenant": "acme-tenant", "headers": {"X-Secret": "s3cret-header"}}
with connect(sys.argv[1], "t0ken", **options) as client, connect(sys.argv[2], "t0ken", retries=1) as nobody:
    client.list_docker_containers()
    client.get_container(503)
    for call in (
        lambda: client.create_docker_container("a@1", envs={"PASSWORD": "hunter2"}),
        lambda: nobody.get_docker_container("abc"),
    ):
        try:
            call()
        except exceptions.ClientError:
            pass
print("done")
"""


@pytest.fixture
def agent() -> Iterator[Agent]:
    busy = iter([True])

    def answer(seen: Seen) -> Reply:
        # It echoes secrets, as a careless agent does.
        if seen.method == "POST":
            return Reply({"detail": "PASSWORD is hunter2"}, 422, {"X-Request-ID": "req-3"})
        if seen.path.endswith("/503") and next(busy, False):
            return Reply({"detail": "t0ken"}, 503, {"Retry-After": "0", "X-Request-ID": "req-2"})
        return Reply({"id": 503} if seen.path.endswith("/503") else [{"id": "hunter2"}], headers={"X-Request-ID": "r1"})

    with Agent(answer) as agent:
        yield agent


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(("kind", "value"), [("sync", None), ("sync", "off"), ("asyncio", None), ("trio", "off")])
def test_nothing_is_printed_by_default_also_for_calls_that_fail_or_are_tried_again(
    agent: Agent, closed_url: str, kind: str, value: str | None
) -> None:
    environment = {} if value is None else {"SYNAPSE_LOG": value}
    done = run(PROGRAM, agent.url, closed_url, kind, **environment)
    assert done.stderr == ""
    assert done.stdout == "done\n"


@pytest.mark.parametrize(
    ("kind", "value"), [("sync", "info"), ("sync", "DEBUG"), ("asyncio", "DEBUG"), ("trio", "info")]
)
def test_a_variable_switches_on_one_line_a_call_and_one_a_retry(
    agent: Agent, closed_url: str, kind: str, value: str
) -> None:
    done = run(PROGRAM, agent.url, closed_url, kind, SYNAPSE_LOG=value)
    lines = [re.sub(r"^[\d-]+ [\d:,]+ ", "", line) for line in done.stderr.splitlines()]
    patterns = [
        r"INFO synapse_sdk: GET /containers/docker/: 200 in \d+\.\d{3} s, attempts 1, request id r1",
        r"WARNING synapse_sdk: GET /containers/503: attempt 1 of 3 failed, .*503.*; trying again in 0\.00 s",
        r"INFO synapse_sdk: GET /containers/503: 200 in \d+\.\d{3} s, attempts 2, request id r1",
        r"INFO synapse_sdk: POST /containers/docker/: 422 in \d+\.\d{3} s, attempts 1, request id req-3",
        r"WARNING synapse_sdk: GET /containers/docker/abc: attempt 1 of 2 failed, .*refused.*; trying again in \d.* s",
        r"INFO synapse_sdk: GET /containers/docker/abc: no answer in \d+\.\d{3} s, attempts 2, request id none",
    ]
    assert len(lines) == len(patterns), done.stderr
    for line, pattern in zip(lines, patterns, strict=True):
        assert re.fullmatch(pattern, line), line
    for secret in SECRETS:
        assert secret not in done.stderr
    assert done.stdout == "done\n"


@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_logs_itself_has_each_line_once(agent: Agent, closed_url: str, kind: str) -> None:
    program = f"import logging; logging.basicConfig(level='INFO', format='%(name)s %(message)s'){PROGRAM}"
    done = run(program, agent.url, closed_url, kind, SYNAPSE_LOG="info")
    assert len(re.findall("GET /containers/docker/: 200", done.stderr)) == 1


def own(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name.partition(".")[0] == "synapse_sdk"]


def test_a_call_is_logged_as_info_and_a_retry_as_warning(
    connect: Connect, agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with connect(agent.url, "t0ken") as client:
        client.get_container(503)
        client.list_docker_containers()
    records = [(record.levelname, record.getMessage().partition(":")[0]) for record in own(caplog)]
    assert records == [
        ("WARNING", "GET /containers/503"),
        ("INFO", "GET /containers/503"),
        ("INFO", "GET /containers/docker/"),
    ]


def test_every_retry_is_one_record_with_its_reason_and_its_wait(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "synapse_sdk")
    with (
        Agent(lambda _seen: Reply({"detail": "hunter2"}, 503, {"Retry-After": "0"})) as agent,
        connect(agent.url, retries=3) as client,
        pytest.raises(ServerError),
    ):
        client.list_docker_containers()
    messages = [record.getMessage() for record in own(caplog)]
    assert messages == [
        f"GET /containers/docker/: attempt {number} of 4 failed, it was answered 503; trying again in 0.00 s"
        for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("level", ["ERROR", "WARNING", "INFO"])
def test_no_record_is_made_below_the_programs_level(
    connect: Connect, agent: Agent, caplog: pytest.LogCaptureFixture, level: str
) -> None:
    caplog.set_level(level, "synapse_sdk")
    with connect(agent.url) as client:
        client.get_container(503)
    assert [record.levelname for record in own(caplog)] == {
        "ERROR": [],
        "WARNING": ["WARNING"],
        "INFO": ["WARNING", "INFO"],
    }[level]


def test_no_logger_of_any_library_says_a_secret_during_a_call(
    connect: Connect, agent: Agent, closed_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options: dict[str, Any] = {
        "user_token": "u5er",
        "tenant": "acme-tenant",
        "headers": {"X-Secret": "s3cret-header"},
    }
    for url in (agent.url, closed_url):
        with connect(url, "t0ken", retries=1, **options) as client:
            calls: list[Callable[[], Any]] = [
                partial(client.create_docker_container, "a@1", envs={"PASSWORD": "hunter2"}),
                client.list_docker_containers,
                partial(get, client, "/containers/docker/"),
            ]
            for call in calls:
                with suppress(ClientError, httpx.HTTPError):
                    call()
    assert any(record.name.startswith("httpcore") for record in caplog.records)
    for record in caplog.records:
        for secret in SECRETS:
            assert secret not in record.getMessage()


@pytest.mark.parametrize(
    "container_id", ["abc\n2026-01-01 INFO synapse_sdk: forged", "abc\r\nforged", "abc\u2028forged", "abc\x1b[2Jforged"]
)
def test_a_containers_id_cannot_forge_a_line(
    connect: Connect, caplog: pytest.LogCaptureFixture, container_id: str
) -> None:
    caplog.set_level(logging.INFO)
    with Agent(lambda _seen: Reply({"id": "abc"})) as agent, connect(agent.url) as client:
        client.get_docker_container(container_id)
    for record in caplog.records:
        assert record.getMessage().isprintable()


@pytest.mark.parametrize("given", ["r1\x1b[2J\x1b[31mforged", "r1\x85forged", "r1\u2028forged", "r" * 20_000])
def test_an_answers_request_id_cannot_forge_a_line_or_fill_the_log(
    connect: Connect, caplog: pytest.LogCaptureFixture, given: str
) -> None:
    caplog.set_level(logging.INFO, "synapse_sdk")
    as_sent = given.encode().decode("latin-1")
    with (
        Agent(lambda _seen: Reply([], headers={"X-Request-ID": as_sent})) as agent,
        connect(agent.url) as client,
    ):
        client.list_docker_containers()
    [record] = own(caplog)
    assert record.getMessage().isprintable()
    assert len(record.getMessage()) < 500


def test_a_reason_to_try_again_cannot_forge_a_line(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "synapse_sdk")

    def refuse(_seen: Seen) -> Reply:
        return Reply(b"", 502, {"X-Bad\r\nhead": "1", "Retry-After": "0"})

    with Agent(refuse) as agent, connect(agent.url, retries=1) as client, pytest.raises(ClientError):
        client.list_docker_containers()
    assert len(own(caplog)) == 2
    for record in own(caplog):
        assert record.getMessage().isprintable()


def unseen_host() -> str:
    return f"{uuid4().hex}.example.com"


def warned_of(connect: Connect, url: str, token: str | None, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with connect(url, token, **options):
            pass
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("host", ["{name}", "{name}:8000", "{name}/agent", "{v4}:8000", "[{v6}]"])
def test_a_token_over_plain_http_to_another_machine_is_warned_of_without_being_shown(
    connect: Connect, host: str
) -> None:
    name = unseen_host()
    v4 = ipaddress.IPv4Address(0x0A000000 + int(name[:6], 16))
    url = f"http://{host.format(name=name, v4=v4, v6=ipaddress.IPv6Address(f'fe80::{name[:4]}:{name[4:8]}'))}"
    [text] = warned_of(connect, url, "t0ken")
    assert url in text
    assert "https" in text
    assert "t0ken" not in text


@pytest.mark.parametrize("credential", ["user_token", "tenant"])
def test_any_credential_over_plain_http_is_warned_of(connect: Connect, credential: str) -> None:
    assert len(warned_of(connect, f"http://{unseen_host()}", None, **{credential: "hunter2"})) == 1


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "http://127.0.0.1:8000", "http://127.1.2.3", "http://[::1]:8000", "http://localhost"]
)
def test_a_token_over_plain_http_to_this_machine_is_not_warned_of(connect: Connect, url: str) -> None:
    assert warned_of(connect, url, "t0ken") == []


def test_https_or_no_token_is_not_warned_of(connect: Connect) -> None:
    assert warned_of(connect, f"https://{unseen_host()}", "t0ken") == []
    assert warned_of(connect, f"http://{unseen_host()}", None) == []


@pytest.mark.parametrize("kind", [AgentClient, AsyncAgentClient])
def test_the_warning_points_to_the_programs_own_line(kind: Callable[[str, str], object]) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind(f"http://{unseen_host()}", "t0ken")
    [warning] = caught
    assert warning.filename == __file__


def test_a_program_is_warned_once_of_one_origin_whatever_its_filters_and_however_many_clients_it_makes(
    connect: Connect,
) -> None:
    first, second = unseen_host(), unseen_host()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(100):
            with connect(f"http://{first}", "t0ken") as client:
                client.with_options(retries=0)
        with connect(f"http://{first}/agent", "t0ken"), connect(f"http://{first}:80", "other"):
            pass
        with connect(f"http://{second}", "t0ken"):
            pass
    assert [re.sub(r".*http://(\w+).*", r"\1", str(warning.message)) for warning in caught] == [
        first.partition(".")[0],
        second.partition(".")[0],
    ]


def test_where_warnings_are_errors_every_such_client_is_refused(connect: Connect) -> None:
    host = unseen_host()
    for _ in range(2):
        with pytest.raises(UserWarning, match="https"):
            connect(f"http://{host}", "t0ken")
