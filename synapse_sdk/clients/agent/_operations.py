"""From a documented call to the request that the generated client builds for it.

A path, a verb or a field of the wire is written in the contract alone: here stand the names of operations and of
parameters. The generated modules are imported by the call that needs them, which keeps the import of the SDK cheap.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from synapse_sdk.clients import _arguments
from synapse_sdk.clients._request import Request, Shape, request_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from synapse_agent_api.types import Unset
    from synapse_agent_types import Container, ContainerPage, DockerContainer, Health

T = TypeVar("T")
U = TypeVar("U")

# Stands for every id where a path is looked for.
_ANY_ID = "0" * 64


def list_docker_containers() -> Request[list[DockerContainer]]:
    """Return the request for all containers of the host."""
    from synapse_agent_api.api.docker_containers import list_docker_containers as operation

    return request_from(operation.__name__, Shape.ARRAY, operation._get_kwargs())


def get_docker_container(container_id: str) -> Request[DockerContainer]:
    """Return the request for a container."""
    from synapse_agent_api.api.docker_containers import get_docker_container as operation

    kwargs = operation._get_kwargs(_arguments.docker_id("container_id", container_id))
    return request_from(operation.__name__, Shape.OBJECT, kwargs)


def create_docker_container(
    plugin_release: str,
    params: Mapping[str, Any] | None,
    envs: Mapping[str, str] | None,
    metadata: Mapping[str, Any] | None,
    labels: Sequence[str] | None,
) -> Request[DockerContainer]:
    """Return the request to build and run a container. What is None is left out."""
    from synapse_agent_api import models
    from synapse_agent_api.api.docker_containers import create_docker_container as operation

    body = models.CreateDockerContainerRequest(
        plugin_release=_arguments.non_empty_text(
            "plugin_release", plugin_release, "a plugin release such as 'code@version'"
        ),
        params=_optional("params", params, _arguments.json_object, models.CreateDockerContainerRequestParams.from_dict),
        envs=_optional("envs", envs, _arguments.string_map, models.CreateDockerContainerRequestEnvs.from_dict),
        metadata=_optional(
            "metadata",
            metadata,
            _arguments.json_object,
            models.CreateDockerContainerRequestMetadata.from_dict,
        ),
        labels=_optional("labels", labels, _arguments.string_list, list),
    )
    return request_from(operation.__name__, Shape.OBJECT, operation._get_kwargs(body=body), lasts=True)


def stop_docker_container(container_id: str) -> Request[DockerContainer]:
    """Return the request to stop a container."""
    from synapse_agent_api.api.docker_containers import stop_docker_container as operation

    kwargs = operation._get_kwargs(_arguments.docker_id("container_id", container_id))
    return request_from(operation.__name__, Shape.OBJECT, kwargs, lasts=True)


def start_docker_container(container_id: str) -> Request[DockerContainer]:
    """Return the request to start a container again."""
    from synapse_agent_api.api.docker_containers import start_docker_container as operation

    kwargs = operation._get_kwargs(_arguments.docker_id("container_id", container_id))
    return request_from(operation.__name__, Shape.OBJECT, kwargs, lasts=True)


def get_docker_container_logs(container_id: str, tail: int | None) -> Request[str]:
    """Return the request for what a container has written. Without a `tail`, all of it."""
    from synapse_agent_api.api.docker_containers import get_docker_container_logs as operation

    text = _arguments.docker_id("container_id", container_id)
    lines = _optional("tail", tail, _line_count, int)
    return request_from(operation.__name__, Shape.TEXT, operation._get_kwargs(text, tail=lines))


def delete_docker_container(container_id: str) -> Request[None]:
    """Return the request to stop and remove a container."""
    from synapse_agent_api.api.docker_containers import delete_docker_container as operation

    kwargs = operation._get_kwargs(_arguments.docker_id("container_id", container_id))
    return request_from(operation.__name__, Shape.NOTHING, kwargs)


def list_containers(filters: Mapping[str, Any] | None) -> Request[ContainerPage]:
    """Return the request for a page of records."""
    from synapse_agent_api.api.containers import list_containers as operation
    from synapse_agent_api.models import ListContainersFilters

    # Every filter goes the way of those that the contract leaves open: their names are the caller's.
    given = ListContainersFilters.from_dict(_arguments.query("params", {} if filters is None else filters))
    return request_from(operation.__name__, Shape.OBJECT, operation._get_kwargs(filters=given))


def get_container(container_id: int) -> Request[Container]:
    """Return the request for a record."""
    from synapse_agent_api.api.containers import get_container as operation

    kwargs = operation._get_kwargs(_arguments.record_id("container_id", container_id))
    return request_from(operation.__name__, Shape.OBJECT, kwargs)


def update_container(container_id: int, status: str) -> Request[Container]:
    """Return the request to write a status into a record."""
    from synapse_agent_api.api.containers import update_container as operation
    from synapse_agent_api.models import UpdateContainerRequest

    number = _arguments.record_id("container_id", container_id)
    body = UpdateContainerRequest(status=_arguments.non_empty_text("status", status, "a status such as 'stopped'"))
    return request_from(operation.__name__, Shape.OBJECT, operation._get_kwargs(number, body=body))


def delete_container(container_id: int) -> Request[None]:
    """Return the request to delete a record and its container."""
    from synapse_agent_api.api.containers import delete_container as operation

    kwargs = operation._get_kwargs(_arguments.record_id("container_id", container_id))
    return request_from(operation.__name__, Shape.NOTHING, kwargs)


def health_check() -> Request[Health]:
    """Return the request for how the agent is."""
    from synapse_agent_api.api.agent import health_check as operation

    return request_from(operation.__name__, Shape.OBJECT, operation._get_kwargs())


def lasts(method: str, path: str) -> bool:
    """Return whether the agent may be silent for long, from a request's method and its path below the base URL."""
    return _lasting().fullmatch(f"{method} {path}") is not None


@cache
def _lasting() -> re.Pattern[str]:
    create = create_docker_container("a@1", None, None, None, None)
    requests = [create, start_docker_container(_ANY_ID), stop_docker_container(_ANY_ID)]
    lines = [re.escape(f"{request.method} {request.path}") for request in requests]
    return re.compile("|".join(lines).replace(_ANY_ID, "[^/]+"))


def _line_count(name: str, value: object) -> int:
    return _arguments.whole_number(name, value, least=0, what=" (how many lines)")


def _optional(name: str, value: object, check: Callable[[str, object], T], convert: Callable[[T], U]) -> U | Unset:
    """Return an optional argument, checked and in the generated client's type. None means that it is left out."""
    from synapse_agent_api.types import UNSET

    return UNSET if value is None else convert(check(name, value))
