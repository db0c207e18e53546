"""The wheel, built from what is here and installed into clean environments, without a network."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.contract import example

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

# The first test to run makes what all share, too.
pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
WHEELHOUSE = Path(sys.prefix) / "wheelhouse"
LOWEST = Path(sys.prefix) / "wheelhouse-lowest"


def run(*command: str | Path, **environment: str) -> str:
    # Nothing of this environment may reach into the clean ones, and nothing of this folder be imported.
    done = subprocess.run(
        command, cwd="/", env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path) -> str:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--isolated", *arguments)


def versions(python: Path) -> dict[str, str]:
    """Return the distributions that an environment holds."""
    listed = pip("--python", python, "list", "--format", "json")
    return {one["name"]: one["version"] for one in json.loads(listed)}


def environment(folder: Path, *requirements: str, wheels: Path) -> Path:
    """Make a virtual environment with these requirements from a folder of wheels, and return its Python."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    pip("--python", python, "install", "--no-compile", "--no-index", "--find-links", wheels, *requirements)
    return python


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
    [path] = folder.glob("synapse_sdk-*.whl")
    return path


@pytest.fixture(scope="module")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and no extra."""
    return environment(tmp_path_factory.mktemp("plain") / "venv", str(wheel), wheels=WHEELHOUSE)


def test_the_wheel_holds_both_packages_the_types_the_contract_and_the_marks_of_typing(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "synapse_sdk/clients/agent/container.py",
        "synapse_sdk/local_agent/__main__.py",
        "synapse_sdk/local_agent/migrations/env.py",
        "synapse_sdk/local_agent/migrations/versions/r0001_containers.py",
        "synapse_sdk/agent.yaml",
        "synapse_sdk/py.typed",
        "synapse_agent_api/api/docker_containers/create_docker_container.py",
        "synapse_agent_api/py.typed",
        "synapse_agent_types/__init__.py",
        "synapse_agent_types/py.typed",
    } <= names
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "synapse_sdk",
        "_synapse_sdk_pytest.py",
        "synapse_agent_api",
        "synapse_agent_types",
        f"{wheel.name.split('-py3')[0]}.dist-info",
    }
    contract = zipfile.ZipFile(wheel).read("synapse_sdk/agent.yaml")
    assert contract == (ROOT / "openapi" / "agent.yaml").read_bytes()


PROGRAM = """
import asyncio, json, sys
from synapse_sdk.clients.agent import AgentClient, AsyncAgentClient
heavy = sorted({"starlette", "sqlalchemy", "openapi_core", "uvicorn", "yaml"} & sys.modules.keys())
with AgentClient(sys.argv[1], "t0ken") as client:
    made = client.create_docker_container("ocr_processor@2.0.0", params={"format": "pdf"}, labels=["a"])
    rows = client.list_containers({"status": "running"})

async def again():
    async with AsyncAgentClient(sys.argv[1], "t0ken") as client:
        return await asyncio.gather(client.list_containers(), client.list_containers({"status": "running"}))

assert asyncio.run(again()) == [rows, rows]
print(json.dumps({"made": made, "rows": rows, "heavy": heavy}))
"""


def use(python: Path, server: HTTPServer) -> None:
    made, page = example("DockerContainer"), example("ContainerPage")
    server.expect_request("/containers/docker/", method="POST").respond_with_json(made, status=201)
    server.expect_request("/containers/", method="GET").respond_with_json(page)
    printed = run(python, "-W", "error", "-c", PROGRAM, server.url_for(""))
    assert json.loads(printed) == {"made": made, "rows": page, "heavy": []}


def test_without_extras_the_clients_work_and_import_nothing_of_the_local_agent(plain: Path, server: HTTPServer) -> None:
    use(plain, server)


def test_without_extras_at_most_12_distributions_are_installed(plain: Path) -> None:
    installed = versions(plain)
    assert "synapse-sdk" in installed
    assert len(installed) <= 12, installed


def test_without_its_extra_the_local_agent_says_what_to_install(plain: Path) -> None:
    done = subprocess.run(
        [plain, "-m", "synapse_sdk.local_agent", "--help"], cwd="/", env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "pip install 'synapse-sdk[local-agent]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_clients_work_on_the_oldest_dependencies_that_are_allowed(
    wheel: Path, tmp_path: Path, server: HTTPServer
) -> None:
    python = environment(tmp_path / "venv", str(wheel), wheels=LOWEST)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest = dict(re.findall(r"^([\w-]+)>=([\d.]+)", line)[0] for line in project["dependencies"])
    installed = versions(python)
    for name, version in oldest.items():
        assert f"{installed[name]}.".startswith(f"{version}."), name
    use(python, server)


def test_with_the_extra_the_installed_local_agent_serves_the_installed_client(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", f"synapse-sdk[local-agent] @ {wheel.as_uri()}", wheels=WHEELHOUSE)
    program = """
import sys
from synapse_sdk import AgentClient
from synapse_sdk.local_agent import LocalAgent
with LocalAgent(plugins=sys.argv[1], token="t0ken") as agent, AgentClient(agent.url, agent.token) as client:
    made = client.create_docker_container("ocr_processor@2.0.0", params={"format": "pdf"})
    print(client.get_docker_container(made["docker_id"])["running"])
    client.delete_docker_container(made["docker_id"])
    print(client.list_docker_containers())
"""
    assert run(python, "-c", program, ROOT / "examples" / "plugins").splitlines() == ["True", "[]"]


def pytest_of(python: Path, suite: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a suite of one module by the pytest of an environment."""
    (suite / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (suite / "test_it.py").write_text(program)
    command = [str(python), "-m", "pytest", "-p", "no:cacheprovider", "-rA"]
    return subprocess.run(command, cwd=suite, env={}, capture_output=True, text=True, check=False)


def test_without_its_extra_the_pytest_plugin_does_nothing_until_it_is_asked(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", str(wheel), "pytest", wheels=WHEELHOUSE)
    program = """
import sys

def test_other(request):
    assert request.config.pluginmanager.has_plugin("synapse-sdk")
    assert "synapse_sdk" not in sys.modules

def test_it(synapse_agent):
    pass
"""
    done = pytest_of(python, tmp_path, program)
    assert "PASSED test_it.py::test_other" in done.stdout
    assert "ERROR test_it.py::test_it" in done.stdout
    assert re.search(
        r"^The agent for tests needs \w+: pip install 'synapse-sdk\[testing\]'$", done.stdout, re.MULTILINE
    )
    assert "Traceback" not in done.stdout + done.stderr


def test_with_its_extra_the_pytest_plugin_has_the_fixture(wheel: Path, tmp_path: Path) -> None:
    python = environment(tmp_path / "venv", f"synapse-sdk[testing] @ {wheel.as_uri()}", wheels=WHEELHOUSE)
    program = """
def test_it(synapse_agent):
    made = synapse_agent.client.create_docker_container("sample@1.0.0")
    assert synapse_agent.client.list_docker_containers() == [made]
"""
    done = pytest_of(python, tmp_path, program)
    assert done.returncode == 0, done.stdout + done.stderr
