"""`python -m clients`: what it makes, runs and tells."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from clients import __main__ as runner
from clients import language, servers
from clients.language import ROOT, Language
from clients.newer import make_newer_agent
from clients.table import table

if TYPE_CHECKING:
    from pathlib import Path

NAMES = language.names()


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes languages of a test's own, whose clients lie in a folder of the test's own."""
    monkeypatch.setattr(language, "BUILD", tmp_path)

    def make(**given: Any) -> Language:
        usual = {
            "name": "python",
            "title": "Wordy",
            "generator": "wordgen",
            "version": "1.0",
            "sources": ("code/*.w",),
            "generate": 'mkdir "$OUT/code" && printf "one\\ntwo\\n" > "$OUT/code/words.w"',
            "needs_to_generate": {},
            "needs_to_run": {},
        }
        return Language(**{**usual, **given})

    return make


@pytest.mark.parametrize("name", NAMES)
def test_every_language_says_how_its_client_is_made_and_who_makes_it(name: str) -> None:
    found = language.load(name)
    assert all([found.title, found.generator, found.version, found.sources, found.generate])
    assert bool(found.conformance) == bool(found.dependencies)


@pytest.mark.parametrize("name", NAMES)
def test_every_language_stands_in_the_table_of_the_languages_page(name: str) -> None:
    assert f"\n| {language.load(name).title} " in (ROOT / "docs" / "languages.md").read_text()


def test_a_language_that_is_none_is_refused_with_the_names_of_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        runner.main(["make", "klingon"])
    assert ended.value.code == 2
    assert f"There is no client in klingon. There is {', '.join(NAMES)}." in capsys.readouterr().err


def test_the_table_has_the_lines_and_that_making_again_gives_the_same(
    made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.make([made()], named=False) == 0
    row = [cell.strip() for cell in capsys.readouterr().out.splitlines()[-1].strip("|").split("|")]
    assert row[:3] == ["Wordy", "wordgen", "1.0"]
    assert row[4:] == ["1", "2", "the same bytes"]


def test_a_client_that_is_made_anew_with_other_bytes_is_told(made: Any, capsys: pytest.CaptureFixture[str]) -> None:
    runner.make([made(generate='mkdir "$OUT/code" && mktemp -u > "$OUT/code/words.w"')], named=False)
    assert "other bytes" in capsys.readouterr().out


def test_what_is_made_has_the_licence_and_the_contracts_version(made: Any) -> None:
    client = made()
    language.generate(client)
    assert (client.out / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert f'version = "{language.contract_version()}"' in (client.out / "pyproject.toml").read_text()


NOWHERE = {"no-such-program": "Nothing 1.0 or newer"}


@pytest.mark.parametrize("command", [runner.make, runner.test])
def test_a_toolchain_that_is_missing_is_named_and_has_an_exit_code_of_its_own(
    made: Any, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command([made(needs_to_generate=NOWHERE)], named=True) == 69
    printed = capsys.readouterr()
    assert "the client in Wordy was not made: it needs no-such-program (Nothing 1.0 or newer)" in printed.err
    assert "not made: it needs no-such-program (Nothing 1.0 or newer)" in printed.out


def test_where_all_are_meant_a_missing_toolchain_is_told_in_the_table_and_is_no_failure(
    made: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runner.test([made(needs_to_run=NOWHERE, conformance="true")], named=False) == 0
    assert "made, not run: it needs no-such-program (Nothing 1.0 or newer)" in capsys.readouterr().out


@pytest.mark.parametrize("step", ["generate", "build", "conformance", "dependencies"])
def test_a_step_that_fails_fails_the_run_and_says_what_it_wrote(
    made: Any, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = {"conformance": "true", step: "echo what went wrong; exit 3"}
    assert runner.test([made(**steps)], named=False) == 1
    assert "what went wrong" in capsys.readouterr().err


def test_an_agent_that_is_newer_has_a_field_more_in_its_contract_and_in_its_answers(tmp_path: Path) -> None:
    code = make_newer_agent(tmp_path)
    contract = yaml.safe_load((code / "openapi" / "agent.yaml").read_text())
    assert "node" in contract["components"]["schemas"]["DockerContainer"]["properties"]
    with servers.agent(code) as url, httpx.Client(base_url=url, headers={"Authorization": servers.TOKEN}) as client:
        created = client.post("/containers/docker/", json={"plugin_release": "my_plugin@1.0.0"}, timeout=60).json()
    assert created["node"] == "first"


def test_the_pythons_pass_the_scenario_against_both_agents() -> None:
    command = [sys.executable, "-m", "clients", "test", "python"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("conformance: 21 passed, 0 failed") == 2


def test_numbers_stand_right_in_a_table_and_texts_left() -> None:
    assert table([("a", "b"), ("text", "5"), ("t", "12345")]) == (
        "| a    | b     |\n| ---- | ----- |\n| text |     5 |\n| t    | 12345 |"
    )
