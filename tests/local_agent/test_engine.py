"""The process engine: what is its alone, beyond what test_lifecycle.py has of every engine."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from synapse_sdk.local_agent.engines import Container, ContainerSpec, Engine, ProcessEngine, ports, process, reaper
from synapse_sdk.local_agent.engines import child as child_module
from synapse_sdk.local_agent.engines.base import last_lines
from synapse_sdk.local_agent.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from synapse_sdk.local_agent.releases import Releases
from tests.local_agent.support import LISTENS, SLEEPS, TELLS, children_of, ended, kill, make_release, wait_until

FORKS = """
    import os, signal, socket, subprocess, sys, time
    def child(code):
        return subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
    stubborn = child("import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(600)")
    stubborn.stdout.readline()
    address = os.environ["GRADIO_SERVER_NAME"], int(os.environ["GRADIO_SERVER_PORT"])
    server = socket.create_server(address)
    while True:
        connection = server.accept()[0]
        connection.recv(65536)
        connection.sendall(f"HTTP/1.0 200 OK\\r\\n\\r\\n[{os.getpid()}, {stubborn.pid}]".encode())
        connection.close()
"""


@pytest.fixture
def engine() -> Iterator[ProcessEngine]:
    engine = ProcessEngine(start_timeout=10, stop_grace=5)
    yield engine
    engine.close()


def spec(plugins: Path, program: str | None = None, name: str = "sample@1.0", **fields: Any) -> ContainerSpec:
    if program is not None:
        make_release(plugins, program, name)
    given = {"params": {}, "envs": {}, "labels": [], "owner": "me", **fields}
    return ContainerSpec("sample-1", Releases(plugins).find(name), 1, **given)


class Told:
    """A watcher that remembers what it was told."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def found(self, containers: Sequence[Container]) -> None:
        self.all.append([container.id for container in containers])

    def changed(self, container: Container) -> None:
        self.all.append((container.id, container.status, container.exit_code))

    def gone(self, container_id: str) -> None:
        self.all.append(container_id)


def run(engine: Engine, wanted: ContainerSpec) -> Container:
    return engine.start(engine.create(wanted).id)


