"""The Docker engine on a real daemon: what only it promises."""

import base64
import contextlib
import hashlib
import io
import json
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
from docker.models.containers import Container
from pytest_httpserver import HTTPServer

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.engines import make_engine, ports
from synapse_sdk.local_agent.engines.docker import in_microseconds
from tests.docs.blocks import blocks
from tests.local_agent.docker_images import busybox_image, python_image
from tests.local_agent.dockerd import Dockerd
from tests.local_agent.support import LISTENS, TOKEN, Api, make_release, wait_until

pytestmark = pytest.mark.docker

EXAMPLES = Path(__file__).parents[2] / "examples"
REFERENCE = Path(__file__).parents[1] / "docs" / "container-mixin.md"
COMMAND: list[str | Path] = [sys.executable, "-m", "synapse_sdk.local_agent", "--port", "0", "--no-auth"]

# Answers with the file, or the names in the folder, that it is asked for.
FILES = """
    import http.server, json, os, pathlib
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = pathlib.Path(self.path)
            found = json.dumps(os.listdir(path)).encode() if path.is_dir() else path.read_bytes()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(found)
        def log_message(self, *_):
            pass
    address = os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()
"""


@pytest.fixture
def base(docker_client: docker.DockerClient) -> str:
    """An image with Python."""
    return python_image(docker_client)


@contextlib.contextmanager
def serving(plugins: Path, base: str, *, database: Path | None = None, **options: Any) -> Iterator[Api]:
    """Yield a client of an agent on the Docker engine, whose answers are all checked against the contract."""
    manage_all = options.pop("manage_all", False)
    engine = make_engine("docker", **{"base_image": base, "start_timeout": 60, "stop_grace": 5, **options})
    agent = LocalAgent(
        plugins,
        token=TOKEN,
        database=f"sqlite:///{database}" if database else None,
        engine=engine,
        manage_all=manage_all,
        validate_responses=True,
    )
    with agent, Api(base_url=agent.url, headers={"Authorization": TOKEN}) as api:
        yield api
    assert agent.violations == []


@pytest.fixture
def api(plugins: Path, base: str) -> Iterator[Api]:
    with serving(plugins, base) as api:
        yield api


@pytest.fixture
def others(docker_client: docker.DockerClient) -> Iterator[Callable[..., Container]]:
    """Makes and starts containers that are of no agent's making."""
    made = []

    def run(command: list[str], **options: Any) -> Container:
        made.append(docker_client.containers.create(busybox_image(docker_client), command, **options))
        made[-1].start()
        return made[-1]

    yield run
    for container in made:
        with contextlib.suppress(docker.errors.NotFound):
            container.remove(force=True)


def release(plugins: Path, name: str, *lines: str, program: str = LISTENS) -> str:
    """Make a release with a Dockerfile of these lines, if there are any."""
    make_release(plugins, program, name)
    if lines:
        (plugins / name / "Dockerfile").write_text("\n".join(lines) + "\n")
    return name


def file_in(container: dict[str, Any], path: str) -> str:
    return httpx.get(f"{container['endpoint']}{path}", timeout=30).raise_for_status().text


def environ_of(container: dict[str, Any]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in file_in(container, "/proc/self/environ").split("\0") if pair)


@pytest.fixture
def builds(docker_client: docker.DockerClient) -> Iterator[Callable[[str], list[str]]]:
    """Tells the names that images of a release have got since the test began, in order, as the daemon tells it."""
    filters = {"type": "image", "event": "tag"}
    told = docker_client.api.events(since=int(time.time()), decode=True, filters=filters)
    names: list[str] = []

    def of(code: str) -> list[str]:
        repository, tag = "synapse-test-last", uuid.uuid4().hex
        docker_client.api.tag(busybox_image(docker_client), repository, tag)
        last = f"{repository}:{tag}"
        while last not in names:
            names.append(next(told)["Actor"]["Attributes"]["name"])
        docker_client.api.remove_image(last)
        return [name for name in names if name.startswith(f"synapse/{code}:")]

    yield of
    told.close()


