"""The contract's schemas as typed dictionaries. Made by `make generate`; do not edit."""

from __future__ import annotations

from typing import Any, NotRequired, TypeAlias, TypedDict

DockerId: TypeAlias = str
"""
Docker's id of a container, 64 hexadecimal digits, or at least the first 12 of them.
"""


RecordId: TypeAlias = int
"""
The number of a record.
"""


PluginRelease: TypeAlias = str
"""
A plugin release, as `code@version`.
"""


Status: TypeAlias = str
"""
What a container is doing. Docker's own values are `created`, `running`, `paused`, `restarting`, `removing`, `exited` and `dead`; the platform adds `requested`, `building`, `starting`, `unhealthy`, `stopped`, `failed`, `deleting` and `deleted`. Agents may use others.
"""


Labels: TypeAlias = list[str]
"""
Labels for display and filtering.
"""


class CreateDockerContainerRequest(TypedDict):
    """
    What to run, and with what.
    """

    plugin_release: PluginRelease
    params: NotRequired[dict[str, Any]]
    """
    Parameters forwarded to the plugin, as JSON in its environment variable `PLUGIN_PARAMS`.
    """
    envs: NotRequired[dict[str, str]]
    """
    Environment variables of the container.
    """
    metadata: NotRequired[dict[str, Any]]
    """
    Anything else that is to be kept with the record.
    """
    labels: NotRequired[Labels]


class DockerContainer(TypedDict):
    """
    A container on the agent's host. Containers that the agent did not start have no record.
    """

    id: DockerId
    docker_id: DockerId
    status: Status
    running: bool
    """
    Whether the container's program runs.
    """
    name: NotRequired[str | None]
    """
    Docker's name of the container.
    """
    image: NotRequired[str | None]
    """
    The image that the container was made from.
    """
    endpoint: NotRequired[str | None]
    """
    The URL on which the container's program answers.
    """
    plugin_release: NotRequired[str | None]
    """
    The plugin release that the container runs, as `code@version`.
    """
    labels: NotRequired[list[str] | None]
    """
    The labels that it was created with.
    """
    created_at: NotRequired[str | None]
    """
    When the container was created.
    """
    record_id: NotRequired[int | None]
    """
    The number of its record in the agent's database.
    """
    exit_code: NotRequired[int | None]
    """
    What its program ended with the last time; negative for a signal, as -9. Null while it runs or has not run.
    """


class Container(TypedDict):
    """
    The agent's record of a container.
    """

    id: RecordId
    docker_id: NotRequired[str | None]
    """
    Docker's id of the container. Null while there is none yet.
    """
    plugin_release: str
    """
    The plugin release, as `code@version`.
    """
    status: Status
    status_reason: NotRequired[str | None]
    """
    Why the status is what it is, for people, where the agent has something to say.
    """
    exit_code: NotRequired[int | None]
    """
    What the container's program ended with; negative for a signal, as -9. Null while it runs.
    """
    ended_at: NotRequired[str | None]
    """
    When the container's program ended. Null while it runs.
    """
    endpoint: NotRequired[str | None]
    """
    The URL on which the container's program answers.
    """
    host_port: NotRequired[int | None]
    """
    The host's port on which the container's program is published.
    """
    params: NotRequired[dict[str, Any] | None]
    """
    The parameters that it was created with.
    """
    metadata: NotRequired[dict[str, Any] | None]
    """
    The metadata that it was created with.
    """
    labels: NotRequired[list[str] | None]
    """
    The labels that it was created with.
    """
    created_at: NotRequired[str | None]
    """
    When the record was made.
    """
    updated_at: NotRequired[str | None]
    """
    When the record was last written.
    """


class ContainerPage(TypedDict):
    """
    A page of records.
    """

    count: NotRequired[int]
    """
    How many records match on all pages together. Agents that page by a cursor leave it out.
    """
    next: NotRequired[str | None]
    """
    The URL of the next page, as the agent sees itself; null on the last page. Behind a gateway only its query can be relied on.
    """
    previous: NotRequired[str | None]
    """
    The URL of the page before; null on the first page.
    """
    results: list[Container]
    """
    The records of this page.
    """


class UpdateContainerRequest(TypedDict):
    """
    What to write into the record.
    """

    status: Status


class ComponentHealth(TypedDict):
    """
    How something that the agent needs is.
    """

    name: str
    """
    What it is, such as `docker`.
    """
    status: str
    """
    `ok`, or `unavailable` while it does not answer.
    """
    detail: NotRequired[str | None]
    """
    What is wrong with it, for people.
    """


class FieldError(TypedDict):
    """
    What is wrong with one field of the request.
    """

    type: str
    """
    The kind of error, for programs.
    """
    loc: list[str | int]
    """
    Where it is, from the part of the request (`body`, `query`, `path`) inwards.
    """
    msg: str
    """
    What is wrong, for people.
    """
    input: NotRequired[Any]
    """
    What was sent there, of whatever type; null where it is left out.
    """


class Health(TypedDict):
    """
    How the agent is.
    """

    status: str
    """
    `ok`, or `degraded` while something that the agent needs does not answer.
    """
    version: NotRequired[str]
    """
    The version of the agent.
    """
    engine: NotRequired[ComponentHealth]
    database: NotRequired[ComponentHealth]


class ErrorBody(TypedDict):
    """
    What went wrong.
    """

    detail: str | list[FieldError]
    """
    What went wrong, as a text, or field by field.
    """
