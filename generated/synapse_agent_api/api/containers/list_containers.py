from http import HTTPStatus
from typing import Any

import httpx

from ...client import AuthenticatedClient, Client
from ...models.container_page import ContainerPage
from ...models.error_body import ErrorBody
from ...models.list_containers_filters import ListContainersFilters
from ...types import UNSET, Response, Unset


def _get_kwargs(
    *,
    status: str | Unset = UNSET,
    plugin_release: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
    filters: ListContainersFilters | Unset = UNSET,
) -> dict[str, Any]:

    params: dict[str, Any] = {}

    params["status"] = status

    params["plugin_release"] = plugin_release

    params["page"] = page

    params["page_size"] = page_size

    json_filters: dict[str, Any] | Unset = UNSET
    if not isinstance(filters, Unset):
        json_filters = filters.to_dict()
    if not isinstance(json_filters, Unset):
        params.update(json_filters)

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "get",
        "url": "/containers/",
        "params": params,
    }

    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> ContainerPage | ErrorBody:
    if response.status_code == 200:
        response_200 = ContainerPage.from_dict(response.json())

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
) -> Response[ContainerPage | ErrorBody]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    status: str | Unset = UNSET,
    plugin_release: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
    filters: ListContainersFilters | Unset = UNSET,
) -> Response[ContainerPage | ErrorBody]:
    """List the records

     A page of the records that match all filters, the newest first.

    Args:
        status (str | Unset): What a container is doing. Docker's own values are `created`,
            `running`, `paused`, `restarting`, `removing`, `exited` and `dead`; the platform adds
            `requested`, `building`, `starting`, `unhealthy`, `stopped`, `failed`, `deleting` and
            `deleted`. Agents may use others. Example: running.
        plugin_release (str | Unset):
        page (int | Unset):
        page_size (int | Unset):
        filters (ListContainersFilters | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ContainerPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        status=status,
        plugin_release=plugin_release,
        page=page,
        page_size=page_size,
        filters=filters,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    status: str | Unset = UNSET,
    plugin_release: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
    filters: ListContainersFilters | Unset = UNSET,
) -> ContainerPage | ErrorBody | None:
    """List the records

     A page of the records that match all filters, the newest first.

    Args:
        status (str | Unset): What a container is doing. Docker's own values are `created`,
            `running`, `paused`, `restarting`, `removing`, `exited` and `dead`; the platform adds
            `requested`, `building`, `starting`, `unhealthy`, `stopped`, `failed`, `deleting` and
            `deleted`. Agents may use others. Example: running.
        plugin_release (str | Unset):
        page (int | Unset):
        page_size (int | Unset):
        filters (ListContainersFilters | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ContainerPage | ErrorBody
    """

    return sync_detailed(
        client=client,
        status=status,
        plugin_release=plugin_release,
        page=page,
        page_size=page_size,
        filters=filters,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    status: str | Unset = UNSET,
    plugin_release: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
    filters: ListContainersFilters | Unset = UNSET,
) -> Response[ContainerPage | ErrorBody]:
    """List the records

     A page of the records that match all filters, the newest first.

    Args:
        status (str | Unset): What a container is doing. Docker's own values are `created`,
            `running`, `paused`, `restarting`, `removing`, `exited` and `dead`; the platform adds
            `requested`, `building`, `starting`, `unhealthy`, `stopped`, `failed`, `deleting` and
            `deleted`. Agents may use others. Example: running.
        plugin_release (str | Unset):
        page (int | Unset):
        page_size (int | Unset):
        filters (ListContainersFilters | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[ContainerPage | ErrorBody]
    """

    kwargs = _get_kwargs(
        status=status,
        plugin_release=plugin_release,
        page=page,
        page_size=page_size,
        filters=filters,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    status: str | Unset = UNSET,
    plugin_release: str | Unset = UNSET,
    page: int | Unset = UNSET,
    page_size: int | Unset = UNSET,
    filters: ListContainersFilters | Unset = UNSET,
) -> ContainerPage | ErrorBody | None:
    """List the records

     A page of the records that match all filters, the newest first.

    Args:
        status (str | Unset): What a container is doing. Docker's own values are `created`,
            `running`, `paused`, `restarting`, `removing`, `exited` and `dead`; the platform adds
            `requested`, `building`, `starting`, `unhealthy`, `stopped`, `failed`, `deleting` and
            `deleted`. Agents may use others. Example: running.
        plugin_release (str | Unset):
        page (int | Unset):
        page_size (int | Unset):
        filters (ListContainersFilters | Unset):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        ContainerPage | ErrorBody
    """

    return (
        await asyncio_detailed(
            client=client,
            status=status,
            plugin_release=plugin_release,
            page=page,
            page_size=page_size,
            filters=filters,
        )
    ).parsed
