"""The generated code is what the contract gives, and the SDK follows the contract through it."""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contract import example

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "openapi" / "agent.yaml"
TOOLS = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def generate(contract: Path, output: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / "generate", contract, output], env=TOOLS, capture_output=True, text=True, check=False
    )


def differing(left: Path, right: Path) -> list[str]:
    """Return the files that differ, by content, between two folders."""
    files = {
        path.relative_to(folder)
        for folder in (left, right)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    _, mismatch, errors = filecmp.cmpfiles(left, right, [str(file) for file in files], shallow=False)
    assert files
    return sorted(mismatch + errors)


def test_generating_again_gives_the_committed_bytes_whatever_ruff_configuration_lies_around(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text('line-length = 40\nindent-width = 2\n[format]\nquote-style = "single"\n')
    (tmp_path / "pyproject.toml").write_text(
        '[tool.datamodel-codegen]\nclass-name = "Other"\nsnake-case-field = true\n'
    )
    done = generate(CONTRACT, tmp_path / "generated")
    assert done.returncode == 0, done.stderr
    assert differing(ROOT / "generated", tmp_path / "generated") == []


def test_what_the_contract_no_longer_describes_goes_away(tmp_path: Path) -> None:
    output = tmp_path / "generated"
    shutil.copytree(ROOT / "generated", output)
    stale = [output / "synapse_agent_api" / "stale.py", output / "synapse_agent_api" / "models" / "stale.py"]
    for path in stale:
        path.write_text("")
    assert generate(CONTRACT, output).returncode == 0
    assert not any(path.exists() for path in stale)
    assert [path.name for path in output.iterdir() if path.name.startswith(".")] == []


def test_a_contract_that_the_generator_stumbles_over_fails_and_leaves_what_was_there(tmp_path: Path) -> None:
    broken = tmp_path / "agent.yaml"
    broken.write_text(
        CONTRACT.read_text().replace("#/components/schemas/ContainerPage", "#/components/schemas/Missing")
    )
    output = tmp_path / "generated"
    shutil.copytree(ROOT / "generated", output)
    assert generate(broken, output).returncode != 0
    assert differing(ROOT / "generated", output) == []


def test_check_generated_fails_with_the_difference(tmp_path: Path) -> None:
    for name in ("openapi", "scripts", "generated"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "generator-config.yaml", tmp_path)
    edited = tmp_path / "generated" / "synapse_agent_api" / "api" / "containers" / "get_container.py"
    edited.write_text(edited.read_text().replace('"/containers/{container_id}"', '"/records/{container_id}"'))
    done = subprocess.run(
        [tmp_path / "scripts" / "check-generated"], env=TOOLS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert '-        "url": "/records/{container_id}"' in done.stdout
    assert "run make generate" in done.stderr


PROGRAM = """
import json, sys
import synapse_agent_api
from synapse_sdk import AgentClient
with AgentClient(sys.argv[1]) as client:
    client.list_docker_containers()
    client.create_docker_container("a@1")
    client.get_docker_container("abc123def456")
    client.delete_docker_container("abc123def456")
    client.stop_docker_container("abc123def456")
    client.start_docker_container("abc123def456")
    client.get_docker_container_logs("abc123def456")
    client.wait_for_container("abc123def456")
    client.health_check()
    client.list_containers()
    client.get_container(42)
    client.update_container(42, status="stopped")
    client.delete_container(42)
print(synapse_agent_api.__file__)
"""


def _renamed(path: re.Match[str]) -> str:
    return f"  /v9/{ {'containers': 'boxes', 'health': 'condition'}[path[1]] }/"


def test_another_path_in_the_contract_is_spoken_after_generating_with_no_other_edit(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    moved = tmp_path / "agent.yaml"
    moved.write_text(re.sub(r"(?m)^  /(containers|health)/", _renamed, CONTRACT.read_text()))
    done = generate(moved, tmp_path / "generated")
    assert done.returncode == 0, done.stderr
    box = "/v9/boxes/docker/abc123def456"
    answers = {
        "/v9/boxes/docker/": [],
        "/v9/boxes/": example("ContainerPage"),
        f"{box}/logs/": example("Logs"),
    }
    for path in (*answers, box, f"{box}/stop/", f"{box}/start/", "/v9/condition/", "/v9/boxes/42"):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            body = {"status": "running"} if method == "POST" else answers.get(path, {"status": "running"})
            httpserver.expect_request(path, method=method).respond_with_json(body)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, httpserver.url_for("")],
        env={**TOOLS, "PYTHONPATH": str(tmp_path / "generated")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert Path(ran.stdout.strip()).is_relative_to(tmp_path)
    assert [(request.method, request.path) for request, _ in httpserver.log] == [
        ("GET", "/v9/boxes/docker/"),
        ("POST", "/v9/boxes/docker/"),
        ("GET", "/v9/boxes/docker/abc123def456"),
        ("DELETE", "/v9/boxes/docker/abc123def456"),
        ("POST", "/v9/boxes/docker/abc123def456/stop/"),
        ("POST", "/v9/boxes/docker/abc123def456/start/"),
        ("GET", "/v9/boxes/docker/abc123def456/logs/"),
        ("GET", "/v9/boxes/docker/abc123def456"),
        ("GET", "/v9/condition/"),
        ("GET", "/v9/boxes/"),
        ("GET", "/v9/boxes/42"),
        ("PATCH", "/v9/boxes/42"),
        ("DELETE", "/v9/boxes/42"),
    ]


def test_no_path_verb_or_field_of_the_wire_stands_in_the_hand_written_client() -> None:
    fields = example("CreateFull").keys() - {"plugin_release", "params", "labels"}
    for source in (ROOT / "synapse_sdk" / "clients").rglob("*.py"):
        code = re.sub(r'""".*?"""', "", source.read_text(), flags=re.DOTALL)
        assert not re.search(r"containers?/", code), source
        assert not any(f'"{field}":' in code for field in fields), source
        if source.parent.name == "agent":
            assert not re.search(r"[\"'](get|post|patch|delete)[\"']", code, re.IGNORECASE), source
