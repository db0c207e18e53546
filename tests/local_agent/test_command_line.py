"""The agent's command line, as a process of its own."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.command_line import default_database, main
from tests.local_agent.support import TELLS, Api, ended, make_release, wait_until

MODULE = [sys.executable, "-m", "synapse_sdk.local_agent"]
FIRST = "Synapse local agent listening on "


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A place for the default database, which must not be the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SYNAPSE_AGENT_TOKEN", raising=False)
    return tmp_path


@contextlib.contextmanager
def running(*arguments: str | Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the agent, and yield its process and its URL."""
    process = subprocess.Popen(
        [*MODULE, "--engine", "process", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        first = process.stdout.readline()
        assert first.startswith(FIRST), process.communicate()
        yield process, first.removeprefix(FIRST).rstrip("\n")
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def ends(process: "subprocess.Popen[str]", number: int) -> tuple[int, str, str]:
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_listens_until_it_is_interrupted_and_leaves_no_child(plugins: Path, number: int) -> None:
    make_release(plugins, TELLS)
    with running("--port", "0", "--token", "T", "--plugins", plugins) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(f"{url}/containers/").status_code == 401
        with Api(base_url=url, headers={"Authorization": "T"}) as api:
            pid = httpx.get(api.create()["endpoint"]).json()["pid"]
        assert not ended(pid)
        assert ends(process, number) == (0, "", "")
    assert ended(pid)


def test_it_makes_a_token_and_prints_it_ready_to_be_pasted(plugins: Path) -> None:
    with running("--port", "0", "--plugins", plugins) as (process, url):
        assert process.stdout
        second = process.stdout.readline()
        shell = ["/bin/sh", "-c", f"{second}\nprintenv SYNAPSE_AGENT_URL SYNAPSE_AGENT_TOKEN"]
        said, token = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.split()
        assert said == url
        assert len(token) >= 32
        assert httpx.get(f"{url}/containers/", headers={"Authorization": token}).status_code == 200


def test_the_token_may_come_from_the_environment(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNAPSE_AGENT_TOKEN", "from-outside")
    with running("--port", "0", "--plugins", plugins) as (process, url):
        assert httpx.get(f"{url}/containers/", headers={"Authorization": "from-outside"}).status_code == 200
        assert ends(process, signal.SIGINT) == (0, "", "")


def test_it_lets_everybody_in_when_told_to(plugins: Path) -> None:
    with running("--port", "0", "--no-auth", "--plugins", plugins) as (process, url):
        assert httpx.get(f"{url}/containers/").status_code == 200
        assert ends(process, signal.SIGTERM) == (0, "", "")


def test_pages_of_the_origins_that_are_named_may_ask(plugins: Path) -> None:
    origins = ["http://localhost:3000", "https://app.example.com"]
    options = [part for origin in origins for part in ("--cors-origin", origin)]
    with running("--port", "0", "--no-auth", "--plugins", plugins, *options) as (process, url):
        for origin in [*origins, "http://localhost:3001"]:
            headers = httpx.get(f"{url}/health/", headers={"Origin": origin}).headers
            assert headers.get("Access-Control-Allow-Origin") == (origin if origin in origins else None)
        assert ends(process, signal.SIGTERM) == (0, "", "")


def test_records_survive_from_run_to_run_in_the_default_database(plugins: Path, home: Path) -> None:
    make_release(plugins)
    arguments = ("--port", "0", "--no-auth", "--plugins", plugins)
    with running(*arguments) as (_, url), Api(base_url=url) as api:
        created = api.create()
    assert (home / "state" / "synapse-sdk" / "local-agent.db").is_file()
    with running(*arguments) as (_, url), Api(base_url=url) as api:
        assert api.record(created["record_id"])["status"] == "stopped"


def test_an_interrupted_create_is_answered_and_leaves_nothing(plugins: Path) -> None:
    make_release(plugins, "import os; print(os.getpid(), flush=True); import time; time.sleep(600)")
    with (
        running("--port", "0", "--no-auth", "--plugins", plugins) as (process, url),
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as connection,
        Api(base_url=url) as api,
    ):
        body = b'{"plugin_release": "sample@1.0"}'
        head = b"POST /containers/docker/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        connection.sendall(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        wait_until(lambda: api.records(status="starting"))
        assert ends(process, signal.SIGINT) == (0, "", "")
        assert connection.recv(65536).startswith(b"HTTP/1.1 503 ")


def test_without_docker_the_containers_are_processes_and_that_is_said(
    plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{plugins}/nowhere.sock")
    with running("--port", "0", "--no-auth", "--plugins", plugins, "--engine", "auto") as (process, url):
        assert httpx.get(f"{url}/health/").json()["engine"]["name"] == "process"
        said = "Docker does not answer: containers are run by the engine process.\n"
        assert ends(process, signal.SIGINT) == (0, "", said)


def test_docker_may_come_later(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{plugins}/nowhere.sock")
    make_release(plugins)
    with running("--port", "0", "--no-auth", "--plugins", plugins, "--engine", "docker") as (process, url):
        health = httpx.get(f"{url}/health/").json()
        assert (health["status"], health["engine"]["name"]) == ("degraded", "docker")
        assert health["engine"]["detail"].endswith("nowhere.sock: No such file or directory.")
        response = httpx.post(f"{url}/containers/docker/", json={"plugin_release": "sample@1.0"})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert httpx.get(f"{url}/containers/").json()["results"] == []
        assert ends(process, signal.SIGINT)[0] == 0


def test_requests_are_logged_when_asked_for(plugins: Path) -> None:
    with running("--port", "0", "--token", "secret-token", "--plugins", plugins, "-v") as (process, url):
        httpx.get(f"{url}/containers/", headers={"Authorization": "secret-token"})
        _, _, err = ends(process, signal.SIGINT)
    assert "GET /containers/ 200" in err
    assert "secret-token" not in err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run the agent in this process with what it must refuse, and return its last line."""
    with pytest.raises(SystemExit) as caught:
        main(["--engine", "process", *map(str, arguments)])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err.rstrip("\n").splitlines()[-1].removeprefix("synapse-local-agent: error: ")


def test_what_it_cannot_run_with_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], plugins: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert "Address already in use" in refused(capsys, "--plugins", plugins, "--port", port)
    assert "nowhere is not there" in refused(capsys, "--plugins", tmp_path / "nowhere", "--port", "0")
    assert "70000 is not a port" in refused(capsys, "--plugins", plugins, "--port", "70000")
    database = ("--plugins", plugins, "--port", "0", "--database")
    assert "Could not parse SQLAlchemy URL" in refused(capsys, *database, "nonsense")
    assert "unable to open database file" in refused(capsys, *database, f"sqlite:///{tmp_path}/no/where.db")
    assert "cannot start" in refused(capsys, *database, "mysql://localhost/x")
    assert "visible ASCII" in refused(capsys, "--plugins", plugins, "--token", "")
    assert "invalid number of seconds value: '-1'" in refused(capsys, "--plugins", plugins, "--start-timeout=-1")
    assert "the following arguments are required: --plugins" in refused(capsys)
    slash = refused(capsys, "--plugins", plugins, "--cors-origin", "http://localhost:3000/")
    assert slash.startswith("argument --cors-origin: 'http://localhost:3000/' is not an origin.")
    everybody = refused(capsys, "--plugins", plugins, "--no-auth", "--cors-origin", "*")
    assert everybody.startswith("cors_origins cannot be * without authentication")
    assert "invalid choice: 'steam'" in refused(capsys, "--plugins", plugins, "--engine", "steam")


def test_it_refuses_to_be_open_to_all_beyond_this_machine(capsys: pytest.CaptureFixture[str], plugins: Path) -> None:
    for host in ("0.0.0.0", "::"):  # noqa: S104
        expected = f"Without authentication the agent listens on this machine alone, not on {host}."
        assert refused(capsys, "--plugins", plugins, "--no-auth", "--host", host) == expected


def test_it_runs_in_this_process_too(
    plugins: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start = LocalAgent.start

    def interrupted(agent: LocalAgent) -> None:
        start(agent)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(LocalAgent, "start", interrupted)
    before = signal.getsignal(signal.SIGINT)
    options = ["--plugins", str(plugins), "--port", "0", "--engine", "process"]
    assert main([*options, "--start-timeout", "30", "--stop-grace", "5"]) == 0
    assert signal.getsignal(signal.SIGINT) is before
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(FIRST)
    assert second.startswith("export SYNAPSE_AGENT_URL=http://127.0.0.1:")


def test_the_default_database_is_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert default_database() == f"sqlite:///{tmp_path}/.local/state/synapse-sdk/local-agent.db"
    assert (tmp_path / ".local" / "state" / "synapse-sdk").is_dir()


def test_help_says_what_every_option_does(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    options = ["plugins", "host", "port", "token", "no-auth", "database", "engine", "start-timeout", "stop-grace"]
    options += ["base-image", "memory", "pids", "build-network", "manage-all", "cors-origin"]
    assert all(f"--{option}" in text for option in options)
    assert "Ctrl-C stops it" in " ".join(text.split())
    assert "SYNAPSE_AGENT_TOKEN" in text
