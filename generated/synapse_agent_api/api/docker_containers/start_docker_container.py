from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.docker_container import DockerContainer
from ...models.error_body import ErrorBody
from ...types import Response


def _get_kwargs(
    container_id: str,
) -> dict[str, Any]:

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/containers/docker/{container_id}/start/".format(
            container_id=quote(str(container_id), safe=""),
        ),
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> DockerContainer | ErrorBody:
    if response.status_code == 200:
        response_200 = DockerContainer.from_dict(response.json())

        return response_200

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
    container_id: str,
    *,
    client: AuthenticatedClient,
) -> Response[DockerContainer | ErrorBody]:
    """Start a Docker container again

     Starts a container that was stopped or has ended, and answers when it runs, which may take as long
    as when it was
    created. Its endpoint may be another than before. A container that runs is left as it is.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DockerContainer | ErrorBody]
    """

    kwargs = _get_kwargs(
        container_id=container_id,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container_id: str,
    *,
    client: AuthenticatedClient,
) -> DockerContainer | ErrorBody | None:
    """Start a Docker container again

     Starts a container that was stopped or has ended, and answers when it runs, which may take as long
    as when it was
    created. Its endpoint may be another than before. A container that runs is left as it is.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DockerContainer | ErrorBody
    """

    return sync_detailed(
        container_id=container_id,
        client=client,
    ).parsed


async def asyncio_detailed(
    container_id: str,
    *,
    client: AuthenticatedClient,
) -> Response[DockerContainer | ErrorBody]:
    """Start a Docker container again

     Starts a container that was stopped or has ended, and answers when it runs, which may take as long
    as when it was
    created. Its endpoint may be another than before. A container that runs is left as it is.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[DockerContainer | ErrorBody]
    """

    kwargs = _get_kwargs(
        container_id=container_id,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container_id: str,
    *,
    client: AuthenticatedClient,
) -> DockerContainer | ErrorBody | None:
    """Start a Docker container again

     Starts a container that was stopped or has ended, and answers when it runs, which may take as long
    as when it was
    created. Its endpoint may be another than before. A container that runs is left as it is.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        DockerContainer | ErrorBody
    """

    return (
        await asyncio_detailed(
            container_id=container_id,
            client=client,
        )
    ).parsed
