from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.error_body import ErrorBody
from ...types import UNSET, Response, Unset


def _get_kwargs(
    container_id: str,
    *,
    tail: int | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["tail"] = tail

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/containers/docker/{container_id}/logs/".format(
            container_id=quote(str(container_id), safe=""),
        ),
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ErrorBody | str:
    if response.status_code == 200:
        response_200 = response.text
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
) -> Response[ErrorBody | str]:
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
    tail: int | Unset = UNSET,
) -> Response[ErrorBody | str]:
    """Get what a Docker container has written

     What the container's program has written to standard output and standard error, as far as the agent
    keeps it.
    Bytes that are not UTF-8 are replaced.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.
        tail (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | str]
    """

    kwargs = _get_kwargs(
        container_id=container_id,
        tail=tail,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container_id: str,
    *,
    client: AuthenticatedClient,
    tail: int | Unset = UNSET,
) -> ErrorBody | str | None:
    """Get what a Docker container has written

     What the container's program has written to standard output and standard error, as far as the agent
    keeps it.
    Bytes that are not UTF-8 are replaced.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.
        tail (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | str
    """

    return sync_detailed(
        container_id=container_id,
        client=client,
        tail=tail,
    ).parsed


async def asyncio_detailed(
    container_id: str,
    *,
    client: AuthenticatedClient,
    tail: int | Unset = UNSET,
) -> Response[ErrorBody | str]:
    """Get what a Docker container has written

     What the container's program has written to standard output and standard error, as far as the agent
    keeps it.
    Bytes that are not UTF-8 are replaced.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.
        tail (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ErrorBody | str]
    """

    kwargs = _get_kwargs(
        container_id=container_id,
        tail=tail,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container_id: str,
    *,
    client: AuthenticatedClient,
    tail: int | Unset = UNSET,
) -> ErrorBody | str | None:
    """Get what a Docker container has written

     What the container's program has written to standard output and standard error, as far as the agent
    keeps it.
    Bytes that are not UTF-8 are replaced.

    Args:
        container_id (str): Docker's id of a container, 64 hexadecimal digits, or at least the
            first 12 of them. Example:
            4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9.
        tail (int | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ErrorBody | str
    """

    return (
        await asyncio_detailed(
            container_id=container_id,
            client=client,
            tail=tail,
        )
    ).parsed