def opened() -> set[tuple[str, str]]:
    """The files that this process has open, each by its number and by what it is."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add((path.name, str(path.readlink())))
    return found


def told(container: Container) -> Any:
    assert container.endpoint
    return httpx.get(container.endpoint).json()


def test_a_container_says_who_made_it_and_from_what(engine: ProcessEngine, plugins: Path) -> None:
    container = run(engine, spec(plugins, TELLS, labels=["x"], owner="somebody"))
    assert (container.owner, container.record_id, container.labels) == ("somebody", 1, ("x",))
    assert (container.plugin_release, container.image) == ("sample@1.0", "sample@1.0")
    assert (container.exit_code, container.ended_at, container.reason) == (None, None, None)
    assert container.endpoint == f"http://127.0.0.1:{container.host_port}"
    assert told(container)["env"]["GRADIO_SERVER_NAME"] == "127.0.0.1"


def test_a_program_runs_in_its_releases_folder(engine: ProcessEngine, plugins: Path) -> None:
    assert told(run(engine, spec(plugins, TELLS)))["cwd"] == str(plugins / "sample@1.0")


def test_a_program_gets_nothing_else_of_the_agents_environment(
    engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNAPSE_AGENT_TOKEN", "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("PYTHONPATH", "/agent/own")
    env = told(run(engine, spec(plugins, TELLS)))["env"]
    assert env["PATH"] == os.environ["PATH"]
    assert env["LC_ALL"] == "C.UTF-8"
    own = {"PLUGIN_PARAMS", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "PYTHONPATH"}
    assert {name for name in env if not process._PASSED_ON.fullmatch(name)} == own
    assert env["PYTHONPATH"] == str(plugins / "sample@1.0")


def test_given_envs_win_but_for_the_server_address(plugins: Path) -> None:
    make_release(plugins)
    given = {"PATH": "/mine", "PLUGIN_PARAMS": "[]", "GRADIO_SERVER_PORT": "1", "GRADIO_SERVER_NAME": "0.0.0.0"}  # noqa: S104
    env = process.environment({"PATH": "/agent"}, spec(plugins, envs={**given, "PYTHONPATH": "/mine"}), 4321)
    assert env == {
        "PATH": "/mine",
        "PLUGIN_PARAMS": "[]",
        "GRADIO_SERVER_PORT": "4321",
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "PYTHONPATH": f"{plugins / 'sample@1.0'}{os.pathsep}/mine",
    }


@pytest.mark.parametrize("name", ["", "A=B", "A\0", "ok"])
def test_an_env_that_cannot_be_one_is_refused(engine: ProcessEngine, plugins: Path, name: str) -> None:
    value = "\0" if name == "ok" else "1"
    with pytest.raises(InvalidError) as caught:
        engine.create(spec(plugins, LISTENS, envs={name: value, "FINE": "1"}))
    assert [error["loc"] for error in caught.value.detail if isinstance(error, dict)] == [["body", "envs", name]]
    assert engine.list() == []


def test_params_that_are_too_long_for_an_environment_are_refused(engine: ProcessEngine, plugins: Path) -> None:
    with pytest.raises(InvalidError, match="too long for an environment"):
        run(engine, spec(plugins, LISTENS, params={"a": "x" * 4_000_000}))


def test_a_machine_that_cannot_start_a_process_is_not_the_requests_fault(
    engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened()
    first = spec(plugins, LISTENS)
    with monkeypatch.context() as patch:
        patch.setattr(child_module, "sys", type("sys", (), {"executable": "/nowhere/python"}))
        patch.setattr(engine, "_reaper", type("Reaper", (), {"close": lambda _: None})())
        with pytest.raises(UnavailableError, match="No process can be started: No such file or directory"):
            run(engine, first)
    # What an earlier test has left may be closed meanwhile.
    assert opened() <= before


def test_removing_ends_the_whole_process_group(engine: ProcessEngine, plugins: Path) -> None:
    container = run(engine, spec(plugins, FORKS))
    leader, stubborn = told(container)
    engine.remove(container.id)
    assert ended(leader)
    wait_until(lambda: ended(stubborn))


def test_a_group_ends_with_its_first_process(engine: ProcessEngine, plugins: Path) -> None:
    leader, stubborn = told(run(engine, spec(plugins, FORKS)))
    kill(leader)
    wait_until(lambda: ended(stubborn))


def test_a_stopped_program_is_removed_too(plugins: Path) -> None:
    engine = ProcessEngine(stop_grace=0.2)
    container = run(engine, spec(plugins, TELLS))
    pid = told(container)["pid"]
    kill(pid, signal.SIGSTOP)
    engine.remove(container.id)
    assert ended(pid)
    engine.close()


def test_no_zombie_is_left(plugins: Path) -> None:
    engine = ProcessEngine()
    before = set(children_of(os.getpid()))
    wanted = spec(plugins, TELLS)
    for _ in range(3):
        engine.remove(run(engine, wanted).id)
    kill(told(run(engine, wanted))["pid"])
    wait_until(lambda: engine.list()[0].status == "exited")
    engine.close()
    assert set(children_of(os.getpid())) <= before


def test_of_what_was_written_the_end_is_kept() -> None:
    output = child_module.Output()
    for number in range(400):
        output.append(f"{number % 10}".encode() * 100_000)
        assert len(output._kept) <= 2 * child_module._KEPT_OUTPUT + 100_000
    output.append(b"\xc3\xbc the end")
    text = output.text()
    assert len(text.encode()) == child_module._KEPT_OUTPUT
    assert text.endswith("9999\u00fc the end")


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("", 3, ""),
        ("a", 0, ""),
        ("a", 1, "a"),
        ("a\nb\n", 1, "b\n"),
        ("a\nb\nc", 2, "b\nc"),
        ("a\n\n\n", 2, "\n\n"),
        ("a\r\nb\u2028c\rd\n", 1, "b\u2028c\rd\n"),
        ("a\nb", 10**30, "a\nb"),
    ],
)
def test_lines_end_where_docker_ends_them(text: str, count: int, expected: str) -> None:
    assert last_lines(text, count) == expected


def test_what_is_kept_of_the_output_is_one_over_all_starts(engine: ProcessEngine, plugins: Path) -> None:
    container = run(engine, spec(plugins, f"    print('here', flush=True)\n{TELLS}"))
    for _ in range(2):
        engine.stop(container.id)
        engine.start(container.id)
    wait_until(lambda: engine.logs(container.id, None) == "here\n" * 3)
    assert engine.logs(container.id[:12], 2) == "here\n" * 2


def test_a_process_that_leaves_the_group_and_keeps_the_output_open_does_not_hold_up_the_removal(
    engine: ProcessEngine, plugins: Path
) -> None:
    leaves = """
    import subprocess, sys
    away = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
    print("away", away.pid, flush=True)
