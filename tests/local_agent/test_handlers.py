"""What happens when two requests meet at the worst moment, which an engine waits for to make it happen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synapse_sdk.local_agent import lifecycle
from synapse_sdk.local_agent.contract import Call
from synapse_sdk.local_agent.engines import Container, ContainerSpec, Engine
from synapse_sdk.local_agent.errors import ConflictError, NotFoundError, UnavailableError
from synapse_sdk.local_agent.handlers import Handlers
from synapse_sdk.local_agent.records import Record, Records
from synapse_sdk.local_agent.releases import Releases
from tests.local_agent.support import make_release

ID = "a" * 64


class Scripted:
    """An engine of one container that never runs anything, and lets a test step in before each of its answers."""

    def __init__(self) -> None:
        self.before: dict[str, Callable[[], object]] = {}
        self.container: Container | None = None

    def watch(self, ended: Callable[[Container], None]) -> None:
        self.ended = ended

    def create(self, spec: ContainerSpec) -> Container:
        self._step("create")
        release = spec.release.name
        self.container = Container(
            ID, spec.name, release, "created", False, None, None, release, (), "2026-01-01T00:00:00Z", 1, None
        )
        return self.container

    def start(self, container_id: str) -> Container:
        self._step("start")
        self.container = replace(
            self.get(container_id), status="running", running=True, endpoint="http://x", host_port=1
        )
        return self.container

    def get(self, container_id: str) -> Container:
        self._step("get")
        if not self.container or self.container.id != container_id:
            raise NotFoundError("There is none.")
        return self.container

    def list(self) -> Sequence[Container]:
        return [self.container] if self.container else []

    def remove(self, container_id: str) -> None:
        self.get(container_id)
        self.container = None

    def close(self) -> None:
        self.container = None

    def _step(self, name: str) -> None:
        self.before.pop(name, lambda: None)()


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


def statuses(records: Records) -> list[str]:
    return [record.status for record in records.page([], 1, 10)[1]]


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
    handlers: Handlers, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    listens = lifecycle.listens

    def removed_then(record: Record, container: Container) -> Any:
        engine.container = None
        return listens(record, container)

    monkeypatch.setattr(lifecycle, "listens", removed_then)
    assert handlers.create_docker_container(CREATE)["running"]
    assert statuses(records) == ["running"]


def test_a_container_that_ends_before_its_record_says_that_it_runs_is_recorded_as_ended(
    handlers: Handlers, engine: Scripted, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = records.change

    def ended_first(record_id: int, decide: Callable[[Record], Any]) -> Record:
        if engine.container and engine.container.running:
            monkeypatch.undo()
            engine.container = replace(engine.container, status="exited", running=False, endpoint=None, exit_code=1)
            engine.ended(engine.container)
        return change(record_id, decide)

    monkeypatch.setattr(records, "change", ended_first)
    answer = handlers.create_docker_container(CREATE)
    assert (answer["status"], answer["running"]) == ("exited", False)
    record = records.get(1)
    assert (record.status, record.exit_code, record.endpoint) == ("exited", 1, None)


@pytest.mark.parametrize("step", ["create", "start"])
def test_an_engine_that_fails_leaves_no_record(
    handlers: Handlers, engine: Scripted, records: Records, step: str
) -> None:
    def fails() -> None:
        raise UnavailableError("The engine does not answer.")

    engine.before[step] = fails
    with pytest.raises(UnavailableError):
        handlers.create_docker_container(CREATE)
    assert (engine.list(), statuses(records)) == ([], [])


def test_a_record_that_is_gone_when_its_create_fails_is_no_further_error(
    handlers: Handlers, engine: Scripted, records: Records
) -> None:
    def fails() -> None:
        records.delete(1)
        raise UnavailableError("The engine does not answer.")

    engine.before["start"] = fails
    with pytest.raises(UnavailableError):
        handlers.create_docker_container(CREATE)
    assert (engine.list(), statuses(records)) == ([], [])
