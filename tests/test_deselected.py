from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.deselected import needs

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]

MARKERS = """
    [pytest]
    addopts = -p tests.deselected -m "not docker and not postgres"
    markers =
        docker: needs a Docker Engine: make test-docker
        postgres: needs PostgreSQL: make test-postgres
        slow: takes long
"""
TESTS = """
    import pytest

    @pytest.mark.docker
    @pytest.mark.parametrize("n", range(3))
    def test_docker(n): ...

    @pytest.mark.postgres
    def test_postgres(): ...

    @pytest.mark.slow
    def test_slow(): ...

    def test_plain(): ...
"""


@pytest.fixture(params=[[], ["-n", "2"]], ids=["alone", "side by side"])
def side_by_side(request: pytest.FixtureRequest) -> list[str]:
    options: list[str] = request.param
    return options


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]), prepend=os.pathsep)
    pytester.makeini(MARKERS)
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.parametrize("name", ["browser", "docker", "go", "postgres", "prism"])
def test_the_command_that_runs_tests_with_a_marker_looks_where_they_are(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    [looked] = re.findall(rf"pytest\b.* -m {name} (.+)", makefile)
    marked = [path for path in (ROOT / "tests").rglob("*.py") if f"mark.{name}" in path.read_text()]
    found = [path for path in marked if path.name != "test_deselected.py"]
    assert found
    assert [path for path in found if not any(path.is_relative_to(ROOT / place) for place in looked.split())] == []


def test_a_run_tells_how_many_tests_it_left_out_for_want_of_what(
    project: pytest.Pytester, side_by_side: list[str]
) -> None:
    result = project.runpytest_subprocess(*side_by_side)
    assert result.ret == 0
    assert (
        "deselected: 3 that need a Docker Engine (make test-docker), 1 that need PostgreSQL (make test-postgres)"
        in result.outlines
    )


def test_a_run_tells_nothing_of_tests_that_it_ran(project: pytest.Pytester, side_by_side: list[str]) -> None:
    result = project.runpytest_subprocess(*side_by_side, "-m", "docker or postgres")
    assert result.ret == 0
    result.assert_outcomes(passed=4, deselected=0 if side_by_side else 2)
    result.stdout.no_fnmatch_line("deselected: *")


def test_what_the_machine_may_not_have_is_left_out_unless_it_is_asked_for(pytestconfig: pytest.Config) -> None:
    options = " ".join(pytestconfig.getini("addopts"))
    assert needs(pytestconfig)
    for marker in needs(pytestconfig):
        assert f"not {marker}" in options
