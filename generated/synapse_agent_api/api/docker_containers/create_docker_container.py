from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.create_docker_container_request import CreateDockerContainerRequest
from ...models.docker_container import DockerContainer
from ...models.error_body import ErrorBody
from ...types import Response


def _get_kwargs(
    *,
    body: CreateDockerContainerRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/containers/docker/",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DockerContainer | ErrorBody:
    if response.status_code == 201:
        response_201 = DockerContainer.from_dict(response.json())

        return response_201

    if response.status_code == 401:
        response_401 = ErrorBody.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ErrorBody.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ErrorBody.from_dict(response.json())

        return response_404

    if response.status_code == 409:
        response_409 = ErrorBody.from_dict(response.json())

        return response_409

    if response.status_code == 422:
        response_422 = ErrorBody.from_dict(response.json())

        return response_422

    if response.status_code == 429:
        response_429 = ErrorBody.from_dict(response.json())

        return response_429

    if response.status_code == 503:
        response_503 = ErrorBody.from_dict(response.json())

        return response_503

    response_default = ErrorBody.from_dict(response.json())

    return response_default


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[DockerContainer | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateDockerContainerRequest,
) -> Response[DockerContainer | ErrorBody]:
    """Build and run a container for a plugin release

     Builds the image of a plugin release, starts a container from it, keeps a record of it, and answers
    when the
    container runs. That takes from a second to several minutes, in which the connection is silent.

    Args:
        body (CreateDockerContainerRequest): What to run, and with what.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DockerContainer | ErrorBody]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CreateDockerContainerRequest,
) -> DockerContainer | ErrorBody | None:
    """Build and run a container for a plugin release

     Builds the image of a plugin release, starts a container from it, keeps a record of it, and answers
    when the
    container runs. That takes from a second to several minutes, in which the connection is silent.

    Args:
        body (CreateDockerContainerRequest): What to run, and with what.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DockerContainer | ErrorBody
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateDockerContainerRequest,
) -> Response[DockerContainer | ErrorBody]:
    """Build and run a container for a plugin release

     Builds the image of a plugin release, starts a container from it, keeps a record of it, and answers
    when the
    container runs. That takes from a second to several minutes, in which the connection is silent.

    Args:
        body (CreateDockerContainerRequest): What to run, and with what.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DockerContainer | ErrorBody]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CreateDockerContainerRequest,
) -> DockerContainer | ErrorBody | None:
    """Build and run a container for a plugin release

     Builds the image of a plugin release, starts a container from it, keeps a record of it, and answers
    when the
    container runs. That takes from a second to several minutes, in which the connection is silent.

    Args:
        body (CreateDockerContainerRequest): What to run, and with what.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DockerContainer | ErrorBody
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
