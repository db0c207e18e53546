"""The operations of the contract, one method each, of the name that the contract gives it."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.exc import SQLAlchemyError

from synapse_sdk._version import __version__
from synapse_sdk.local_agent import lifecycle, owner
from synapse_sdk.local_agent.again import Again
from synapse_sdk.local_agent.contract import Call
from synapse_sdk.local_agent.engines import Container, ContainerSpec, Engine
from synapse_sdk.local_agent.errors import (
    AgentError,
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from synapse_sdk.local_agent.health import Probe
from synapse_sdk.local_agent.records import Change, Record, Records
from synapse_sdk.local_agent.releases import Releases

PAGE_SIZE = 20
LARGEST_PAGE = 1000

_FAILED = "the database or the engine failed"

_logger = logging.getLogger("synapse_sdk.local_agent")


class Handlers:
    """Answers the requests: each method of an operation's name takes a checked call and returns what its answer holds.

    It is also the engine's watcher, and has the records follow what becomes of the containers; where it cannot, because
    the database or the engine fails, as soon as they work again.

    Args:
        releases: The plugin releases.
        records: The database.
        engine: What runs the containers.
        manage_all: Whether to stop, start and remove containers that this agent did not make.
    """

    def __init__(self, releases: Releases, records: Records, engine: Engine, *, manage_all: bool = False) -> None:
        self._releases = releases
        self._records = records
        self._engine = engine
        self._manage_all = manage_all
        self._me = owner.this_agent(engine.name)
        self._turns = [threading.Lock() for _ in range(64)]
        self._stopping: set[str] = set()
        self._probes = {"engine": Probe(engine.name, engine.check), "database": Probe(records.name, records.check)}
        self._lock = threading.Lock()
        # Numbers of records, and ids of containers, which somebody was at work on and had to leave as they were.
        self._left: set[int | str] = set()
        self._at_work: list[int | str] = []  # what requests work on now, once for each of them
        self._settling = Again(lambda: self.found(engine.list()), "settling")
        engine.watch(self)

    def close(self) -> None:
        """Remove the containers, and have their records say so."""
        self._settling.close()
        left = self._engine.close()
        try:
            self._records.change_all(
                lambda record: {} if record.docker_id in left else lifecycle.abandoned(record, "the agent stopped"),
                owner=self._me,
            )
        except SQLAlchemyError as error:
            _logger.warning("Its records are settled by the next agent on the database: %s", error)

    def list_docker_containers(self, _: Call) -> list[dict[str, Any]]:
        """Return all containers of the engine."""
        containers = self._engine.list()
        numbers = self._records.numbers([container.id for container in containers])
        return [docker_container(container, numbers.get(container.id)) for container in containers]

    def create_docker_container(self, call: Call) -> dict[str, Any]:
        """Make and start a container, keep a record of it, and return it once it listens."""
        body = call.body
        release = self._releases.find(body["plugin_release"])
        wanted = {"params": body.get("params", {}), "labels": body.get("labels", [])}
        record = self._records.create(
            plugin_release=release.name,
            status=lifecycle.BUILDING,
            metadata=body.get("metadata", {}),
            owner=self._me,
            **wanted,
        )
        name = f"{release.code}-{release.version}-{record.id}"
        spec = ContainerSpec(name, release, record.id, envs=body.get("envs", {}), owner=self._me, **wanted)
        with self._settled_later(record.id):
            return docker_container(self._make(record, spec), record.id)

    def get_docker_container(self, call: Call) -> dict[str, Any]:
        """Return a container."""
        return self._shown(self._engine.get(call.path["container_id"]))

    def stop_docker_container(self, call: Call) -> dict[str, Any]:
        """Stop a container, which stays, as does its record."""
        container = self._manageable(call)
        if not container.running:
            return self._shown(self._engine.stop(container.id))
        self._stopping.add(container.id)
        try:
            with self._settled_later(container.id):
                stopped = self._engine.stop(container.id)
                self._follow(container.id, lifecycle.stopped)
        finally:
            self._stopping.discard(container.id)
        return self._shown(stopped)

    def start_docker_container(self, call: Call) -> dict[str, Any]:
        """Start a container again, and return it once it listens."""
        container = self._manageable(call)
        with self._settled_later(container.id):
            if not container.running:
                self._records.change_all(lifecycle.starting, docker_id=container.id)
            try:
                now = self._engine.start(container.id)
            except ConflictError:
                raise  # whoever is at work on it says what comes of that
            except AgentError as error:
                self._not_started(container, str(error.detail))
                raise
            self._follow(container.id, lifecycle.started)
        return self._shown(now)

    def delete_docker_container(self, call: Call) -> None:
        """Stop and remove a container; its record stays."""
        container = self._manageable(call)
        with self._settled_later(container.id):
            self._records.change_all(lifecycle.removing, docker_id=container.id)
            self._engine.remove(container.id)
            self._records.change_all(lifecycle.removed, docker_id=container.id)

    def get_docker_container_logs(self, call: Call) -> str:
        """Return what a container's program has written."""
        return self._engine.logs(call.path["container_id"], call.query.get("tail"))

    def list_containers(self, call: Call) -> dict[str, Any]:
        """Return a page of records."""
        query = dict(call.query)
        number = query.pop("page", 1)
        size = min(query.pop("page_size", PAGE_SIZE), LARGEST_PAGE)
        count, found = self._records.page([*query.items(), *call.filters], number, size)
        return {
            "count": count,
            "next": page_url(call, number + 1) if number * size < count else None,
            "previous": page_url(call, number - 1) if number > 1 else None,
            "results": [record.as_json() for record in found],
        }

    def get_container(self, call: Call) -> dict[str, Any]:
        """Return a record."""
        return self._records.get(call.path["container_id"]).as_json()

    def update_container(self, call: Call) -> dict[str, Any]:
        """Write a status into a record."""
        values = {"status": call.body["status"], "status_reason": None}
        return self._records.change(call.path["container_id"], lambda _: values).as_json()

    def delete_container(self, call: Call) -> None:
        """Stop and remove a record's container, then the record."""
        record = self._records.change(call.path["container_id"], self._removing)
        with self._settled_later(record.id):
            self._remove_container_of(record)
            deleted = self._records.delete(record.id)
            if deleted.docker_id != record.docker_id:
                self._remove_container_of(deleted)  # it was made since the record was read

    def health_check(self, _: Call) -> dict[str, Any]:
        """Return how the agent is."""
        answers = {name: probe.ask() for name, probe in self._probes.items()}
        parts = {name: answer() for name, answer in answers.items()}
        is_well = all(part["status"] == "ok" for part in parts.values())
        return {"status": "ok" if is_well else "degraded", "version": __version__, **parts}

    def found(self, containers: Sequence[Container]) -> None:
        """Have the records of this agent, and of agents that are gone, agree with what is there."""
        # Whoever was interrupted may not have written down which container it had made.
        made = {(container.owner, container.record_id): container.id for container in containers}
        gone = [agent for agent in self._records.owners() if self._can_follow(agent)]
        with self._lock:
            left, self._left = self._left, set()
        try:
            mine = self._records.find(owner=self._me)
            for record in mine:
                if record.id in left or record.docker_id in left:
                    if self._is_at_work_on(record):
                        self._leave(record.id)  # until that ends
                    else:
                        self._take_over(record, record.docker_id or made.get((self._me, record.id)))
                elif record.docker_id:
                    self._follow(record.docker_id, lifecycle.seen, lifecycle.seen_gone)
            for agent in gone:
                for record in self._records.find(owner=agent):
                    self._take_over(record, record.docker_id or made.get((agent, record.id)))
        except BaseException:
            with self._lock:
                self._left |= left
            raise
        for container in containers:
            is_orphan = container.owner == self._me and not any(_is_of(container, record) for record in mine)
            if is_orphan and not self._is_removed(container.id):
                self._settling.ask()

    def changed(self, container: Container) -> None:
        """Have its record say what became of a container."""
        try:
            self._follow(container.id, self._seen, self._seen_gone)
            if container.owner == self._me and container.status == "created":
                self._records.get(container.record_id or 0)
        except NotFoundError:
            self._settling.ask()  # whoever wanted it did not wait, and has taken its record back
        except Exception:
            _logger.exception("What became of container %s could not be recorded", container.id)
            self._leave(container.id)

    def gone(self, container_id: str) -> None:
        """Have its record say that a container was removed."""
        try:
            self._records.change_all(self._seen_gone, docker_id=container_id)
        except Exception:
            _logger.exception("That container %s was removed could not be recorded", container_id)
            self._leave(container_id)

    def _seen(self, record: Record, container: Container) -> Mapping[str, Any]:
        if not self._answers_for(record):
            return {}
        decide = lifecycle.stopped if container.id in self._stopping else lifecycle.seen
        return decide(record, container)

    def _seen_gone(self, record: Record) -> Mapping[str, Any]:
        return lifecycle.seen_gone(record) if self._answers_for(record) else {}

    def _shown(self, container: Container) -> dict[str, Any]:
        return docker_container(container, self._records.numbers([container.id]).get(container.id))

    def _follow(
        self,
        container_id: str,
        decide: Callable[[Record, Container], Mapping[str, Any]],
        gone: Change = lifecycle.gone,
    ) -> None:
        """Have a container's record agree with what is there now.

        Args:
            container_id: The container.
            decide: Decides what to write if it is there.
            gone: Decides what to write if it is not.
        """
        with self._turn(container_id):
            container = self._there(container_id)
            self._records.change_all(
                lambda record: decide(record, container) if container else gone(record), docker_id=container_id
            )

    @contextmanager
    def _settled_later(self, on: int | str) -> Iterator[None]:
        """Work on a record or a container, which is settled in the background if that ends halfway."""
        with self._lock:
            self._left.discard(on)
            self._at_work.append(on)
        try:
            yield
        except (SQLAlchemyError, UnavailableError):
            self._leave(on)
            raise
        finally:
            with self._lock:
                self._at_work.remove(on)

    def _is_at_work_on(self, record: Record) -> bool:
        with self._lock:
            return record.id in self._at_work or record.docker_id in self._at_work

    def _leave(self, on: int | str) -> None:
        with self._lock:
            self._left.add(on)
        self._settling.ask()

    def _make(self, record: Record, spec: ContainerSpec) -> Container:
        """Make and start a record's container; if that fails it is removed, and the record says why."""
        container: Container | None = None
        try:
            container = made = self._engine.create(spec)
            self._records.change(record.id, lambda now: lifecycle.made(now, made))
            started = self._engine.start(made.id)
            self._follow(made.id, lifecycle.started)
        except BaseException as error:
            self._unmade(record, error, container)
            if container and isinstance(error, NotFoundError):
                raise ConflictError(f"{container.name} was deleted while it was being started.") from error
            raise
        with suppress(NotFoundError, UnavailableError):
            return self._engine.get(started.id)
        return started

    def _unmade(self, record: Record, error: BaseException, container: Container | None) -> None:
        """Have a record say why there is no container; one that says nothing worth keeping goes."""
        reason = str(error)
        is_told = isinstance(error, InvalidError) and isinstance(error.detail, str)
        with suppress(NotFoundError):
            try:
                if is_told:
                    # Before its container goes, of which the record would say that another program removed it.
                    self._records.change(record.id, lambda now: lifecycle.failed(now, reason))
            finally:
                is_removed = container is None or self._is_removed(container.id)
            if not is_removed:
                self._leave(record.id)
                self._records.change(record.id, lambda now: lifecycle.failed(now, reason))
            elif is_told:
                self._records.change(record.id, lambda _: {"owner": None})
            elif container and isinstance(error, ConflictError | NotFoundError):
                self._records.change(record.id, lifecycle.gone)
            else:
                self._records.delete(record.id)

    def _not_started(self, container: Container, reason: str) -> None:
        def decide(record: Record, found: Container) -> Mapping[str, Any]:
            return lifecycle.not_started(record, found, reason)

        try:
            self._follow(container.id, decide)
        except UnavailableError:
            self._records.change_all(lambda record: decide(record, container), docker_id=container.id)

    def _is_removed(self, container_id: str) -> bool:
        """Remove a container that is of no use, and return whether it is gone."""
        try:
            self._engine.remove(container_id)
        except (NotFoundError, ConflictError):
            pass  # or it will be in a moment
        except AgentError:
            return False
        return True

    def _manageable(self, call: Call) -> Container:
        """Return the container of a call, if this agent may change it."""
        container = self._engine.get(call.path["container_id"])
        if self._manage_all or container.owner == self._me:
            return container
        records = self._records.find(docker_id=container.id)
        if not records:
            raise ConflictError(
                f"Container {container.name} was not made by this agent, which leaves those of others alone "
                "unless it is started with --manage-all."
            )
        for record in records:
            self._refuse_anothers(record)
        return container

    def _removing(self, record: Record) -> Mapping[str, Any]:
        self._refuse_anothers(record)
        return lifecycle.removing(record)

    def _refuse_anothers(self, record: Record) -> None:
        if record.owner in (None, self._me):
            return
        if not owner.is_gone(record.owner):
            raise ConflictError(f"The container of record {record.id} is another agent's, which still runs.")
        if not self._can_follow(record.owner):
            engine = owner.engine_of(record.owner)
            raise ConflictError(
                f"The container of record {record.id} is one of the engine {engine}, not of this agent's."
            )

    def _answers_for(self, record: Record) -> bool:
        """Whether it is for this agent to say what became of a container: its agent says so itself while it runs."""
        return record.owner == self._me or (record.owner is not None and self._can_follow(record.owner))

    def _can_follow(self, agent: str) -> bool:
        """Whether this agent can answer for what another has left."""
        is_known = owner.engine_of(agent) == self._engine.name or not owner.leaves_containers(agent)
        return is_known and owner.is_gone(agent)

    def _remove_container_of(self, record: Record) -> None:
        if record.docker_id:
            with suppress(NotFoundError):
                self._engine.remove(record.docker_id)

    def _take_over(self, record: Record, container_id: str | None) -> None:
        """Have a record that nobody is at work on agree with its container, and answer for both from now on."""
        by_another = record.owner != self._me
        if container_id and lifecycle.is_left_over(record):
            if not self._is_removed(container_id):
                self._leave(record.id)
                return
            container_id = None

        def taken(now: Record) -> Mapping[str, Any]:
            if now.owner != record.owner:
                return {}  # another agent was quicker
            if container:
                seen = lifecycle.adopted(now, container, "its agent ended" if by_another else _FAILED)
                return {"owner": self._me, "docker_id": container.id, **seen}
            if by_another:
                return lifecycle.abandoned(now, "its agent had ended, and its container with it")
            return lifecycle.given_up(now, _FAILED)

        with self._turn(container_id), suppress(NotFoundError):
            container = self._there(container_id)
            if self._records.change(record.id, taken).owner == self._me and container and by_another:
                self._engine.adopt(container.id)

    def _there(self, container_id: str | None) -> Container | None:
        if container_id:
            with suppress(NotFoundError):
                return self._engine.get(container_id)
        return None

    def _turn(self, container_id: str | None) -> threading.Lock:
        """What was looked at last must be written last, whoever looks."""
        return self._turns[hash(container_id) % len(self._turns)]


def _is_of(container: Container, record: Record) -> bool:
    """Whether a container is a record's, which may not say so yet."""
    if record.docker_id:
        return container.id == record.docker_id
    return container.record_id == record.id and container.owner == record.owner


def docker_container(container: Container, record_id: int | None) -> dict[str, Any]:
    """Return a container as the contract's `DockerContainer`.

    Args:
        container: The container.
        record_id: The number of its record. The engine's own is one of another database where another agent made it.
    """
    return {
        "id": container.id,
        "docker_id": container.id,
        "status": container.status,
        "running": container.running,
        "name": container.name,
        "image": container.image,
        "endpoint": container.endpoint,
        "plugin_release": container.plugin_release,
        "labels": list(container.labels),
        "created_at": container.created_at,
        "record_id": record_id,
        "exit_code": container.exit_code,
    }


def page_url(call: Call, number: int) -> str:
    """Return the URL of another page of the same query. The first page is the one that is not numbered."""
    pairs = [(name, value) for name, value in call.query_pairs if name != "page"]
    if number > 1:
        pairs.append(("page", str(number)))
    return f"{call.url}?{urlencode(pairs)}" if pairs else call.url