def failure(api: Api, name: str, **fields: Any) -> str:
    """Why a release could not be run, which its record must say, too."""
    response = api.post("/containers/docker/", json={"plugin_release": name, **fields})
    assert response.status_code == 422, response.text
    detail: str = response.json()["detail"]
    [record] = api.records(plugin_release=name)
    assert (record["status"], record["status_reason"], record["endpoint"]) == ("failed", detail, None)
    assert [one for one in api.containers() if one["plugin_release"] == name] == []
    return detail


# How images are built.


def test_a_releases_own_dockerfile_is_used_and_its_env_kept(api: Api, plugins: Path, base: str) -> None:
    name = release(
        plugins,
        "own@1.0",
        f"FROM {base}",
        "ENV MINE=image BOTH=image PLUGIN_PARAMS=image PYTHONPATH=/mine",
        "COPY plugin/main.py /app/run.py",
        "WORKDIR /app",
        'CMD ["python", "run.py"]',
        program=FILES,
    )
    created = api.create(name, params={"a": [1, "é"]}, envs={"BOTH": "given", "odd-name.1": "ü=\n"})
    environ = environ_of(created)
    expected = {"MINE": "image", "BOTH": "given", "odd-name.1": "ü=\n", "PYTHONPATH": "/mine"}
    assert expected.items() <= environ.items()
    assert json.loads(environ["PLUGIN_PARAMS"]) == {"a": [1, "é"]}
    assert (environ["GRADIO_SERVER_NAME"], environ["GRADIO_SERVER_PORT"]) == ("0.0.0.0", "7860")  # noqa: S104
    assert json.loads(file_in(created, "/app")) == ["run.py"]


def test_a_release_without_a_dockerfile_runs_from_its_folder_and_can_import_its_package(
    api: Api, plugins: Path
) -> None:
    name = release(plugins, "plain@1.0", program=f"    from plugin.sibling import answer\n{FILES}")
    (plugins / name / "plugin" / "sibling.py").write_text("answer = 42\n")
    (plugins / name / "run.sh").write_text("x")
    (plugins / name / "run.sh").chmod(0o755)
    (plugins / name / "link").symlink_to("plugin/sibling.py")
    (plugins / name / ".dockerignore").write_text("*.log\n")
    (plugins / name / "old.log").write_text("x")
    created = api.create(name, envs={"PYTHONPATH": "/more"})
    assert environ_of(created)["PYTHONPATH"] == "/plugin:/more"
    assert {"run.sh", "plugin", "config.yaml", "link"} <= set(json.loads(file_in(created, "/plugin")))
    assert "old.log" not in json.loads(file_in(created, "/plugin"))
    assert file_in(created, "/plugin/link") == "answer = 42\n"


def test_a_release_is_built_when_it_has_changed_and_only_then(
    api: Api, plugins: Path, base: str, builds: Callable[[str], list[str]], tmp_path: Path
) -> None:
    name = release(plugins, "changing@1.0")
    first, second = api.create(name), api.create(name)
    assert first["image"] == second["image"]
    assert len(builds("changing")) == 1
    copies = tmp_path / "copies"
    shutil.copytree(plugins, copies)
    os.utime(copies / name / "config.yaml", (0, 0))
    with serving(copies, base) as another:
        assert another.create(name)["image"] == first["image"]
    assert len(builds("changing")) == 1
    (plugins / name / "plugin" / "main.py").chmod(0o755)
    third = api.create(name)
    assert third["image"] != first["image"]
    assert builds("changing") == [first["image"], third["image"]]


def test_a_release_that_is_created_many_times_at_once_is_built_once(
    api: Api, plugins: Path, base: str, builds: Callable[[str], list[str]]
) -> None:
    name = release(plugins, "once@1.0", f"FROM {base}", "RUN sleep 1", "COPY . .", 'CMD ["python", "plugin/main.py"]')
    with ThreadPoolExecutor(4) as threads:
        created = list(threads.map(lambda _: api.create(name), range(4)))
    assert len({one["id"] for one in created}) == 4
    assert builds("once") == [created[0]["image"]]


