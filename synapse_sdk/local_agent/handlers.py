"""The operations of the contract, one method each, of the name that the contract gives it."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlencode

from synapse_sdk.local_agent import lifecycle, owner
from synapse_sdk.local_agent.contract import Call
from synapse_sdk.local_agent.engines import Container, ContainerSpec, Engine
from synapse_sdk.local_agent.errors import ConflictError, InvalidError, NotFoundError, field_error
from synapse_sdk.local_agent.records import Record, Records
from synapse_sdk.local_agent.releases import Releases

PAGE_SIZE = 20
LARGEST_PAGE = 1000

_logger = logging.getLogger("synapse_sdk.local_agent")


class Handlers:
    """Answers the requests. Each method takes a checked call and returns what its answer holds.

    Args:
        releases: The plugin releases.
        records: The database.
        engine: What runs the containers.
    """

    def __init__(self, releases: Releases, records: Records, engine: Engine) -> None:
        self._releases = releases
        self._records = records
        self._engine = engine
        self._me = owner.this_agent()
        engine.watch(self._container_ended)
        for other in records.owners():
            if owner.is_gone(other):
                self._abandon(other, "its container was gone when the agent started")

    def close(self) -> None:
        """Stop the containers, and have their records say so."""
        self._engine.close()
        self._abandon(self._me, "the agent stopped")

    def list_docker_containers(self, _: Call) -> list[dict[str, Any]]:
        """Return all containers of the engine."""
        return [docker_container(container) for container in self._engine.list()]

    def create_docker_container(self, call: Call) -> dict[str, Any]:
        """Start a container, keep a record of it, and return it once it listens."""
        body = call.body
        release = self._releases.find(body["plugin_release"])
        wanted = {"params": body.get("params", {}), "labels": body.get("labels", [])}
        record = self._records.create(
            plugin_release=release.name,
            status=lifecycle.STARTING,
            metadata=body.get("metadata", {}),
            owner=self._me,
            **wanted,
        )
        name = f"{release.code}-{release.version}-{record.id}"
        spec = ContainerSpec(name, release, record.id, envs=body.get("envs", {}), **wanted)
        try:
            container = self._engine.create(spec)
        except BaseException:
            self._forget(record)
            raise
        return docker_container(self._start(record, container))

    def get_docker_container(self, call: Call) -> dict[str, Any]:
        """Return a container."""
        return docker_container(self._engine.get(call.path["container_id"]))

    def delete_docker_container(self, call: Call) -> None:
        """Stop and remove a container; its record stays."""
        container = self._engine.get(call.path["container_id"])
        self._records.change_all(lifecycle.removing, docker_id=container.id)
        self._engine.remove(container.id)
        self._records.change_all(lifecycle.removed, docker_id=container.id)

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
        status = call.body["status"]
        if "\0" in status:
            message = "a status cannot hold a NUL character"
            raise InvalidError([field_error("status", ["body", "status"], message, status)])
        values = {"status": status, "status_reason": None}
        return self._records.change(call.path["container_id"], lambda _: values).as_json()

    def delete_container(self, call: Call) -> None:
        """Stop and remove a record's container, then the record."""
        record = self._records.change(call.path["container_id"], self._removing)
        self._remove_container_of(record)
        deleted = self._records.delete(record.id)
        if deleted.docker_id != record.docker_id:
            self._remove_container_of(deleted)  # it was made since the record was read

    def _start(self, record: Record, container: Container) -> Container:
        """Start a record's container; if that fails, neither is left, but for what a deletion meanwhile has settled."""
        try:
            self._records.change(record.id, lambda _: {"docker_id": container.id})
            started = self._engine.start(container.id)
            self._records.change(record.id, lambda now: lifecycle.listens(now, started))
        except BaseException as error:
            with suppress(NotFoundError, ConflictError):
                self._engine.remove(container.id)
            if isinstance(error, NotFoundError):
                raise ConflictError(f"{container.name} was deleted while it was being started.") from error
            if not isinstance(error, ConflictError):
                self._forget(record)
            raise
        with suppress(NotFoundError):
            return self._engine.get(container.id)
        return started

    def _removing(self, record: Record) -> Mapping[str, Any]:
        if record.owner not in (None, self._me) and not owner.is_gone(record.owner):
            raise ConflictError(f"The container of record {record.id} is another agent's, which still runs.")
        return lifecycle.removing(record)

    def _forget(self, record: Record) -> None:
        with suppress(NotFoundError):
            self._records.delete(record.id)

    def _remove_container_of(self, record: Record) -> None:
        if record.docker_id:
            with suppress(NotFoundError):
                self._engine.remove(record.docker_id)

    def _container_ended(self, container: Container) -> None:
        try:
            self._records.change_all(lambda record: lifecycle.ended(record, container), docker_id=container.id)
        except Exception:
            _logger.exception("The end of container %s could not be recorded", container.name)

    def _abandon(self, agent: str, reason: str) -> None:
        self._records.change_all(partial(lifecycle.abandoned, reason=reason), owner=agent)


def docker_container(container: Container) -> dict[str, Any]:
    """Return a container as the contract's `DockerContainer`."""
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
        "record_id": container.record_id,
        "exit_code": container.exit_code,
    }


def page_url(call: Call, number: int) -> str:
    """Return the URL of another page of the same query. The first page is the one that is not numbered."""
    pairs = [(name, value) for name, value in call.query_pairs if name != "page"]
    if number > 1:
        pairs.append(("page", str(number)))
    return f"{call.url}?{urlencode(pairs)}" if pairs else call.url
