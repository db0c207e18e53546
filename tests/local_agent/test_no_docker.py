"""The Docker engine where there is no Docker: what is said of that, and what needs none."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.command_line import main
from synapse_sdk.local_agent.engines import Container, ContainerSpec, ProcessEngine, make_engine
from synapse_sdk.local_agent.engines.docker import DockerEngine, container_of, environment, exit_code, in_microseconds
from synapse_sdk.local_agent.engines.ports import listening_addresses
from synapse_sdk.local_agent.errors import UnavailableError
from synapse_sdk.local_agent.releases import Releases
from tests.local_agent.support import TOKEN, Api, make_release


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where no daemon is."""
    for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    address = f"unix://{tmp_path / 'socket'}"
    monkeypatch.setenv("DOCKER_HOST", address)
    return address


@pytest.fixture
def without_docker(plugins: Path) -> Iterator[Api]:
    make_release(plugins)
    with (
        LocalAgent(plugins, token=TOKEN, engine="docker", validate_responses=True) as agent,
        Api(base_url=agent.url, headers={"Authorization": TOKEN}) as api,
    ):
        yield api
    assert agent.violations == []


def test_an_agent_without_a_daemon_serves_its_records_and_says_what_is_missing(
    without_docker: Api, nowhere: str, caplog: pytest.LogCaptureFixture
) -> None:
    why = f"Docker does not answer at {nowhere}: No such file or directory."
    health = without_docker.get("/health/").json()
    assert (health["status"], health["database"]["status"]) == ("degraded", "ok")
    assert health["engine"] == {"name": "docker", "status": "unavailable", "detail": why}
    path = f"/containers/docker/{'a' * 64}"
    for method, asked in (
        ("GET", "/containers/docker/"),
        ("GET", path),
        ("GET", f"{path}/logs/"),
        ("POST", f"{path}/stop/"),
        ("POST", f"{path}/start/"),
        ("DELETE", path),
        ("POST", "/containers/docker/"),
    ):
        body = {"plugin_release": "sample@1.0"} if asked == "/containers/docker/" and method == "POST" else None
        response = without_docker.request(method, asked, json=body)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5"), asked
        assert response.json()["detail"] == why
    assert without_docker.records() == []
    # Once, however often it was tried.
    assert [record.getMessage() for record in caplog.get_records("setup") + caplog.records] == [why]


def test_a_release_that_is_not_there_is_told_without_a_daemon(without_docker: Api) -> None:
    response = without_docker.post("/containers/docker/", json={"plugin_release": "other@1.0"})
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("tcp://127.0.0.1:{closed}", "Connection refused"),
        ("nonsense://", "nonsense"),
        ("ssh://user@host", "paramiko"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(monkeypatch: pytest.MonkeyPatch, host: str, why: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        host = host.format(closed=bound.getsockname()[1])
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(UnavailableError, match=rf"^Docker does not answer at .*{why}.*\.$") as caught:
            DockerEngine().check()
    assert str(caught.value).count(".\n") == 0


def test_a_daemon_that_is_silent_takes_too_long(tmp_path: Path, nowhere: str) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "socket"))
        silent.listen()
        engine = DockerEngine()
        found: list[str] = []

        def check() -> None:
            with pytest.raises(UnavailableError) as caught:
                engine.check()
            found.append(str(caught.value))

        # Nobody waits for the attempt of another.
        threads = [threading.Thread(target=check) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
    assert found == [f"Docker does not answer at {nowhere}: it took too long."] * 8


def test_a_server_that_is_no_daemon_is_told_from_one(tmp_path: Path, nowhere: str) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "socket"))
        other.listen()

        def serve() -> None:
            while True:
                connection, _ = other.accept()
                with connection:
                    if connection.recv(65536):
                        connection.sendall(b"SSH-2.0-OpenSSH\r\n")
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(UnavailableError, match=f"^Docker does not answer at {nowhere}: "):
            DockerEngine().check()


def test_the_engine_is_that_of_processes_where_no_daemon_answers() -> None:
    assert isinstance(make_engine("auto"), ProcessEngine)


