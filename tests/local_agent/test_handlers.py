"""What happens when two requests meet at the worst moment, which an engine waits for to make it happen."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synapse_sdk.local_agent import owner
from synapse_sdk.local_agent.contract import Call
from synapse_sdk.local_agent.engines import Container, ContainerSpec, Engine, Watcher
from synapse_sdk.local_agent.errors import AgentError, ConflictError, InvalidError, NotFoundError, UnavailableError
from synapse_sdk.local_agent.handlers import Handlers
from synapse_sdk.local_agent.records import Record, Records
from synapse_sdk.local_agent.releases import Releases
from synapse_sdk.local_agent.times import utc_now
from tests.local_agent.support import make_release

ID = "a" * 64
THERE: dict[str, Any] = {"endpoint": "http://x", "host_port": 1}
NOWHERE: dict[str, Any] = {"endpoint": None, "host_port": None}


class Scripted:
    """An engine of containers that run nothing, which lets a test step in before and after what it does."""

    name = "scripted"

    def __init__(self) -> None:
        self.before: dict[str, Callable[[], object]] = {}
        self.after: dict[str, Callable[[], object]] = {}
        self.there: dict[str, Container] = {}
        self.adopted: list[str] = []
        self.left: Collection[str] = ()

    def watch(self, watcher: Watcher) -> None:
        self.watcher = watcher
        watcher.found(self.list())

    def check(self) -> None:
        self._step(self.before, "check")

    def create(self, spec: ContainerSpec) -> Container:
        self._step(self.before, "create")
        self.there[ID] = container(name=spec.name, owner=spec.owner, record_id=spec.record_id)
        self._step(self.after, "create")
        return self.there[ID]

    def start(self, container_id: str) -> Container:
        self._step(self.before, "start")
        self.become(container_id, status="running", running=True, **THERE, exit_code=None, ended_at=None)
        started = self.there[container_id]
        self._step(self.after, "start")
        return started

    def stop(self, container_id: str) -> Container:
        self._step(self.before, "stop")
        self.end(container_id, -15)
        stopped = self.there[container_id]
        self._step(self.after, "stop")
        return stopped

    def logs(self, container_id: str, tail: int | None) -> str:
        return f"{self.get(container_id).name} {tail}"

    def get(self, container_id: str) -> Container:
        self._step(self.before, "get")
        if container_id not in self.there:
            raise NotFoundError("There is none.")
        return self.there[container_id]

    def list(self) -> Sequence[Container]:
        return list(self.there.values())

    def remove(self, container_id: str) -> None:
        self._step(self.before, "remove")
        self.get(container_id)
        del self.there[container_id]
        self._step(self.after, "remove")

    def adopt(self, container_id: str) -> None:
        self.adopted.append(container_id)

    def close(self) -> Collection[str]:
        return self.left

    def become(self, container_id: str, **fields: Any) -> None:
        self.there[container_id] = replace(self.get(container_id), **fields)

    def end(self, container_id: str, code: int) -> None:
        if self.get(container_id).running:
            self.become(container_id, status="exited", running=False, **NOWHERE, exit_code=code, ended_at=utc_now())

    def _step(self, steps: dict[str, Callable[[], object]], name: str) -> None:
        steps.pop(name, lambda: None)()


def container(**fields: Any) -> Container:
    given = {"id": ID, "name": "sample-1.0-1", "image": "i", "status": "created", "running": False, "labels": ()}
    return Container(
        **{**dict.fromkeys(Container.__annotations__), **given, "created_at": "2026-01-01T00:00:00Z", **fields}
    )


class Later:
    """What is settled in the background, which these tests do by themselves."""

    def __init__(self, *_: object) -> None:
        pass

    def ask(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(autouse=True)
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("synapse_sdk.local_agent.handlers.Again", Later)


@pytest.fixture
def engine() -> Scripted:
    return Scripted()


@pytest.fixture
def records() -> Iterator[Records]:
    records = Records("sqlite://")
    yield records
    records.close()


@pytest.fixture
def handlers(plugins: Path, records: Records, engine: Engine) -> Handlers:
    make_release(plugins)
    return Handlers(Releases(plugins), records, engine)


def call(body: Any = None, **path: Any) -> Call:
    return Call(path=path, query={}, filters=[], body=body, url="", query_pairs=[])


CREATE = call({"plugin_release": "sample@1.0"})


def raises(error: Exception) -> Callable[[], object]:
    def fails() -> None:
        raise error

    return fails


def statuses(records: Records) -> list[str]:
    return [record.status for record in records.page([], 1, 10)[1]]


UNAVAILABLE = UnavailableError("The engine does not answer.")


def test_a_record_deleted_before_its_container_is_made_takes_the_container_with_it(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    engine.before["create"] = lambda: handlers.delete_container(call(container_id=1))
    with pytest.raises(ConflictError, match=r"sample-1\.0-1 was deleted while it was being started"):
        handlers.create_docker_container(CREATE)
    assert (engine.list(), statuses(records)) == ([], [])


def test_a_container_made_while_its_record_is_being_deleted_is_removed(
    handlers: Handlers, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = records.change

    def made_just_after(record_id: int, decide: Callable[[Record], Any]) -> Record:
        found = change(record_id, decide)
        monkeypatch.undo()
        change(record_id, lambda _: {"docker_id": ID})
        return found

    def delete() -> None:
        records.change(1, lambda _: {"docker_id": None})
        monkeypatch.setattr(records, "change", made_just_after)
        handlers.delete_container(call(container_id=1))

    engine.before["start"] = delete
    with pytest.raises(ConflictError):
        handlers.create_docker_container(CREATE)
    assert (engine.list(), statuses(records)) == ([], [])


def test_a_container_removed_as_soon_as_it_runs_was_created_all_the_same(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    def removed() -> None:
        engine.remove(ID)
        engine.watcher.gone(ID)

    engine.after["start"] = removed
    assert handlers.create_docker_container(CREATE)["running"]
    assert statuses(records) == ["deleted"]


def test_a_container_that_ends_before_its_record_says_that_it_runs_is_recorded_as_ended(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    engine.after["start"] = lambda: engine.end(ID, 1)
    answer = handlers.create_docker_container(CREATE)
    assert (answer["status"], answer["running"], answer["exit_code"]) == ("exited", False, 1)
    record = records.get(1)
    assert (record.status, record.exit_code, record.endpoint) == ("exited", 1, None)


def test_what_the_engine_tells_while_a_program_starts_waits_for_whoever_starts_it(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    told = []

    def tells() -> None:
        for fields in ({"status": "running", "running": True}, {"status": "exited", "running": False, "exit_code": 1}):
            engine.become(ID, ended_at=utc_now(), **fields)
            engine.watcher.changed(engine.get(ID))
            told.extend(statuses(records))

    engine.before["start"] = tells
    handlers.create_docker_container(CREATE)
    assert told == ["starting", "starting"]
    assert statuses(records) == ["running"]


def test_what_could_not_be_recorded_while_a_program_starts_waits_for_whoever_starts_it(
    handlers: Handlers, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tells() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Records, "change_all", lambda *_, **__: raises(OSError("the disk is gone"))())
            engine.watcher.changed(engine.get(ID))
        engine.watcher.found(engine.list())

    engine.before["start"] = tells
    handlers.create_docker_container(CREATE)
    assert (len(engine.list()), statuses(records)) == (1, ["running"])
    engine.end(ID, 3)
    engine.watcher.found(engine.list())
    assert statuses(records) == ["exited"]


def test_what_is_told_late_is_no_longer_believed(handlers: Handlers, engine: Scripted, records: Records) -> None:
    handlers.create_docker_container(CREATE)
    engine.end(ID, 1)
    late = engine.get(ID)
    engine.start(ID)
    engine.watcher.changed(late)
    assert statuses(records) == ["running"]


def test_what_was_looked_at_last_is_written_last(
    handlers: Handlers, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers.create_docker_container(CREATE)
    engine.end(ID, 1)
    looked, written = threading.Event(), threading.Event()
    change_all = records.change_all

    def slow(*arguments: Any, **equal: Any) -> None:
        monkeypatch.undo()
        looked.set()
        assert not written.wait(0.2)
        change_all(*arguments, **equal)

    monkeypatch.setattr(records, "change_all", slow)
    with ThreadPoolExecutor(2) as threads:
        slower = threads.submit(engine.watcher.changed, engine.get(ID))
        assert looked.wait(10)
        engine.start(ID)
        threads.submit(engine.watcher.changed, engine.get(ID)).result()
        written.set()
        slower.result()
    assert statuses(records) == ["running"]


@pytest.mark.parametrize("step", ["create", "start"])
def test_an_engine_that_cannot_do_anything_leaves_no_record(
    handlers: Handlers, engine: Scripted, records: Records, step: str
) -> None:
    engine.before[step] = raises(UNAVAILABLE)
    with pytest.raises(UnavailableError):
        handlers.create_docker_container(CREATE)
    assert (engine.list(), statuses(records)) == ([], [])


@pytest.mark.parametrize("step", ["create", "start"])
def test_a_release_that_cannot_be_made_or_started_leaves_a_record_that_is_nobodys(
    handlers: Handlers, engine: Scripted, records: Records, step: str
) -> None:
    engine.before[step] = raises(InvalidError("No such model."))
    with pytest.raises(InvalidError):
        handlers.create_docker_container(CREATE)
    record = records.get(1)
    assert (record.status, record.status_reason, record.owner) == ("failed", "No such model.", None)
    assert record.docker_id == (ID if step == "start" else None)
    assert engine.list() == []


def test_why_a_creation_failed_is_known_before_its_container_goes(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    engine.before["start"] = raises(InvalidError("No such model."))
    engine.after["remove"] = lambda: engine.watcher.gone(ID)
    with pytest.raises(InvalidError):
        handlers.create_docker_container(CREATE)
    record = records.get(1)
    assert (record.status, record.status_reason) == ("failed", "No such model.")


@pytest.mark.parametrize("error", [UNAVAILABLE, InvalidError("No such model.")], ids=["unavailable", "invalid"])
def test_a_container_that_cannot_be_removed_is_removed_when_the_engine_is_there_again(
    handlers: Handlers, engine: Scripted, records: Records, error: AgentError
) -> None:
    engine.before["start"], engine.before["remove"] = raises(error), raises(UNAVAILABLE)
    with pytest.raises(type(error)):
        handlers.create_docker_container(CREATE)
    record = records.get(1)
    assert (record.status, record.status_reason, bool(record.owner)) == ("failed", str(error), True)
    assert [each.id for each in engine.list()] == [ID]
    engine.watcher.found(engine.list())
    assert engine.list() == []
    record = records.get(1)
    assert (record.status, record.status_reason, record.owner) == ("failed", str(error), None)


def test_a_deletion_that_the_engine_could_not_do_is_done_when_it_is_there_again(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    handlers.create_docker_container(CREATE)
    engine.before["remove"] = raises(UNAVAILABLE)
    with pytest.raises(UnavailableError):
        handlers.delete_docker_container(call(container_id=ID))
    assert statuses(records) == ["deleting"]
    engine.watcher.found(engine.list())
    assert (engine.list(), statuses(records)) == ([], ["deleted"])
    assert records.get(1).owner is None


def test_a_record_that_is_gone_when_its_create_fails_is_no_further_error(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    def fails() -> None:
        records.delete(1)
        raise UNAVAILABLE

    engine.before["start"] = fails
    with pytest.raises(UnavailableError):
        handlers.create_docker_container(CREATE)
    assert (engine.list(), statuses(records)) == ([], [])


def test_an_end_that_is_told_during_a_stop_is_the_stop(handlers: Handlers, engine: Scripted, records: Records) -> None:
    handlers.create_docker_container(CREATE)
    seen = []

    def tells() -> None:
        engine.watcher.changed(engine.get(ID))
        seen.extend(statuses(records))

    engine.after["stop"] = tells
    assert handlers.stop_docker_container(call(container_id=ID))["exit_code"] == -15
    assert seen == ["stopped"]
    engine.watcher.changed(engine.get(ID))
    assert statuses(records) == ["stopped"]


def test_an_end_that_is_looked_at_during_a_stop_is_the_stop(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    handlers.create_docker_container(CREATE)
    ended, recorded = threading.Event(), threading.Event()

    def after_stop() -> None:
        ended.set()
        assert recorded.wait(60)

    with ThreadPoolExecutor(1) as threads:

        def look() -> None:
            threads.submit(handlers.stop_docker_container, call(container_id=ID))
            assert ended.wait(60)

        late = engine.get(ID)
        engine.after["stop"] = after_stop
        engine.before["get"] = look
        try:
            engine.watcher.changed(late)
            assert statuses(records) == ["stopped"]
        finally:
            recorded.set()


def test_what_is_started_while_it_is_being_stopped_runs(handlers: Handlers, engine: Scripted, records: Records) -> None:
    handlers.create_docker_container(CREATE)
    engine.after["stop"] = lambda: handlers.start_docker_container(call(container_id=ID))
    handlers.stop_docker_container(call(container_id=ID))
    assert (statuses(records), records.get(1).endpoint) == (["running"], "http://x")


def test_a_stop_that_the_engine_cannot_do_changes_nothing(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    handlers.create_docker_container(CREATE)
    before = records.get(1)
    engine.before["stop"] = raises(UNAVAILABLE)
    with pytest.raises(UnavailableError):
        handlers.stop_docker_container(call(container_id=ID))
    assert records.get(1) == before
    engine.end(ID, 3)
    engine.watcher.changed(engine.get(ID))
    assert records.get(1).status_reason == "ended with code 3"


@pytest.mark.parametrize("error", [UNAVAILABLE, InvalidError("No such model.")], ids=["unavailable", "invalid"])
def test_a_start_that_fails_is_recorded_also_while_the_engine_cannot_be_asked(
    handlers: Handlers, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch, error: AgentError
) -> None:
    handlers.create_docker_container(CREATE)
    handlers.stop_docker_container(call(container_id=ID))
    ended_at = records.get(1).ended_at

    def fails() -> None:
        if isinstance(error, UnavailableError):
            monkeypatch.setattr(engine, "get", lambda _: raises(error)())
        raise error

    engine.before["start"] = fails
    with pytest.raises(type(error)):
        handlers.start_docker_container(call(container_id=ID))
    record = records.get(1)
    assert (record.status, record.status_reason) == ("exited", str(error))
    assert (record.exit_code, record.ended_at, record.endpoint) == (-15, ended_at, None)
    monkeypatch.undo()
    assert handlers.start_docker_container(call(container_id=ID))["running"]
    assert statuses(records) == ["running"]


def test_a_start_that_is_refused_is_left_to_whoever_is_at_it(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    handlers.create_docker_container(CREATE)
    handlers.stop_docker_container(call(container_id=ID))
    engine.before["start"] = raises(ConflictError("It is being started already."))
    with pytest.raises(ConflictError):
        handlers.start_docker_container(call(container_id=ID))
    assert statuses(records) == ["starting"]


def test_a_start_that_was_not_recorded_is_when_it_is_asked_for_again(handlers: Handlers, records: Records) -> None:
    handlers.create_docker_container(CREATE)
    records.change(1, lambda _: {"status": "starting", **NOWHERE})
    assert handlers.start_docker_container(call(container_id=ID))["running"]
    assert (statuses(records), records.get(1).endpoint) == (["running"], "http://x")


def test_a_container_that_another_program_removed_is_deleted(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    handlers.create_docker_container(CREATE)
    engine.remove(ID)
    engine.watcher.found(engine.list())
    record = records.get(1)
    assert (record.status, record.status_reason) == ("deleted", "removed by another program")
    assert (record.endpoint, record.owner) == (None, None)


def test_that_a_container_is_gone_is_logged_if_it_cannot_be_recorded(
    handlers: Handlers, engine: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    handlers.create_docker_container(CREATE)
    monkeypatch.setattr(Records, "change_all", lambda *_, **__: raises(OSError("the disk is gone"))())
    engine.watcher.gone(ID)
    assert f"That container {ID} was removed could not be recorded" in caplog.text
    assert "the disk is gone" in caplog.text


def test_what_is_being_built_is_left_to_whoever_builds_it(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    engine.before["create"] = lambda: engine.watcher.found([])
    handlers.create_docker_container(CREATE)
    assert statuses(records) == ["running"]


def test_what_was_missed_is_made_up_for(handlers: Handlers, engine: Scripted, records: Records) -> None:
    handlers.create_docker_container(CREATE)
    engine.end(ID, 3)
    assert statuses(records) == ["running"]
    engine.watcher.found(engine.list())
    assert (statuses(records), records.get(1).exit_code) == (["exited"], 3)


@pytest.mark.parametrize("status", ["failed", "deleting", "building", "starting", "deleted"])
def test_no_status_that_a_client_writes_has_a_container_removed(
    handlers: Handlers, engine: Scripted, records: Records, status: str
) -> None:
    handlers.create_docker_container(CREATE)
    handlers.update_container(call({"status": status}, container_id=1))
    engine.watcher.found(engine.list())
    assert [each.id for each in engine.list()] == [ID]
    assert statuses(records) == [status]


def test_what_cannot_be_removed_when_the_agent_stops_stays_its_own(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    handlers.create_docker_container(CREATE)
    before = records.get(1)
    engine.left = {ID}
    handlers.close()
    assert records.get(1) == before
    engine.left = ()
    handlers.close()
    record = records.get(1)
    assert (record.status, record.status_reason, record.owner) == ("stopped", "the agent stopped", None)


ANOTHER = f"scripted@{owner.this_agent('').partition('@')[2]}"
GONE = ANOTHER.rsplit("/", 2)[0] + "/1/x"


def record_of(records: Records, agent: str | None, **fields: Any) -> Record:
    given = {"plugin_release": "sample@1.0", "params": {}, "metadata": {}, "docker_id": ID, "status": "running"}
    return records.create(**{**given, "owner": agent, **THERE, **fields})


def there(engine: Scripted, agent: str, **fields: Any) -> None:
    engine.there[ID] = container(
        **{"owner": agent, "record_id": 1, "status": "running", "running": True, **THERE, **fields}
    )


def test_the_container_of_an_agent_that_is_gone_is_adopted(plugins: Path, engine: Scripted, records: Records) -> None:
    there(engine, GONE)
    record = record_of(records, GONE)
    handlers = Handlers(Releases(plugins), records, engine)
    after = records.get(1)
    assert after.owner not in (GONE, None)
    assert replace(after, owner=GONE, updated_at=record.updated_at) == record
    assert engine.adopted == [ID]
    assert handlers.stop_docker_container(call(container_id=ID))["running"] is False
    assert statuses(records) == ["stopped"]


@pytest.mark.parametrize("status", ["building", "starting", "mine"])
@pytest.mark.parametrize("docker_id", [ID, None])
def test_a_creation_that_an_agent_did_not_end_is_undone(
    plugins: Path, engine: Scripted, records: Records, status: str, docker_id: str | None
) -> None:
    there(engine, GONE)
    record_of(records, GONE, status=status, docker_id=docker_id, **NOWHERE)
    Handlers(Releases(plugins), records, engine)
    assert (engine.list(), engine.adopted) == ([], [])
    record = records.get(1)
    assert (record.status, record.owner) == ("stopped" if status == "mine" else "failed", None)
    assert record.status_reason == "its agent had ended, and its container with it"


def test_a_removal_that_an_agent_did_not_end_is_ended(plugins: Path, engine: Scripted, records: Records) -> None:
    there(engine, GONE)
    record_of(records, GONE, status="deleting", **NOWHERE)
    Handlers(Releases(plugins), records, engine)
    assert (engine.list(), statuses(records), records.get(1).owner) == ([], ["deleted"], None)


def test_a_start_that_an_agent_did_not_end_is_over(plugins: Path, engine: Scripted, records: Records) -> None:
    ends = {"exit_code": 0, "ended_at": utc_now()}
    there(engine, GONE, status="exited", running=False, **NOWHERE, **ends)
    record_of(records, GONE, status="starting", **NOWHERE, **ends)
    Handlers(Releases(plugins), records, engine)
    record = records.get(1)
    assert (record.status, record.status_reason) == ("exited", "its agent ended while it was being started")
    assert engine.adopted == [ID]


def test_what_cannot_be_undone_now_is_when_the_engine_is_there_again(
    plugins: Path, engine: Scripted, records: Records
) -> None:
    there(engine, GONE)
    before = record_of(records, GONE, status="starting", **NOWHERE)
    engine.before["remove"] = raises(UNAVAILABLE)
    Handlers(Releases(plugins), records, engine)
    assert (records.get(1), engine.adopted) == (before, [])
    engine.watcher.found(engine.list())
    assert (engine.list(), statuses(records)) == ([], ["failed"])


def test_what_another_agent_has_taken_over_meanwhile_is_its_own(
    plugins: Path, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(engine, GONE)
    record_of(records, GONE)
    change = records.change

    def quicker(record_id: int, decide: Callable[[Record], Any]) -> Record:
        monkeypatch.undo()
        change(record_id, lambda _: {"owner": ANOTHER})
        return change(record_id, decide)

    monkeypatch.setattr(records, "change", quicker)
    handlers = Handlers(Releases(plugins), records, engine)
    assert (records.get(1).owner, engine.adopted) == (ANOTHER, [])
    with pytest.raises(ConflictError, match="is another agent's, which still runs"):
        handlers.stop_docker_container(call(container_id=ID))


def test_a_record_that_is_deleted_while_it_is_taken_over_is_no_error(
    plugins: Path, engine: Scripted, records: Records
) -> None:
    there(engine, GONE)
    record_of(records, GONE, status="starting", **NOWHERE)
    engine.after["remove"] = lambda: records.delete(1)
    Handlers(Releases(plugins), records, engine)
    assert (engine.list(), statuses(records)) == ([], [])


@pytest.mark.parametrize(
    ("agent", "why"),
    [
        (ANOTHER, "is another agent's, which still runs"),
        ("scripted@another-host/1/1/x", "is another agent's, which still runs"),
        ("of a later version", "is another agent's, which still runs"),
        (GONE.replace("scripted@", "steam@"), "is one of the engine steam, not of this agent's"),
    ],
    ids=["running", "another host", "later version", "another engine"],
)
def test_the_containers_of_others_are_left_alone(
    plugins: Path, engine: Scripted, records: Records, agent: str, why: str
) -> None:
    there(engine, agent)
    before = record_of(records, agent)
    handlers = Handlers(Releases(plugins), records, engine)
    engine.watcher.found(engine.list())
    for act in (handlers.stop_docker_container, handlers.start_docker_container, handlers.delete_docker_container):
        with pytest.raises(ConflictError, match=why):
            act(call(container_id=ID))
    with pytest.raises(ConflictError, match=why):
        handlers.delete_container(call(container_id=1))
    handlers.close()
    assert records.get(1) == before
    assert engine.get(ID).running


@pytest.mark.parametrize("engine_name", ["process@", ""], ids=["process", "old"])
def test_what_can_only_have_ended_with_its_agent_is_settled_by_any(
    plugins: Path, engine: Scripted, records: Records, engine_name: str
) -> None:
    record_of(records, GONE.replace("scripted@", engine_name))
    handlers = Handlers(Releases(plugins), records, engine)
    record = records.get(1)
    assert (record.status, record.owner) == ("stopped", None)
    handlers.delete_container(call(container_id=1))
    assert statuses(records) == []


def test_a_container_without_a_record_is_managed_only_when_all_are(
    plugins: Path, engine: Scripted, records: Records
) -> None:
    there(engine, "somebody")
    handlers = Handlers(Releases(plugins), records, engine)
    assert handlers.get_docker_container(call(container_id=ID))["record_id"] is None
    for act in (handlers.stop_docker_container, handlers.start_docker_container, handlers.delete_docker_container):
        with pytest.raises(ConflictError, match=r"was not made by this agent.*--manage-all"):
            act(call(container_id=ID))
    handlers = Handlers(Releases(plugins), records, engine, manage_all=True)
    assert handlers.stop_docker_container(call(container_id=ID))["running"] is False
    assert handlers.start_docker_container(call(container_id=ID))["running"] is True
    handlers.delete_docker_container(call(container_id=ID))
    assert engine.list() == []


def test_a_record_that_nobody_answers_for_can_be_deleted_with_its_container(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    there(engine, "somebody")
    record_of(records, None)
    handlers.delete_container(call(container_id=1))
    assert (engine.list(), statuses(records)) == ([], [])


def test_logs_are_asked_of_the_engine(handlers: Handlers, engine: Scripted) -> None:
    there(engine, "somebody")
    assert handlers.get_docker_container_logs(call(container_id=ID)) == "sample-1.0-1 None"
    assert handlers.get_docker_container_logs(replace(call(container_id=ID), query={"tail": 2})) == "sample-1.0-1 2"
