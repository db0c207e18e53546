from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...models.container import Container
from ...models.error_body import ErrorBody
from ...models.update_container_request import UpdateContainerRequest
from ...types import Response


def _get_kwargs(
    container_id: int,
    *,
    body: UpdateContainerRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "patch",
        "url": "/containers/{container_id}".format(
            container_id=quote(str(container_id), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Container | ErrorBody:
    if response.status_code == 200:
        response_200 = Container.from_dict(response.json())

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
) -> Response[Container | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    container_id: int,
    *,
    client: AuthenticatedClient,
    body: UpdateContainerRequest,
) -> Response[Container | ErrorBody]:
    """Update the status of a record

     Writes a status into the record. The container itself is not touched.

    Args:
        container_id (int): The number of a record. Example: 42.
        body (UpdateContainerRequest): What to write into the record.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container | ErrorBody]
    """

    kwargs = _get_kwargs(
        container_id=container_id,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    container_id: int,
    *,
    client: AuthenticatedClient,
    body: UpdateContainerRequest,
) -> Container | ErrorBody | None:
    """Update the status of a record

     Writes a status into the record. The container itself is not touched.

    Args:
        container_id (int): The number of a record. Example: 42.
        body (UpdateContainerRequest): What to write into the record.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container | ErrorBody
    """

    return sync_detailed(
        container_id=container_id,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    container_id: int,
    *,
    client: AuthenticatedClient,
    body: UpdateContainerRequest,
) -> Response[Container | ErrorBody]:
    """Update the status of a record

     Writes a status into the record. The container itself is not touched.

    Args:
        container_id (int): The number of a record. Example: 42.
        body (UpdateContainerRequest): What to write into the record.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Container | ErrorBody]
    """

    kwargs = _get_kwargs(
        container_id=container_id,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    container_id: int,
    *,
    client: AuthenticatedClient,
    body: UpdateContainerRequest,
) -> Container | ErrorBody | None:
    """Update the status of a record

     Writes a status into the record. The container itself is not touched.

    Args:
        container_id (int): The number of a record. Example: 42.
        body (UpdateContainerRequest): What to write into the record.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Container | ErrorBody
    """

    return (
        await asyncio_detailed(
            container_id=container_id,
            client=client,
            body=body,
        )
    ).parsed
