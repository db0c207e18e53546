"""The fixture in suites of others, each run by a pytest of its own that finds the plugin as an installed one."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from synapse_sdk.testing import ScriptedAgent
from tests.docs.blocks import blocks

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
STRICT = """
    [pytest]
    filterwarnings = error
    addopts = --strict-markers --strict-config
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(STRICT)
    return pytester


def test_the_plugin_is_an_entry_point() -> None:
    [found] = entry_points(group="pytest11", name="synapse-sdk")
    assert found.value == "_synapse_sdk_pytest"


def test_a_pytest_whose_tests_do_not_use_the_fixture_imports_nothing_of_the_sdk(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import sys

        def test_it(request):
            assert request.config.pluginmanager.has_plugin("synapse-sdk")
            assert not {name for name in sys.modules if name.startswith(("synapse_sdk", "synapse_agent", "httpx"))}
    """)
    result = suite.runpytest_subprocess("-p", "no:cov")
    result.assert_outcomes(passed=1)


def test_the_examples_of_the_page_pass(suite: pytest.Pytester) -> None:
    code = [block.code for block in blocks(PAGE) if block.language == "python"]
    suite.makepyfile("\n".join(code))
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed="".join(code).count("def test_"))


ISOLATED = """
    import pytest

    @pytest.mark.parametrize("number", range(12))
    def test_each_begins_with_nothing(synapse_agent, number):
        assert (synapse_agent.requests, synapse_agent.releases) == ([], None)
        client = synapse_agent.client
        assert client.list_docker_containers() == []
        assert client.create_docker_container("sample@1.0.0")["record_id"] == 1
        synapse_agent.fail_next("list_docker_containers", 500)
        synapse_agent.fail_next("create_docker_container", 500)
        synapse_agent.releases = []
        synapse_agent.transition(client.get_container(1)["docker_id"], "building", "running")
"""


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "side by side"])
def test_no_test_sees_anything_of_another(suite: pytest.Pytester, options: list[str]) -> None:
    suite.makepyfile(ISOLATED)
    suite.runpytest_subprocess(*options).assert_outcomes(passed=12)


def test_a_thread_that_a_test_has_left_running_disturbs_no_other(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import threading

        from synapse_sdk import AgentClient
        from synapse_sdk.exceptions import AuthenticationError

        refused = threading.Event()

        def create_for_ever(url, token, begun):
            with AgentClient(url, token) as client:
                try:
                    while True:
                        client.create_docker_container("left@1.0.0")
                        begun.set()
                except AuthenticationError:
                    refused.set()

        def test_first(synapse_agent):
            begun = threading.Event()
            threading.Thread(target=create_for_ever, args=(synapse_agent.url, synapse_agent.token, begun)).start()
            assert begun.wait(30)

        def test_second(synapse_agent):
            assert refused.wait(30)
            assert synapse_agent.requests == []
            assert synapse_agent.client.list_docker_containers() == []
            assert synapse_agent.client.list_containers()["count"] == 0
    """)
    suite.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)


def test_at_the_end_of_the_session_nothing_is_left_open(suite: pytest.Pytester) -> None:
    suite.makeconftest("""
        import gc
        import threading

        def pytest_unconfigure():
            gc.collect()
            for thread in set(threading.enumerate()) - {threading.main_thread()}:
                thread.join(10)
                assert not thread.is_alive(), thread
    """)
    suite.makepyfile("""
        def test_it(synapse_agent):
            synapse_agent.client.create_docker_container("sample@1.0.0")
    """)
    result = suite.run(sys.executable, "-X", "dev", "-W", "error", "-m", "pytest", "-p", "no:xdist")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert not [line for line in result.errlines if "Warning" in line or "Error" in line]


def test_an_answer_that_is_not_as_the_contract_says_fails_its_test_alone(suite: pytest.Pytester) -> None:
    suite.makepyfile("""
        import pytest

        from synapse_sdk.exceptions import ServerError
        from synapse_sdk.local_agent import handlers

        def test_first(synapse_agent, monkeypatch):
            synapse_agent.add_container()
            monkeypatch.setattr(handlers, "docker_container", lambda *_: {"id": "nobody", "running": 7})
            with pytest.raises(ServerError):
                synapse_agent.client.list_docker_containers()

        def test_second(synapse_agent):
            assert synapse_agent.client.health_check()["status"] == "ok"
    """)
    result = suite.runpytest_subprocess("-p", "no:randomly")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["The agent's answers were not as the contract says:", "list_docker_containers answered*"]
    )


def test_without_the_extra_the_fixture_says_in_one_line_what_to_install(suite: pytest.Pytester) -> None:
    suite.makeconftest("import sys; sys.modules['starlette'] = None")
    suite.makepyfile("""
        def test_first(synapse_agent):
            pass

        def test_other():
            pass
    """)
    result = suite.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["The agent for tests needs starlette*: pip install 'synapse-sdk[[]testing]'"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_fixture_is_listed_with_what_it_is(suite: pytest.Pytester) -> None:
    result = suite.runpytest_subprocess("--fixtures")
    result.stdout.fnmatch_lines(["synapse_agent -- *", "*A Synapse agent whose containers are what the test says*"])


def test_the_fixture_and_the_class_have_one_type(synapse_agent: ScriptedAgent) -> None:
    assert type(synapse_agent) is ScriptedAgent


def test_the_plugin_itself_imports_pytest_alone() -> None:
    program = (
        "import pytest, sys; before = set(sys.modules); import _synapse_sdk_pytest; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["_synapse_sdk_pytest"]
