"""The conformance scenario with the generated client alone: python -m clients.python.generated."""

import sys
from typing import Any, TypeVar

import httpx
from synapse_agent_api import AuthenticatedClient
from synapse_agent_api.api.containers import delete_container, get_container, list_containers, update_container
from synapse_agent_api.api.docker_containers import (
    create_docker_container,
    delete_docker_container,
    get_docker_container,
    get_docker_container_logs,
    list_docker_containers,
)
from synapse_agent_api.models import (
    Container,
    ContainerPage,
    CreateDockerContainerRequest,
    CreateDockerContainerRequestEnvs,
    CreateDockerContainerRequestMetadata,
    CreateDockerContainerRequestParams,
    DockerContainer,
    ErrorBody,
    ListContainersFilters,
    UpdateContainerRequest,
)
from synapse_agent_api.types import UNSET, Response

from clients.python.checks import Checks
from clients.python.scenario import LABELS, METADATA, PARAMS, RELEASE, SCRIPTED, TOKEN, URL

T = TypeVar("T")


def answered(response: Response[T | ErrorBody]) -> T:
    """Return what came back, which is no error."""
    assert response.parsed is not None
    assert not isinstance(response.parsed, ErrorBody), response
    return response.parsed


def refused(response: Response[T | ErrorBody], status: int) -> ErrorBody:
    """Return the error that came back, which has this status."""
    assert response.status_code == status
    assert isinstance(response.parsed, ErrorBody)
    return response.parsed


def new_client(url: str, token: str) -> AuthenticatedClient:
    return AuthenticatedClient(url, token, prefix="", timeout=httpx.Timeout(60))


def scenario() -> int:
    check = Checks()
    client, scripted = new_client(URL, TOKEN), new_client(SCRIPTED, "")
    created: list[DockerContainer] = []

    def first() -> DockerContainer:
        return created[0]

    def record_of(container: DockerContainer) -> int:
        assert isinstance(container.record_id, int)
        return container.record_id

    def page(**query: Any) -> ContainerPage:
        return answered(list_containers.sync_detailed(client=client, **query))

    def new_container() -> DockerContainer:
        [found] = answered(list_docker_containers.sync_detailed(client=scripted))
        return found

    @check("no token")
    def _() -> None:
        with new_client(URL, "") as other:
            refused(list_docker_containers.sync_detailed(client=other), 401)

    @check("wrong token")
    def _() -> None:
        with new_client(URL, "wrong") as other:
            detail = refused(list_docker_containers.sync_detailed(client=other), 401).detail
        assert isinstance(detail, str)
        assert detail

    @check("list")
    def _() -> None:
        assert answered(list_docker_containers.sync_detailed(client=client)) == []

    @check("create")
    def _() -> None:
        request = CreateDockerContainerRequest(
            RELEASE,
            params=CreateDockerContainerRequestParams.from_dict(PARAMS),
            envs=CreateDockerContainerRequestEnvs.from_dict({"DEBUG": "true"}),
            metadata=CreateDockerContainerRequestMetadata.from_dict(METADATA),
            labels=LABELS,
        )
        created.append(answered(create_docker_container.sync_detailed(client=client, body=request)))
        assert first().docker_id == first().id
        assert (first().plugin_release, first().labels) == (RELEASE, LABELS)

    @check("get")
    def _() -> None:
        found = answered(get_docker_container.sync_detailed(first().docker_id, client=client))
        assert (found.running, found.status) == (True, "running")
        assert isinstance(found.endpoint, str)
        assert found.endpoint.startswith("http://127.0.0.1:")

    @check("record")
    def _() -> None:
        record = answered(get_container.sync_detailed(record_of(first()), client=client))
        assert record.params
        assert record.metadata
        assert (record.params.to_dict(), record.metadata.to_dict()) == (PARAMS, METADATA)
        assert record.labels == LABELS

    @check("one segment")
    def _() -> None:
        name = "a/b?c#d é漢"
        detail = refused(get_docker_container.sync_detailed(name, client=client), 404).detail
        assert isinstance(detail, str)
        assert name in detail

    @check("two pages")
    def _() -> None:
        request = CreateDockerContainerRequest(RELEASE)
        created.append(answered(create_docker_container.sync_detailed(client=client, body=request)))
        one = page(plugin_release=RELEASE, page=1, page_size=1)
        assert [record.id for record in one.results] == [record_of(created[1])]
        assert one.count == 2
        assert one.next_
        two = page(plugin_release=RELEASE, page=2, page_size=1)
        assert [record.id for record in two.results] == [record_of(first())]
        assert two.next_ is None

    @check("filter")
    def _() -> None:
        assert len(page(status="running").results) == 2
        assert page(status="stopped").results == []

    @check("another filter")
    def _() -> None:
        [record] = page(filters=ListContainersFilters.from_dict({"docker_id": first().docker_id})).results
        assert record.id == record_of(first())

    @check("update")
    def _() -> None:
        number = record_of(created[1])
        body = UpdateContainerRequest("stopped")
        assert answered(update_container.sync_detailed(number, client=client, body=body)).status == "stopped"
        assert answered(get_container.sync_detailed(number, client=client)).status == "stopped"

    @check("invalid")
    def _() -> None:
        request = CreateDockerContainerRequest("no-version")
        detail = refused(create_docker_container.sync_detailed(client=client, body=request), 422).detail
        assert not isinstance(detail, str)
        assert detail[0].loc == ["body", "plugin_release"]
        assert detail[0].type_
        assert detail[0].msg

    @check("logs")
    def _() -> None:
        written = answered(get_docker_container_logs.sync_detailed(first().docker_id, client=client, tail=1))
        assert isinstance(written, str)

    @check("unknown fields")
    def _() -> None:
        found = new_container()
        assert (found.docker_id, found.running) == ("0123456789ab", False)

    @check("unknown status")
    def _() -> None:
        assert new_container().status == "hibernating"

    @check("null optionals")
    def _() -> None:
        found = new_container()
        assert found.name is found.image is found.endpoint is found.plugin_release is None
        assert found.labels is found.created_at is found.record_id is found.exit_code is None
        record: Container = answered(get_container.sync_detailed(7, client=scripted))
        assert record.docker_id is record.endpoint is record.params is record.labels is record.created_at is UNSET

    @check("unknown fields in a page")
    def _() -> None:
        found = answered(list_containers.sync_detailed(client=scripted))
        assert found.count is UNSET
        assert [record.status for record in found.results] == ["hibernating"]

    @check("too many requests")
    def _() -> None:
        response = get_docker_container.sync_detailed("0123456789ab", client=scripted)
        assert refused(response, 429).detail == "Too many requests."
        assert response.headers["Retry-After"] == "7"

    @check("delete")
    def _() -> None:
        response = delete_docker_container.sync_detailed(first().docker_id, client=client)
        assert (response.status_code, response.parsed) == (204, None)

    @check("delete again")
    def _() -> None:
        refused(delete_docker_container.sync_detailed(first().docker_id, client=client), 404)

    @check("delete record")
    def _() -> None:
        number = record_of(created[1])
        assert delete_container.sync_detailed(number, client=client).status_code == 204
        refused(get_container.sync_detailed(number, client=client), 404)

    client.__exit__(None, None, None)
    scripted.__exit__(None, None, None)
    return check.close()


if __name__ == "__main__":
    sys.exit(scenario())