def test_an_agent_on_the_docker_engine_ends_without_a_daemon(plugins: Path) -> None:
    with LocalAgent(plugins, engine="docker"):
        before = {thread.name for thread in threading.enumerate()}
    assert "synapse-docker-events" in before
    assert "synapse-docker-events" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"memory": "x"}, "^memory: 'x' is no size such as 512m or 2g.$"),
        ({"memory": "1.m.g"}, "^memory: '1.m.g' is no size"),
        ({"memory": "nang"}, "^memory: 'nang' is no size"),
        ({"memory": "m"}, "^memory: 'm' is no size"),
        ({"memory": ""}, "^memory: a container needs at least 6m"),
        ({"memory": "1m"}, "^memory: a container needs at least 6m, not 1m.$"),
        ({"memory": "-2g"}, "^memory: a container needs at least 6m, not -2g.$"),
        ({"pids": 0}, "^pids: a container needs at least one process, not 0.$"),
    ],
)
def test_a_limit_that_cannot_be_one_is_refused_by_name(options: dict[str, Any], why: str) -> None:
    for name in ("docker", "auto"):
        with pytest.raises(ValueError, match=why):
            make_engine(name, **options)


def test_sizes_are_docker_s() -> None:
    for size in ("64m", "64M", "64mb", "0.5g", str(64 * 2**20), "65536k"):
        assert make_engine("docker", memory=size).name == "docker"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err.rstrip("\n").rpartition("synapse-local-agent: error: ")[2]