def wheel(name: str, text: str) -> bytes:
    """A wheel of one module, which holds a text."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": f"text = {text!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = []
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(content)}\n")
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return made.getvalue()


TELLS_REQUIREMENTS = f"    import indexed, local\n    print(indexed.text, local.text, flush=True)\n{LISTENS}"


def test_requirements_are_installed_from_an_index_and_from_the_release(
    plugins: Path, base: str, httpserver: HTTPServer
) -> None:
    file = "indexed-1.0-py3-none-any.whl"
    httpserver.expect_request("/simple/indexed/").respond_with_data(
        f'<a href="/files/{file}">{file}</a>', content_type="text/html"
    )
    httpserver.expect_request(f"/files/{file}").respond_with_data(wheel("indexed", "by name"))
    name = release(plugins, "requiring@1.0", program=TELLS_REQUIREMENTS)
    (plugins / name / "wheels").mkdir()
    (plugins / name / "wheels" / "local-1.0-py3-none-any.whl").write_bytes(wheel("local", "by path"))
    (plugins / name / "requirements.txt").write_text(
        f"--index-url {httpserver.url_for('/simple/')}\nindexed==1.0\n./wheels/local-1.0-py3-none-any.whl\n"
    )
    with serving(plugins, base, build_network="host") as api:
        created = api.create(name)
        assert wait_until(lambda: api.logs(created["id"])) == "by name by path\n"


@pytest.mark.parametrize(
    ("code", "lines", "said"),
    [
        (
            "step",
            ["FROM {base}", "RUN i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; false"],
            "line 1999\n",
        ),
        ("base", ["FROM 127.0.0.1:1/no/image:1.0"], "FROM 127.0.0.1:1/no/image:1.0"),
        ("parse", ["FROM {base}", "NONSENSE"], "NONSENSE"),
        ("empty", [" "], "could not be built"),
        ("copy", ["FROM {base}", "COPY nothing ."], "nothing"),
    ],
)
def test_why_a_release_cannot_be_built_is_said(
    api: Api,
    plugins: Path,
    base: str,
    docker_client: docker.DockerClient,
    builds: Callable[[str], list[str]],
    code: str,
    lines: list[str],
    said: str,
) -> None:
    name = release(plugins, f"failing-{code}@1.0", *(line.replace("{base}", base) for line in lines))
    detail = failure(api, name)
    assert detail.startswith(f"{name} could not be built: ")
    assert said in detail
    assert len(detail) < 4100
    assert builds(f"failing-{code}") == []
    # What its last step was run in is gone, too. Other tests build beside it.
    step = lines[-1].partition(" ")[2]
    ran = [str(one.attrs["Config"]["Cmd"]) for one in docker_client.containers.list(all=True, ignore_removed=True)]
    assert [command for command in ran if step and step in command] == []


def test_why_requirements_cannot_be_installed_is_said(api: Api, plugins: Path) -> None:
    name = release(plugins, "failing-pip@1.0")
    (plugins / name / "requirements.txt").write_text("--no-index\nno-such-package==1.0\n")
    detail = failure(api, name)
    assert "No matching distribution found for no-such-package==1.0" in detail
    assert "returned a non-zero code: 1" in detail


def test_a_release_that_cannot_be_packed_is_refused_before_anything_is_built(
    api: Api, plugins: Path, builds: Callable[[str], list[str]]
) -> None:
    name = release(plugins, "leaving@1.0")
    (plugins / name / "secrets").symlink_to("/etc")
    assert failure(api, name) == f"{name}: the symbolic link secrets leaves the release's folder."
    assert builds("leaving") == []


@pytest.mark.parametrize("name", ["C++_x@1.0+Local", "_x@_1", f"{'x' * 150}@{'1' * 90}"])
def test_odd_codes_and_versions_can_be_run(api: Api, plugins: Path, name: str) -> None:
    created = api.create(release(plugins, name), labels=["é", 'a"b'])
    assert (created["plugin_release"], created["labels"], created["status"]) == (name, ["é", 'a"b'], "running")
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", created["name"])


# What containers are given, and what they are denied.


def test_a_program_is_reached_through_127_0_0_1_alone(
    api: Api, plugins: Path, docker_client: docker.DockerClient
) -> None:
    created = api.create(release(plugins, "reached@1.0"))
    port = int(created["endpoint"].rpartition(":")[2])
    assert created["endpoint"] == f"http://127.0.0.1:{port}"
    assert api.record(created["record_id"])["host_port"] == port
    attributes = docker_client.containers.get(created["id"]).attrs
    assert attributes["NetworkSettings"]["Ports"] == {"7860/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(port)}]}
    assert attributes["Config"]["ExposedPorts"] == {"7860/tcp": {}}
    tables = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6")]
    assert [one for table in tables for one in ports.listening_addresses(table, port)] == ["0100007F"]


ORPHANS = f"    import subprocess\n    subprocess.run(['sh', '-c', 'true & echo $!'])\n{FILES}"


def test_a_program_has_an_init_above_it_and_may_do_nothing_special(api: Api, plugins: Path) -> None:
    created = api.create(release(plugins, "denied@1.0", program=ORPHANS))
    assert file_in(created, "/proc/1/cmdline").startswith("/sbin/docker-init\0--\0python\0")
    orphan = wait_until(lambda: api.logs(created["id"])).strip()
    assert orphan.isdecimal()
    wait_until(lambda: orphan not in json.loads(file_in(created, "/proc")))
    status = dict(line.split(":\t", 1) for line in file_in(created, "/proc/self/status").splitlines())
    assert status["NoNewPrivs"] == "1"
    assert {
        name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    } == dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)


SPAWNS = f"""
    import threading, time
    spawned = 0
    try:
        while spawned < 100:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            spawned += 1
    except RuntimeError:
        print(spawned, flush=True)
{LISTENS}"""


def test_limits_are_kept(plugins: Path, base: str, docker_client: docker.DockerClient) -> None:
    with serving(plugins, base, memory="64m", pids=20) as api:
        created = api.create(release(plugins, "limited@1.0", program=SPAWNS))
        host = docker_client.containers.get(created["id"]).attrs["HostConfig"]
        assert (host["Memory"], host["MemorySwap"], host["PidsLimit"]) == (64 * 2**20, 64 * 2**20, 20)
        # init and the program itself count, too.
        assert wait_until(lambda: api.logs(created["id"])) == "18\n"


def test_without_limits_a_container_has_all_memory_and_1024_processes(
    api: Api, plugins: Path, docker_client: docker.DockerClient
) -> None:
    created = api.create(release(plugins, "unlimited@1.0"))
    host = docker_client.containers.get(created["id"]).attrs["HostConfig"]
    assert (host["Memory"], host["PidsLimit"], host["CapDrop"]) == (0, 1024, ["ALL"])
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}}
    assert (host["Privileged"], host["RestartPolicy"]["Name"] in ("", "no"), host["Binds"]) == (False, True, None)


def test_labels_tell_docker_whose_a_container_is(api: Api, plugins: Path, docker_client: docker.DockerClient) -> None:
    created = api.create(release(plugins, "labelled@1.0"), labels=["production", "한글", 'a,"b'])
    container = docker_client.containers.get(created["id"])
    agent = container.labels.pop("synapse.agent")
    assert re.fullmatch(rf"docker@[^/]+/{os.getpid()}/\d+/[0-9a-f]{{32}}", agent)
    assert container.labels == {
        "synapse.record": str(created["record_id"]),
        "synapse.release": "labelled@1.0",
        "synapse.labels": '["production", "한글", "a,\\"b"]',
    }
    assert container.name == created["name"] == f"labelled-1.0-{created['record_id']}"


def test_a_program_that_only_its_own_container_can_reach_does_not_listen(plugins: Path, base: str) -> None:
    program = LISTENS.replace('os.environ["GRADIO_SERVER_NAME"]', '"127.0.0.1"')
    name = release(plugins, "loopback@1.0", program=f'    print("here I am", flush=True)\n{program}')
    with serving(plugins, base, start_timeout=6) as api:
        assert failure(api, name) == f"{name} did not listen on port 7860 within 6 s: here I am"


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        ("missing", 'CMD ["nope"]', r"ended with code 127 before it listened: .*exec nope failed: No such file"),
        ("nothing", "CMD []", r"could not be made a container: No command specified"),
        ("user", 'USER nope\nCMD ["true"]', r"could not be started: .*unable to find user nope"),
        ("ends", 'CMD ["sh", "-c", "echo so long; exit 3"]', r"ended with code 3 before it listened: so long$"),
        ("killed", 'CMD ["sh", "-c", "kill -9 $$"]', r"ended with code -9 before it listened: \(it wrote nothing\)$"),
    ],
)
def test_why_a_release_cannot_be_started_is_said(
    api: Api, plugins: Path, base: str, code: str, line: str, said: str
) -> None:
    name = release(plugins, f"unstartable-{code}@1.0", f"FROM {base}", line)
    assert re.match(f"{re.escape(name)} {said}", failure(api, name), re.DOTALL)


def test_params_that_are_too_long_for_an_environment_are_refused(api: Api, plugins: Path) -> None:
    name = release(plugins, "long@1.0")
    assert "argument list too long" in failure(api, name, params={"a": "x" * 200_000})


# Containers of other programs, and of other agents.


def test_containers_of_others_are_shown_as_they_are(api: Api, others: Callable[..., Container]) -> None:
    running = others(["sleep", "600"], name="somebodys", labels={"synapse.labels": "nonsense", "synapse.record": "1"})
    exited = others(["sh", "-c", "exit 3"])
    exited.wait()
    paused = others(["sleep", "600"], network_mode="none")
    paused.pause()
    odd = others(["true"], labels={"synapse.agent": "whoever", "synapse.labels": "nonsense", "synapse.record": "x"})
    odd.wait()
    shown = {one["id"]: one for one in api.containers()}
    assert [shown[one.id or ""]["status"] for one in (running, exited, paused)] == ["running", "exited", "paused"]
    assert [shown[one.id or ""]["running"] for one in (running, exited, paused)] == [True, False, True]
    assert [shown[one.id or ""]["exit_code"] for one in (running, exited, paused)] == [None, 3, None]
    assert shown[odd.id or ""]["labels"] == []
    one = api.container((running.id or "")[:12])
    assert one == shown[running.id or ""]
    assert one | {"created_at": None} == {
        "id": running.id,
        "docker_id": running.id,
        "status": "running",
        "running": True,
        "name": "somebodys",
        "image": "synapse-test-busybox:latest",
        "endpoint": None,
        "plugin_release": None,
        "labels": [],
        "created_at": None,
        "record_id": None,
        "exit_code": None,
    }
    order = [container["id"] for container in api.containers()]
    assert sorted([odd.id, paused.id, exited.id, running.id], key=lambda one: order.index(one or "")) == [
        *(odd.id, paused.id, exited.id, running.id)
    ]


def test_logs_of_others_can_be_read(api: Api, others: Callable[..., Container]) -> None:
    for tty in (False, True):
        container = others(["sh", "-c", "echo one; printf '\\377\\n'; echo three; echo error >&2"], tty=tty)
        container.wait()
        written = api.logs(container.id or "").splitlines()
        assert [line for line in written if line != "error"] == ["one", "\ufffd", "three"]
        assert len(written) == 4
        assert api.logs(container.id or "", tail=2).splitlines() == written[-2:]
        assert api.logs(container.id or "", tail=0) == ""


def test_containers_of_others_are_left_alone(api: Api, others: Callable[..., Container]) -> None:
    container = others(["sleep", "600"], name="left-alone")
    path = f"/containers/docker/{container.id}"
    for response in (api.post(f"{path}/stop/"), api.post(f"{path}/start/"), api.delete(path)):
        assert response.status_code == 409
        assert response.json()["detail"] == (
            "Container left-alone was not made by this agent, which leaves those of others alone unless it is started "
            "with --manage-all."
        )
    container.reload()
    assert container.status == "running"


def test_containers_of_others_are_managed_when_that_is_wanted(
    plugins: Path, base: str, others: Callable[..., Container], docker_client: docker.DockerClient
) -> None:
    container = others(["sh", "-c", "trap 'exit 3' TERM; echo; while :; do sleep 0.1; done"], volumes=["/data"])
    # It heeds the signal from now on.
    wait_until(container.logs)
    container.reload()
    [volume] = [mount["Name"] for mount in container.attrs["Mounts"]]
    with serving(plugins, base, manage_all=True) as api:
        path = f"/containers/docker/{container.id}"
        stopped = api.stop(container.id or "")
        assert (stopped["status"], stopped["exit_code"], stopped["record_id"]) == ("exited", 3, None)
        started = api.start(container.id or "")
        assert (started["status"], started["endpoint"]) == ("running", None)
        assert api.delete(path).status_code == 204
        assert api.get(path).status_code == 404
        assert docker_client.volumes.get(volume)
        kept = others(["sleep", "600"])
        assert api.records() == []
    kept.reload()
    assert kept.status == "running"
    docker_client.volumes.get(volume).remove()


def test_a_container_that_somebody_made_of_an_agents_image_is_somebodys(
    plugins: Path, base: str, docker_client: docker.DockerClient
) -> None:
    with serving(plugins, base, manage_all=True) as api:
        created = api.create(release(plugins, "lent@1.0"))
        lent = docker_client.containers.create(created["image"], ["sleep", "600"])
        try:
            shown = api.start(lent.id or "")
            assert (shown["status"], shown["plugin_release"], shown["record_id"]) == ("running", None, None)
        finally:
            lent.remove(force=True)


def test_agents_with_databases_of_their_own_leave_each_others_containers_alone(
    plugins: Path, base: str, docker_client: docker.DockerClient
) -> None:
    name = release(plugins, "shared@1.0")
    with serving(plugins, base) as first:
        mine = first.create(name)
        with serving(plugins, base) as second:
            theirs = second.create(name)
            assert (mine["name"], mine["record_id"], theirs["record_id"]) == ("shared-1.0-1", 1, 1)
            assert re.fullmatch(r"shared-1\.0-1-[0-9a-f]{8}", theirs["name"])
            assert first.container(theirs["id"])["record_id"] is None
            assert first.container(theirs["id"])["plugin_release"] == name
            assert second.container(mine["id"])["record_id"] is None
            for method, path in (("POST", "/stop/"), ("POST", "/start/"), ("DELETE", "")):
                response = first.request(method, f"/containers/docker/{theirs['id']}{path}")
                assert response.status_code == 409
                assert "--manage-all" in response.json()["detail"]
        assert [one["id"] for one in first.containers() if one["plugin_release"] == name] == [mine["id"]]
        assert first.record(1)["status"] == "running"
    with pytest.raises(docker.errors.NotFound):
        docker_client.containers.get(mine["id"])


def test_agents_with_one_database_leave_each_others_containers_alone(plugins: Path, base: str, tmp_path: Path) -> None:
    name = release(plugins, "common@1.0")
    with serving(plugins, base, database=tmp_path / "records.db") as first:
        mine = first.create(name)
        with serving(plugins, base, database=tmp_path / "records.db") as second:
            assert second.container(mine["id"])["record_id"] == mine["record_id"]
            for path in (f"/containers/docker/{mine['id']}", f"/containers/{mine['record_id']}"):
                response = second.delete(path)
                assert response.status_code == 409
                assert response.json()["detail"].endswith("another agent's, which still runs.")
            theirs = second.create(name)
            assert theirs["record_id"] == mine["record_id"] + 1
        assert first.record(theirs["record_id"])["status"] == "stopped"
        assert first.record(mine["record_id"])["status"] == "running"
        assert first.container(mine["id"])["status"] == "running"


# Ports.


def test_containers_that_are_created_at_once_have_ports_of_their_own(api: Api, plugins: Path) -> None:
    name = release(plugins, "many@1.0", program=FILES)
    with ThreadPoolExecutor(16) as threads:
        created = list(threads.map(lambda number: api.create(name, envs={"MARKER": str(number)}), range(16)))
        assert len({one["endpoint"] for one in created}) == 16
        assert [environ["MARKER"] for environ in threads.map(environ_of, created)] == list(map(str, range(16)))
        ended = threads.map(lambda one: api.delete(f"/containers/docker/{one['id']}").status_code, created)
        assert list(ended) == [204] * 16


def test_a_container_that_is_started_again_is_reached_where_its_record_says(api: Api, plugins: Path) -> None:
    created = api.create(release(plugins, "again@1.0", program=FILES), envs={"MARKER": "me"})
    for _ in range(2):
        stopped = api.stop(created["id"])
        assert (stopped["status"], stopped["exit_code"], stopped["endpoint"]) == ("exited", -15, None)
        assert api.record(created["record_id"])["endpoint"] is None
        started = api.start(created["id"])
        assert environ_of(started)["MARKER"] == "me"
        assert api.record(created["record_id"])["endpoint"] == started["endpoint"]


# What somebody does by hand.


def test_a_record_follows_what_somebody_does_by_hand(
    api: Api, plugins: Path, docker_client: docker.DockerClient
) -> None:
    created = api.create(release(plugins, "by-hand@1.0", program=FILES))
    number = created["record_id"]
    container = docker_client.containers.get(created["id"])

    def becomes(status: str) -> dict[str, Any]:
        return wait_until(lambda: (found := api.record(number))["status"] == status and found)

    container.pause()
    paused = becomes("paused")
    assert (paused["endpoint"], paused["exit_code"]) == (created["endpoint"], None)
    assert api.container(created["id"])["status"] == "paused"
    container.unpause()
    assert becomes("running")["endpoint"] == created["endpoint"]

    container.stop(timeout=5)
    stopped = becomes("exited")
    assert (stopped["exit_code"], stopped["endpoint"], stopped["host_port"]) == (-15, None, None)
    assert stopped["status_reason"] == "killed by signal 15"
    container.reload()
    assert stopped["ended_at"] == in_microseconds(container.attrs["State"]["FinishedAt"])

    container.start()
    started = becomes("running")
    assert (started["exit_code"], started["ended_at"], started["status_reason"]) == (None, None, None)
    wait_until(lambda: answers(started["endpoint"]))

    container.restart(timeout=5)
    wait_until(lambda: (found := api.record(number))["status"] == "running" and answers(found["endpoint"]))

    container.kill()
    assert becomes("exited")["status_reason"] == "killed by signal 9"
    container.remove()
    removed = becomes("deleted")
    assert (removed["status_reason"], removed["endpoint"]) == ("removed by another program", None)
    assert api.get(f"/containers/docker/{created['id']}").status_code == 404


def answers(endpoint: str) -> bool:
    try:
        return httpx.get(f"{endpoint}/proc/uptime").is_success
    except httpx.TransportError:
        return False


def test_a_container_that_somebody_paused_can_be_stopped_started_and_deleted(
    api: Api, plugins: Path, docker_client: docker.DockerClient
) -> None:
    created = api.create(release(plugins, "paused@1.0"))
    container = docker_client.containers.get(created["id"])
    container.pause()
    assert api.start(created["id"])["status"] == "paused"
    assert api.stop(created["id"])["status"] == "exited"
    assert api.start(created["id"])["status"] == "running"
    container.pause()
    assert api.delete(f"/containers/docker/{created['id']}").status_code == 204
    assert api.record(created["record_id"])["status"] == "deleted"


# A daemon that comes and goes.


def test_a_daemon_that_appears_later_is_used_and_records_agree_with_it(
    plugins: Path,
    base: str,
    docker_client: docker.DockerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = release(plugins, "later@1.0")
    database = tmp_path / "records.db"
    real = os.environ["DOCKER_HOST"].removeprefix("unix://")
    command = [*COMMAND, "--plugins", plugins, "--database", f"sqlite:///{database}", "--base-image", base]
    with subprocess.Popen([*command, "--engine", "docker"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().rpartition(" ")[2].strip()
        with Api(base_url=url) as api:
            left, ended = api.create(name), api.create(name)
        process.kill()
    docker_client.containers.get(ended["id"]).remove(force=True)

    (tmp_path / "socket").symlink_to(tmp_path / "not-yet")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'socket'}")
    with serving(plugins, base, database=database) as api:
        response = api.post("/containers/docker/", json={"plugin_release": name})
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert api.get("/health/").json()["status"] == "degraded"
        assert {record["status"] for record in api.records()} == {"running"}
        (tmp_path / "not-yet").symlink_to(real)
        wait_until(lambda: api.record(ended["record_id"])["status"] == "stopped")
        assert api.get("/health/").json()["status"] == "ok"
        assert api.record(left["record_id"])["status"] == "running"
        assert answers_at(left["endpoint"])
        assert api.create(name)["status"] == "running"
        assert api.delete(f"/containers/docker/{left['id']}").status_code == 204


def test_a_build_is_answered_when_its_daemon_or_its_agent_ends(
    dockerd: Dockerd, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    with contextlib.closing(docker.DockerClient(dockerd.host)) as client, ThreadPoolExecutor(1) as threads:
        steps = ("RUN echo building && sleep 600", 'CMD ["sh"]')
        name = release(plugins, "endless@1.0", f"FROM {busybox_image(client)}", *steps)

        def creating(api: Api) -> Future[httpx.Response]:
            # Beyond the end of its client, too.
            ask = partial(httpx.post, headers=api.headers, json={"plugin_release": name}, timeout=60)
            asked = threads.submit(ask, str(api.base_url.join("/containers/docker/")))
            wait_until(lambda: any("building" in one["Command"] for one in client.api.containers()))
            return asked

        with serving(plugins, "") as api:
            asked = creating(api)
            dockerd.end()
            assert asked.result(60).status_code == 503
            assert asked.result().json()["detail"].startswith(f"Docker does not answer at {dockerd.host}: ")
            dockerd.start()
            assert api.records() == []
            asked = creating(api)
        assert asked.result(60).status_code == 503
        assert asked.result().json()["detail"] == "The agent is stopping."
        wait_until(lambda: not client.api.containers())


def answers_at(endpoint: str) -> bool:
    host, _, port = endpoint.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        return connection.recv(1) == b""


def test_the_engine_is_docker_where_that_answers_and_the_command_line_says_so(
    plugins: Path, base: str, docker_client: docker.DockerClient
) -> None:
    command = [*COMMAND, "--plugins", plugins, "--base-image", base, "--database", "sqlite://"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().rpartition(" ")[2].strip()
        with Api(base_url=url) as api:
            assert api.get("/health/").json()["engine"] == {"name": "docker", "status": "ok", "detail": None}
            created = api.create(release(plugins, "auto@1.0"))
        process.terminate()
        assert process.communicate()[1] == "Docker answers: containers are run by the engine docker.\n"
    with pytest.raises(docker.errors.NotFound):
        docker_client.containers.get(created["id"])


# The reference document.


def docker_ps() -> str:
    columns = r"table {{.ID}}  {{.Image}}  {{.Status}}  {{.Ports}}\n    {{.Labels}}"
    command = ["docker", "ps", "--format", columns, "--filter", "label=synapse.release=ocr_processor@2.0.0"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_reference_documents_example_runs_in_a_real_container(
    base: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], record_property: Callable[..., None]
) -> None:
    example = blocks(REFERENCE)[-1].code
    with serving(EXAMPLES / "plugins", base) as api:
        example = example.replace("https://agent.example.com", str(api.base_url)).replace("your-token", TOKEN)
        creates, cleans_up = example.split("# Clean up\n")
        names: dict[str, Any] = {}
        exec(creates, names)  # noqa: S102
        try:
            container = names["container"]
            listed = docker_ps()
            assert container["docker_id"][:12] in listed
            assert f"127.0.0.1:{container['endpoint'].rpartition(':')[2]}->7860/tcp" in listed
            assert "synapse.release=ocr_processor@2.0.0" in listed
            record_property("shown", f"docker ps, while the reference document's example runs:\n{listed.rstrip()}")
            told = httpx.get(container["endpoint"]).json()
            assert told == {"plugin": "ocr_processor", "version": "2.0.0", "format": "pdf", "workers": 4}
            assert httpx.post(f"{container['endpoint']}/ocr", content="a line").content.startswith(b"%PDF-")
        finally:
            exec(cleans_up, names)  # noqa: S102
            names["client"].close()
        assert api.record(container["record_id"])["status"] == "deleted"
        monkeypatch.setenv("SYNAPSE_AGENT_URL", str(api.base_url))
        monkeypatch.setenv("SYNAPSE_AGENT_TOKEN", TOKEN)
        runpy.run_path(str(EXAMPLES / "agent_client.py"), run_name="__main__")
        assert capsys.readouterr().out == "Running: True\nRunning: True\n"
        assert [record["status"] for record in api.records()] == ["deleted", "deleted"]
        assert container["docker_id"][:12] not in docker_ps()
