"""The pages for users say what runs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_sdk.local_agent import LocalAgent
from tests.docs.blocks import blocks, run_python

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Of what is made from the contract, the client in Python has a page with a program, too.
PROGRAMS = [*PAGES, ROOT / "clients" / "python" / "project" / "README.md"]
LANGUAGES = {"python", "sh", "text"}


def test_every_block_is_of_a_language_that_is_run_here_or_no_code() -> None:
    assert any(blocks(page) for page in PAGES)
    for page in PAGES:
        for block in blocks(page):
            assert block.language in LANGUAGES, block


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs_against_a_local_agent(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with LocalAgent(plugins="examples/plugins", token="your-token", validate_responses=True) as agent:
        run_python(page, lambda code: code.replace("https://agent.example.com", agent.url))
        assert agent.violations == []


def test_the_readmes_programs_print_what_a_reader_would_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with LocalAgent(plugins="examples/plugins", token="your-token") as agent:
        _, printed = run_python(ROOT / "README.md", lambda code: code.replace("https://agent.example.com", agent.url))
    assert printed.startswith("True\n1\n")
    assert "create_docker_container (POST http://127.0.0.1:" in printed
    assert "was answered 404 Not Found: " in printed
    assert "my_plugin@1.0.0" in printed
    assert "container_id must be a Docker container id, not '..'" in printed
    assert "\nok\nexited\nrunning\n" in printed
    assert "my_plugin listens on " in printed
    assert re.search(r"http://127\.0\.0\.1:\d+\n$", printed)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    for block in blocks(page):
        if block.language != "sh":
            continue
        for line in block.code.splitlines():
            program, *arguments = shlex.split(line, comments=True)
            if program == "make":
                # These run this test, or take what it takes: CI runs them.
                ci = (ROOT / ".ci" / "run").read_text()
                assert re.search(rf"^\s*make {arguments[0]}( |$)", ci, re.MULTILINE), line
            elif program == "synapse-local-agent":
                starts(arguments, tmp_path)
            else:
                pytest.fail(f"{block}: nothing runs {line!r}")


def starts(arguments: list[str], state: Path) -> None:
    """Start the local agent as a page says, on a free port and with records in this folder, and end it."""
    free = [
        "0" if before == "--port" else argument for before, argument in zip(["", *arguments], arguments, strict=False)
    ]
    agent = subprocess.Popen(
        [Path(sys.executable).parent / "synapse-local-agent", *free],
        cwd=ROOT,
        env=os.environ | {"XDG_STATE_HOME": str(state)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with agent:
        assert agent.stdout is not None
        assert re.fullmatch(r"Synapse local agent listening on http://127\.0\.0\.1:\d+\n", agent.stdout.readline())
        agent.send_signal(signal.SIGINT)


def test_every_path_that_the_readme_names_is_there() -> None:
    for path in re.findall(r"^\| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert (ROOT / path).exists(), path