def test_the_command_line_refuses_bad_options_in_one_line(
    capsys: pytest.CaptureFixture[str], plugins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    docker = ("--plugins", plugins, "--port", "0", "--engine", "docker")
    assert refused(capsys, *docker, "--memory", "lots") == "memory: 'lots' is no size such as 512m or 2g."
    assert refused(capsys, *docker, "--memory", "1m") == "memory: a container needs at least 6m, not 1m."
    assert refused(capsys, *docker, "--pids", "0") == "pids: a container needs at least one process, not 0."
    assert "invalid int value: 'many'" in refused(capsys, *docker, "--pids", "many")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    monkeypatch.setenv("DOCKER_CERT_PATH", str(tmp_path))
    assert refused(capsys, *docker).startswith("DOCKER_TLS_VERIFY or DOCKER_CERT_PATH: Path to a certificate")


def test_the_command_line_says_that_docker_does_not_answer(plugins: Path) -> None:
    command = [sys.executable, "-m", "synapse_sdk.local_agent", "--port", "0", "--no-auth", "--database", "sqlite://"]
    with subprocess.Popen(
        [*command, "--plugins", plugins], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("Synapse local agent listening on ")
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert said == "Docker does not answer: containers are run by the engine process.\n"


@pytest.mark.parametrize(
    ("docker", "code"),
    [(0, 0), (1, 1), (127, 127), (128, 128), (137, -9), (143, -15), (192, -64), (193, 193), (255, 255)],
)
def test_exit_codes_of_signals_are_negative(docker: int, code: int) -> None:
    assert exit_code(docker) == code


@pytest.mark.parametrize(
    ("docker", "moment"),
    [
        ("2026-02-17T09:30:00.123456789Z", "2026-02-17T09:30:00.123456Z"),
        ("2026-02-17T09:30:00.5Z", "2026-02-17T09:30:00.500000Z"),
        ("2026-02-17T09:30:00Z", "2026-02-17T09:30:00.000000Z"),
    ],
)
def test_times_have_microseconds(docker: str, moment: str) -> None:
    assert in_microseconds(docker) == moment


class Seen:
    """A watcher that keeps what it is told has changed."""

    def __init__(self) -> None:
        self.changes: Queue[Container] = Queue()

    def found(self, containers: Sequence[Container]) -> None:
        pass

    def changed(self, container: Container) -> None:
        self.changes.put(container)

    def gone(self, container_id: str) -> None:
        pass


def test_a_daemon_that_hears_of_a_lack_of_memory_is_asked_why_a_program_ended(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Docker 28 does; the daemon of the other tests knows why by the end."""
    state = {"Status": "exited", "Running": False, "ExitCode": 137, "FinishedAt": "2026-02-17T10:00:00Z"}
    known = found({**state, "OOMKilled": True}, {"synapse.agent": "me"})
    httpserver.expect_request("/version").respond_with_json({"ApiVersion": "1.47"})
    httpserver.expect_request("/v1.47/_ping").respond_with_data("OK")
    httpserver.expect_request("/v1.47/containers/json").respond_with_json([])
    httpserver.expect_request("/v1.47/events").respond_with_json({"Action": "oom", "id": known["Id"]})
    httpserver.expect_request(f"/v1.47/containers/{known['Id']}/json").respond_with_json(known)
    monkeypatch.setenv("DOCKER_HOST", httpserver.url_for("").replace("http://", "tcp://").rstrip("/"))
    engine, seen = DockerEngine(), Seen()
    engine.watch(seen)
    assert seen.changes.get(timeout=60).reason == "killed because it was out of memory"
    engine.close()


def found(state: dict[str, Any], labels: dict[str, str] | None, **networks: Any) -> dict[str, Any]:
    """What the daemon says of a container."""
    return {
        "Id": "a" * 64,
        "Name": "/name",
        "Created": "2026-02-17T09:30:00.5Z",
        "Config": {"Image": "image", "Labels": labels},
        "HostConfig": {"ExtraHosts": None},
        "State": {"Status": "running", "Running": True, "ExitCode": 0, "FinishedAt": "0001-01-01T00:00:00Z", **state},
        "NetworkSettings": {"Ports": None, **networks},
    }


def test_a_container_whose_engine_was_restarted_has_no_port() -> None:
    published = {"7860/tcp": [{"HostIp": "127.0.0.1", "HostPort": "32774"}]}
    ended = {"Status": "exited", "Running": False, "ExitCode": 143, "FinishedAt": "2026-02-17T10:00:00.25Z"}
    container = container_of(found(ended, {"synapse.agent": "me", "synapse.record": "7"}, Ports=published))
    assert (container.host_port, container.endpoint) == (None, None)
    assert (container.exit_code, container.ended_at) == (-15, "2026-02-17T10:00:00.250000Z")
    assert (container.record_id, container.created_at) == (7, "2026-02-17T09:30:00.500000Z")


@pytest.mark.parametrize(("code", "is_told"), [(137, True), (5, False), (0, False)])
def test_a_program_that_outlived_a_child_without_memory_was_not_killed_for_it(code: int, is_told: bool) -> None:
    ended = {
        "Status": "exited",
        "Running": False,
        "ExitCode": code,
        "OOMKilled": True,
        "FinishedAt": "2026-02-17T10:00Z",
    }
    assert (container_of(found(ended, {"synapse.agent": "me"})).reason is not None) == is_told


def test_labels_of_others_are_no_reason_to_fail() -> None:
    assert container_of(found({}, None)).labels == ()
    for text in ("", "x", "{}", "1", "null", '"x"'):
        assert container_of(found({}, {"synapse.agent": "me", "synapse.labels": text})).labels == ()
    foreign = container_of(
        found({}, {"synapse.release": "sample@1.0", "synapse.record": "1", "synapse.labels": '["a"]'})
    )
    assert (foreign.plugin_release, foreign.record_id, foreign.labels, foreign.owner) == (None, None, (), None)


def test_a_release_comes_first_among_the_modules_where_its_image_was_generated(plugins: Path) -> None:
    make_release(plugins)

    def of(python_path: str | None, **envs: str) -> str | None:
        spec = ContainerSpec("name", Releases(plugins).find("sample@1.0"), 1, {}, envs, (), "me")
        return environment(spec, python_path).get("PYTHONPATH")

    assert of("/plugin") == "/plugin"
    assert of("/plugin", PYTHONPATH="/more") == "/plugin:/more"
    assert of(None) is None
    assert of(None, PYTHONPATH="/more") == "/more"


def test_given_envs_win_but_for_the_server_address(plugins: Path) -> None:
    make_release(plugins)
    given = {"PLUGIN_PARAMS": "[]", "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": "1", "OTHER": "1"}
    spec = ContainerSpec("name", Releases(plugins).find("sample@1.0"), 1, {"a": 1}, given, (), "me")
    assert environment(spec, None) == {
        "PLUGIN_PARAMS": "[]",
        "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104
        "GRADIO_SERVER_PORT": "7860",
        "OTHER": "1",
    }


def test_who_listens_is_read_from_the_systems_table() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()):
        table = Path("/proc/self/net/tcp").read_text()
        assert list(listening_addresses(table, listening.getsockname()[1])) == ["0100007F"]
