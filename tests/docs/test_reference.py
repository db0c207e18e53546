"""The platform's reference document holds: its code blocks run against a real agent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_sdk import AgentClient
from synapse_sdk.local_agent import LocalAgent
from tests.docs.blocks import blocks, run_python

if TYPE_CHECKING:
    import pytest

REFERENCE = Path(__file__).parent / "container-mixin.md"
ROOT = Path(__file__).parents[2]


def test_every_block_of_the_reference_document_runs_in_order_verbatim_but_for_the_url_and_the_ids() -> None:
    with (
        LocalAgent(plugins=ROOT / "examples" / "plugins", auth=False, validate_responses=True) as agent,
        AgentClient(agent.url) as before,
    ):
        existing = before.create_docker_container("ocr_processor@2.0.0")

        def edit(code: str) -> str:
            code = code.replace("https://agent.example.com", agent.url)
            code = code.replace("abc123def456", existing["docker_id"][:12])
            return re.sub(r"\(42\b", f"({existing['record_id']}", code)

        names, printed = run_python(REFERENCE, edit)
        assert f"Container: {existing['id']} - running\nStatus: running\nContainer ID: " in printed
        assert printed.endswith("Running: True\n")
        assert names["updated"]["status"] == "stopped"
        assert names["total"] == 1
        # What is left is what the document's create_container example made and never deletes.
        [left] = before.list_docker_containers()
        assert left["plugin_release"] == "my_plugin@1.0.0"
        assert agent.violations == []


def test_the_document_has_the_blocks_and_the_examples_folder_the_files_that_it_names() -> None:
    assert len(blocks(REFERENCE)) == 9
    named = re.findall(r'filename="examples/(\w+\.py)"', REFERENCE.read_text())
    assert len(named) == 9
    for name in named:
        assert (ROOT / "examples" / name).is_file()


def test_the_documented_parameters_are_those_of_the_methods() -> None:
    import inspect

    for name, section in re.findall(r"^### (\w+)\n(.*?)(?=^##)", REFERENCE.read_text(), re.MULTILINE | re.DOTALL):
        documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        parameters = [
            parameter for parameter in inspect.signature(getattr(AgentClient, name)).parameters if parameter != "self"
        ]
        assert parameters == (documented or parameters), name


def test_every_example_runs_against_a_local_agent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import runpy
    import sys

    def run(name: str, *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    with LocalAgent(plugins=ROOT / "examples" / "plugins", validate_responses=True) as agent:
        monkeypatch.setenv("SYNAPSE_AGENT_URL", agent.url)
        monkeypatch.setenv("SYNAPSE_AGENT_TOKEN", agent.token or "")
        ran = {}
        ran["create_container.py"] = run("create_container.py")
        docker_id = ran["create_container.py"].removeprefix("Container ID: ").strip()
        ran["list_containers.py"] = run("list_containers.py")
        ran["get_container.py"] = run("get_container.py", docker_id)
        ran["get_container_logs.py"] = run("get_container_logs.py", docker_id)
        ran["stop_container.py"] = run("stop_container.py", docker_id)
        ran["wait_for_container.py"] = run("wait_for_container.py", docker_id, "running")
        ran["start_container.py"] = run("start_container.py", docker_id)
        waited = run("wait_for_container.py", docker_id, "running")
        ran["health_check.py"] = run("health_check.py")
        ran["list_db_containers.py"] = run("list_db_containers.py")
        ran["get_db_container.py"] = run("get_db_container.py", "1")
        ran["update_container.py"] = run("update_container.py", "1", "stopped")
        ran["delete_container.py"] = run("delete_container.py", docker_id)
        after = run("list_containers.py")
        ran["delete_db_container.py"] = run("delete_db_container.py", "1")
        ran["agent_client.py"] = run("agent_client.py")
        assert agent.violations == []
    assert ran == {
        "create_container.py": f"Container ID: {docker_id}\n",
        "list_containers.py": f"Container: {docker_id} - running\n",
        "get_container.py": "Status: running\n",
        "get_container_logs.py": ran["get_container_logs.py"],
        "stop_container.py": "Status: exited\n",
        "wait_for_container.py": "Ended: exited\n",
        "start_container.py": "Status: running\n",
        "health_check.py": "Agent: ok\n",
        "list_db_containers.py": "Record 1: my_plugin@1.0.0 - running\nTotal: 1\n",
        "get_db_container.py": "Record 1: my_plugin@1.0.0 - running\n",
        "update_container.py": "Record 1: stopped\n",
        "delete_container.py": "",
        "delete_db_container.py": "",
        "agent_client.py": "Running: True\n",
    }
    assert ran["get_container_logs.py"].startswith("my_plugin listens on ")
    assert waited == "Status: running\n"
    assert after == ""
    scripts = {path.name for path in (ROOT / "examples").glob("*.py")} - {"demo.py"}
    assert scripts == ran.keys()
