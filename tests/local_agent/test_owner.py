"""Which agent answers for a record, and whether it is still there."""

import subprocess
import sys
from pathlib import Path

import pytest

from synapse_sdk.local_agent import owner


def test_no_two_agents_have_one_name() -> None:
    assert owner.this_agent("process") != owner.this_agent("process")


def test_an_agent_that_runs_is_not_gone() -> None:
    assert not owner.is_gone(owner.this_agent("docker"))


def test_an_agent_names_its_engine() -> None:
    assert owner.engine_of(owner.this_agent("docker")) == "docker"
    assert owner.leaves_containers(owner.this_agent("docker"))
    assert not owner.leaves_containers(owner.this_agent("process"))


def test_an_agent_that_names_no_engine_is_one_of_processes() -> None:
    old = owner.this_agent("docker").partition("@")[2]
    assert owner.engine_of(old) == "process"
    assert not owner.leaves_containers(old)
    assert not owner.is_gone(old)


def test_an_agent_of_another_host_may_still_be_there() -> None:
    assert not owner.is_gone("another-host/1/1/x")
    assert not owner.is_gone("docker@another-host/1/1/x")


def test_an_agent_is_told_from_a_later_process_of_the_same_id() -> None:
    host, pid, started, unique = owner.this_agent("process").rsplit("/", 3)
    assert owner.is_gone(f"{host}/{pid}/{int(started) + 1}/{unique}")


@pytest.mark.parametrize("name", ["", "somebody", "process@", "a/b/c", "docker@host/pid/1/x", "@@@", "////"])
def test_a_name_that_no_agent_has_given_itself_may_be_one_that_is_there(name: str) -> None:
    assert not owner.is_gone(name)


def test_where_processes_do_not_tell_when_they_started_their_id_must_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", unreadable)
    me = owner.this_agent("process")
    assert not owner.is_gone(me)
    gone = subprocess.run(
        [sys.executable, "-S", "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    assert owner.is_gone(me.replace(f"/{me.rsplit('/', 3)[1]}/", f"/{int(gone.stdout)}/"))

    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.kill", forbidden)
    assert not owner.is_gone(me)
