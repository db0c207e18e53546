"""The clients of a Synapse agent, for threads and for tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from synapse_sdk.clients._settings import PAGE_CONCURRENCY, RETRIES, make_settings
from synapse_sdk.clients.agent.container import AsyncContainerClientMixin, ContainerClientMixin

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from os import PathLike

    import httpx

__all__ = ["AgentClient", "AsyncAgentClient", "AsyncContainerClientMixin", "ContainerClientMixin"]


class AgentClient(ContainerClientMixin):
    """A client of one Synapse agent.

    It keeps connections open between calls, may be used from several threads, and closes them with `close()` or at
    the end of a `with` block. Errors are those of `synapse_sdk.exceptions`.

    Args:
        base_url: The agent's URL, such as `https://agent.example.com`. It may have a path prefix. Without it,
            the environment variable `SYNAPSE_AGENT_URL` is taken.
        access_token: The agent's token. Without it, `SYNAPSE_AGENT_TOKEN` is taken; without that, none is sent.
        agent_token: Another name of `access_token`.
        user_token: The token of the user that the client acts for.
        tenant: The tenant, on deployments with several.
        timeout: How long to wait for one step of a call, in seconds: a number for every step, or a dictionary with
            `connect` (3 by default), `read` (10), `write` (10) and `pool` (10, for a connection to be free).
        create_timeout: How long to wait for an answer while a container is created, started or stopped, in seconds.
            By default 600, or the read timeout where that is longer.
        deadline: How long a call may take, retries and all, in seconds; one that is given holds for those three
            too. By default 60, and 900 for those three, or the read timeout where that is longer.
        retries: How often a call is tried again where that does no harm; see `synapse_sdk.exceptions`.
        page_concurrency: How many pages to fetch at a time where `list_containers` fetches all, they are numbered, and
            their rows are counted. With 1 they are fetched one after the other, as those of other lists always are.
        headers: Headers to send with every request.
        user_agent: What to name before the SDK in the header `User-Agent`.
        verify: True to verify the agent's certificate by the usual ones (`SSL_CERT_FILE` and `SSL_CERT_DIR` are
            honoured), False not to, a path of certificates, or an `ssl.SSLContext`.
        cert: The client's own certificate: a path of a file with it and its key, or a tuple of the paths of both,
            and of the key's password.
        proxy: The URL of a proxy, or an `httpx.Proxy`; False for none. None takes what the environment names.
        limits: How many connections there may be: a dictionary with `max_connections` (100 by default),
            `max_keepalive_connections` (20) and `keepalive_expiry` (5, in seconds), or an `httpx.Limits`.
        transport: An `httpx.BaseTransport` to send by, in place of `verify`, `cert`, `proxy` and `limits`. The caller
            closes it. The deadline is looked at only when it gives back an answer or a part of one.
        http_client: An `httpx.Client` to send by, likewise.

    Raises:
        ValueError: If an argument cannot be right, or a certificate not be read. The text names the argument, and
            never shows a secret.
        TypeError: If one is of a wrong type.
    """

    def __init__(
        self,
        base_url: str | None = None,
        access_token: str | None = None,
        *,
        agent_token: str | None = None,
        user_token: str | None = None,
        tenant: str | None = None,
        timeout: float | Mapping[str, float] | None = None,
        create_timeout: float | None = None,
        deadline: float | None = None,
        retries: int = RETRIES,
        page_concurrency: int = PAGE_CONCURRENCY,
        headers: Mapping[str, str] | None = None,
        user_agent: str | None = None,
        verify: bool | str | PathLike[str] | ssl.SSLContext = True,
        cert: str | PathLike[str] | tuple[str, ...] | None = None,
        proxy: str | httpx.Proxy | Literal[False] | None = None,
        limits: Mapping[str, float] | httpx.Limits | None = None,
        transport: httpx.BaseTransport | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        super().__init__(
            make_settings(
                base_url=base_url,
                access_token=access_token,
                agent_token=agent_token,
                user_token=user_token,
                tenant=tenant,
                timeout=timeout,
                create_timeout=create_timeout,
                deadline=deadline,
                retries=retries,
                page_concurrency=page_concurrency,
                headers=headers,
                user_agent=user_agent,
            ),
            verify=verify,
            cert=cert,
            proxy=proxy,
            limits=limits,
            transport=transport,
            http_client=http_client,
        )


class AsyncAgentClient(AsyncContainerClientMixin):
    """A client of one Synapse agent for the tasks of asyncio and trio: `AgentClient` with coroutines.

    It has the same methods with the same parameters, which are awaited (`await client.get_docker_container(...)`,
    `async for record in client.iter_containers()`), the same errors, retries, deadlines and logs. It keeps connections
    open between calls, may be used by any number of tasks of one event loop at a time, and closes its connections with
    `await client.close()` or at the end of an `async with` block. A task that is cancelled gives its connection up. An
    event loop after the first one gets connections of its own.

    Args: Those of `AgentClient`, but for two.
        transport: An `httpx.AsyncBaseTransport`.
        http_client: An `httpx.AsyncClient`.

    Raises:
        ValueError: If an argument cannot be right, or a certificate not be read, as for `AgentClient`.
        TypeError: If one is of a wrong type.
    """

    def __init__(
        self,
        base_url: str | None = None,
        access_token: str | None = None,
        *,
        agent_token: str | None = None,
        user_token: str | None = None,
        tenant: str | None = None,
        timeout: float | Mapping[str, float] | None = None,
        create_timeout: float | None = None,
        deadline: float | None = None,
        retries: int = RETRIES,
        page_concurrency: int = PAGE_CONCURRENCY,
        headers: Mapping[str, str] | None = None,
        user_agent: str | None = None,
        verify: bool | str | PathLike[str] | ssl.SSLContext = True,
        cert: str | PathLike[str] | tuple[str, ...] | None = None,
        proxy: str | httpx.Proxy | Literal[False] | None = None,
        limits: Mapping[str, float] | httpx.Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(
            make_settings(
                base_url=base_url,
                access_token=access_token,
                agent_token=agent_token,
                user_token=user_token,
                tenant=tenant,
                timeout=timeout,
                create_timeout=create_timeout,
                deadline=deadline,
                retries=retries,
                page_concurrency=page_concurrency,
                headers=headers,
                user_agent=user_agent,
            ),
            verify=verify,
            cert=cert,
            proxy=proxy,
            limits=limits,
            transport=transport,
            http_client=http_client,
        )