"""
    container = run(engine, spec(plugins, leaves + LISTENS))
    away = int(wait_until(lambda: engine.logs(container.id, None)).split()[1])
    engine.remove(container.id)
    assert engine.list() == []
    kill(away)


def test_a_port_that_another_program_takes_first_is_given_up(
    engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        offered = iter([taken, taken])
        free_port = ports.free_port
        monkeypatch.setattr(ports, "free_port", lambda avoided: next(offered, 0) or free_port(avoided))
        container = run(engine, spec(plugins, TELLS))
    assert container.host_port != taken
    assert next(offered, None) is None
    assert told(container)["env"]["GRADIO_SERVER_PORT"] == str(container.host_port)


def test_a_port_that_is_always_taken_is_an_error(
    engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(ports, "free_port", lambda _: other.getsockname()[1])
        with pytest.raises(UnavailableError, match=r"No port of 127\.0\.0\.1 stayed free until sample-1 listened"):
            run(engine, spec(plugins, LISTENS))


def test_ports_in_use_by_containers_are_not_offered() -> None:
    seen: list[int] = []

    class Taken:
        def __contains__(self, port: object) -> bool:
            assert isinstance(port, int)
            seen.append(port)
            return len(seen) < 3

    assert ports.free_port(Taken()) == seen[2]


def test_only_the_sessions_own_listener_counts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ports.listener(port, os.getsid(0)) is ports.Listener.OURS
        assert ports.listener(port, 2**22 + 1) is ports.Listener.ANOTHER
    assert ports.listener(port, os.getsid(0)) is ports.Listener.NOBODY


def test_the_tables_of_sockets_are_read() -> None:
    table = dedent("""\
      sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
       0: 0100007F:1EB4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000
       1: 0100007F:1EB4 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000
       2: 0100007F:1EB5 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000
    """)
    assert list(ports.listening_inodes(table, 7860)) == ["4711"]


def test_where_the_system_does_not_tell_whoever_listens_is_taken_for_the_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "_PROC", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert ports.listener(server.getsockname()[1], 1) is ports.Listener.OURS


def test_a_program_that_ends_as_soon_as_it_listens_did_not_start(
    engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def heard_last(_: int, session: int) -> ports.Listener:
        kill(session)
        entry = engine._entries[engine.list()[0].id]
        wait_until(lambda: entry.child and entry.child.exited.is_set())
        return ports.Listener.OURS

    monkeypatch.setattr(ports, "listener", heard_last)
    with pytest.raises(InvalidError, match=r"sample@1\.0 ended with code -9 before it listened"):
        run(engine, spec(plugins, LISTENS))


def test_ids_must_be_unambiguous(engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = spec(plugins, LISTENS)
    same = "a" * 12
    ids = iter([same + "0" * 52, same + "1" * 52])
    monkeypatch.setattr(secrets, "token_hex", lambda _: next(ids))
    first, _ = engine.create(wanted), engine.create(wanted)
    assert engine.get(first.id) == first
    assert engine.get(first.id[:13]) == first
    for wrong in (same, first.id[:11], "b" * 12):
        with pytest.raises(NotFoundError):
            engine.get(wrong)


def test_a_container_can_be_removed_before_it_is_started(engine: ProcessEngine, plugins: Path) -> None:
    container = engine.create(spec(plugins, LISTENS))
    assert (container.status, container.running) == ("created", False)
    engine.remove(container.id)
    with pytest.raises(NotFoundError):
        engine.start(container.id)


def test_a_container_that_is_being_removed_is_neither_started_nor_removed_again(plugins: Path) -> None:
    engine = ProcessEngine(stop_grace=30)
    slow = "    import signal; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
    container = run(engine, spec(plugins, slow + TELLS))
    pid = told(container)["pid"]
    with ThreadPoolExecutor(2) as threads:
        removing = threads.submit(engine.remove, container.id)
        wait_until(lambda: engine.get(container.id).status == "removing")
        with pytest.raises(ConflictError, match="being removed already"):
            engine.remove(container.id)
        with pytest.raises(ConflictError, match="was removed while it was being started"):
            engine.start(container.id)
        with pytest.raises(ConflictError, match="being removed already"):
            engine.stop(container.id)
        closing = threads.submit(engine.close)
        kill(pid)
        removing.result()
        closing.result()


def test_an_end_is_told_once_and_a_removal_is_not(engine: ProcessEngine, plugins: Path) -> None:
    wanted = spec(plugins, TELLS)
    watcher = Told()
    first = engine.create(wanted)
    engine.watch(watcher)
    engine.remove(first.id)
    engine.remove(run(engine, wanted).id)
    ends, stops = run(engine, wanted), run(engine, wanted)
    kill(told(ends)["pid"])
    wait_until(lambda: len(watcher.all) == 2)
    engine.stop(stops.id)
    engine.stop(stops.id)
    assert watcher.all == [[first.id], (ends.id, "exited", -9), (stops.id, "exited", -15)]


def test_an_end_before_the_program_listens_is_told_by_start_alone(engine: ProcessEngine, plugins: Path) -> None:
    watcher = Told()
    engine.watch(watcher)
    with pytest.raises(InvalidError, match="ended with code 3 before it listened"):
        run(engine, spec(plugins, "raise SystemExit(3)"))
    assert watcher.all == [[]]
    (container,) = engine.list()
    assert (container.status, container.exit_code, bool(container.ended_at)) == ("exited", 3, True)


def test_an_end_is_forgotten_when_the_program_runs_again(engine: ProcessEngine, plugins: Path) -> None:
    container = run(engine, spec(plugins, TELLS))
    stopped = engine.stop(container.id)
    assert (stopped.status, stopped.exit_code, stopped.endpoint, stopped.host_port) == ("exited", -15, None, None)
    assert stopped.ended_at
    assert stopped.ended_at > container.created_at
    again = engine.start(container.id)
    assert (again.status, again.exit_code, again.ended_at) == ("running", None, None)
    assert engine.start(container.id) == again


def test_a_container_that_was_never_started_can_be_stopped(engine: ProcessEngine, plugins: Path) -> None:
    container = engine.create(spec(plugins, LISTENS))
    assert engine.stop(container.id) == container


def test_a_second_start_while_the_first_is_at_it_is_refused(engine: ProcessEngine, plugins: Path) -> None:
    container = engine.create(spec(plugins, SLEEPS))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(engine.start, container.id)
        wait_until(lambda: engine.get(container.id).status == "starting")
        with pytest.raises(ConflictError, match="is being started already"):
            engine.start(container.id)
        assert engine.stop(container.id).exit_code == -15
        with pytest.raises(InvalidError, match="ended with code -15 before it listened"):
            first.result()
    assert engine.get(container.id).status == "exited"


def test_it_is_well_until_it_is_closed() -> None:
    engine = ProcessEngine()
    engine.check()
    assert engine.close() == ()
    with pytest.raises(UnavailableError, match="stopping"):
        engine.check()


def test_there_is_nothing_to_adopt(engine: ProcessEngine) -> None:
    engine.adopt("a" * 64)
    assert engine.list() == []


def test_a_closed_engine_makes_nothing_and_can_be_closed_again(plugins: Path) -> None:
    engine = ProcessEngine()
    container = engine.create(spec(plugins, LISTENS))
    engine.close()
    engine.close()
    with pytest.raises(UnavailableError, match="stopping"):
        engine.create(spec(plugins))
    with pytest.raises((UnavailableError, NotFoundError)):
        engine.start(container.id)


def test_an_engine_is_refused_where_it_cannot_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "waitid")
    with pytest.raises(UnavailableError, match="needs Linux"):
        ProcessEngine()


KILLED = """
import sys, time
from pathlib import Path
from synapse_sdk.local_agent.engines import ContainerSpec, ProcessEngine
from synapse_sdk.local_agent.releases import Releases
engine = ProcessEngine()
spec = ContainerSpec("sample-1", Releases(Path(sys.argv[1])).find("sample@1.0"), 1, {}, {}, [], "me")
print(engine.start(engine.create(spec).id).endpoint, flush=True)
time.sleep(600)
"""


def test_an_agent_that_is_killed_leaves_no_program_behind(plugins: Path) -> None:
    make_release(plugins, FORKS)
    agent = subprocess.Popen([sys.executable, "-c", KILLED, str(plugins)], stdout=subprocess.PIPE)
    assert agent.stdout
    with agent.stdout:
        pids = httpx.get(agent.stdout.readline().decode().strip()).json()
        reapers = [pid for pid in children_of(agent.pid) if pid not in pids]
        assert len(reapers) == 1
        agent.kill()
        agent.wait()
    wait_until(lambda: all(ended(pid) for pid in [*pids, *reapers]))


def test_the_reaper_kills_the_groups_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[tuple[int, int]] = []

    def killpg(group: int, number: int) -> None:
        killed.append((group, number))
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", killpg)
    monkeypatch.setattr(sys, "stdin", iter(["+11\n", "+12\n", "-11\n"]))
    reaper.main()
    assert killed == [(12, signal.SIGKILL)]


def test_an_engine_works_on_when_its_reaper_was_killed(engine: ProcessEngine, plugins: Path) -> None:
    wanted = spec(plugins, LISTENS)
    first = run(engine, wanted)
    assert engine._reaper
    engine._reaper._process.kill()
    engine._reaper._process.wait()
    engine.remove(first.id)
    engine.remove(run(engine, wanted).id)


def test_a_gate_that_is_never_opened_starts_nothing() -> None:
    gated = [sys.executable, "-I", "-S", "-c", child_module._GATE, sys.executable, "-c", "print('started')"]
    closed = subprocess.run(gated, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    opened = subprocess.run(gated, input=b"\n", capture_output=True, check=True)
    assert (closed.stdout, opened.stdout) == (b"", b"started\n")


def test_the_end_of_a_program_is_seen_even_if_telling_of_it_fails(
    engine: ProcessEngine, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)

    class Fails(Told):
        def changed(self, _: Container) -> None:
            raise RuntimeError("not today")

    engine.watch(Fails())
    container = run(engine, spec(plugins, TELLS))
    kill(told(container)["pid"])
    wait_until(lambda: failures)
    assert engine.get(container.id).status == "exited"
    engine.remove(container.id)
