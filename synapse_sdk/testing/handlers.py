"""The agent's own handlers, and beside them what a test may have happen."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from synapse_sdk.local_agent.contract import Call
from synapse_sdk.local_agent.handlers import Handlers
from synapse_sdk.local_agent.records import Records
from synapse_sdk.local_agent.releases import Release, Releases, missing
from synapse_sdk.testing.engine import ScriptedEngine, State


class ScriptedReleases(Releases):
    """Plugin releases without folders.

    Attributes:
        known: The names of those that there are, or None for every name.
    """

    def __init__(self) -> None:
        self.known: Collection[str] | None = None

    def names(self) -> list[str]:
        """Return the names of the releases that there are, sorted; none where every name is one."""
        return sorted(self.known or ())

    def find(self, name: str) -> Release:
        """Return a release by its name, `code@version`.

        Raises:
            NotFoundError: If there is none of that name; the message lists what there is.
        """
        if self.known is not None and name not in self.known:
            raise missing(name, self.names())
        code, _, version = name.partition("@")
        return Release(code, version, Path(name), Path(name))


class ScriptedRecords(Records):
    """Records in memory."""

    def __init__(self) -> None:
        super().__init__("sqlite://")

    def clear(self) -> None:
        """Forget all records, and number the next ones from 1 again."""
        with self._writing() as connection:
            connection.exec_driver_sql("DELETE FROM containers")
            connection.exec_driver_sql("DELETE FROM sqlite_sequence")


class ScriptedHandlers(Handlers):
    """Answers the requests, and does what a test says.

    Args:
        records: The database.
        engine: The containers.

    Attributes:
        releases: The plugin releases.
    """

    def __init__(self, records: ScriptedRecords, engine: ScriptedEngine) -> None:
        self.releases = ScriptedReleases()
        super().__init__(self.releases, records, engine)
        self._scripted_records = records
        self._scripted_engine = engine

    def add(self, call: Call, state: State, logs: str) -> dict[str, Any]:
        """Carry out a request to create a container, and return the container, which is what it is said to be.

        Raises:
            AgentError: If the request is refused.
        """
        container_id = self.create_docker_container(call)["id"]
        self._scripted_engine.write(container_id, logs)
        self._become(container_id, state)
        return self._shown(self._engine.get(container_id))

    def transition(self, container_id: str, states: Sequence[State], after_reads: int) -> None:
        """Have a container be in the first of these states now, and in each next one when it was read so many times.

        Raises:
            NotFoundError: If there is no such container.
        """
        whole_id = self._engine.get(container_id).id
        self._become(whole_id, states[0])
        self._scripted_engine.plan(whole_id, states[1:], after_reads)

    def write_logs(self, container_id: str, logs: str) -> None:
        """Have a container have written a text, and nothing else.

        Raises:
            NotFoundError: If there is no such container.
        """
        self._scripted_engine.write(container_id, logs)

    def forget(self) -> None:
        """Forget all containers and records, and what was to become of them."""
        self._engine.close()
        self._scripted_records.clear()
        self.releases.known = None

    def list_docker_containers(self, call: Call) -> list[dict[str, Any]]:
        """Return all containers, which have been read then."""
        shown = super().list_docker_containers(call)
        self._were_read(each["id"] for each in shown)
        return shown

    def get_docker_container(self, call: Call) -> dict[str, Any]:
        """Return a container, which has been read then."""
        shown = super().get_docker_container(call)
        self._were_read([shown["id"]])
        return shown

    def list_containers(self, call: Call) -> dict[str, Any]:
        """Return a page of records, whose containers have been read then."""
        page = super().list_containers(call)
        self._were_read(each["docker_id"] for each in page["results"])
        return page

    def get_container(self, call: Call) -> dict[str, Any]:
        """Return a record, whose container has been read then."""
        shown = super().get_container(call)
        self._were_read([shown["docker_id"]])
        return shown

    def _were_read(self, container_ids: Iterable[str | None]) -> None:
        for container_id in container_ids:
            if container_id and (state := self._scripted_engine.read(container_id)):
                self._become(container_id, state)

    def _become(self, container_id: str, state: State) -> None:
        container = self._scripted_engine.become(container_id, state)
        values = {
            "status": state.status,
            "status_reason": state.reason,
            "endpoint": container.endpoint,
            "host_port": container.host_port,
            "exit_code": container.exit_code,
            "ended_at": container.ended_at,
        }
        self._records.change_all(lambda _: values, docker_id=container_id)
