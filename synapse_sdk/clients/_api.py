"""The generated client, on the connections of a hand-written one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from synapse_agent_api import AuthenticatedClient

if TYPE_CHECKING:
    import httpx

    from synapse_sdk.clients.base import BaseClient


class SharedApi(AuthenticatedClient):
    """The generated client for code that wants attrs models, without what would surprise on shared connections.

    It holds no token: the connections add the credentials. What would change or leave these connections is refused.
    """

    owner: BaseClient

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_args: object) -> None:
        """Close nothing: the connections are those of the client that this was taken from."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._base_url!r})"

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this client shares its connections: give options to the client that it was taken from")

    with_headers = _refuse
    with_cookies = _refuse
    with_timeout = _refuse

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Refuse: the connections are not asynchronous."""
        raise TypeError("this client is synchronous: call sync or sync_detailed")


def share(owner: BaseClient, http: httpx.Client) -> SharedApi:
    """Return the generated client on the connections of a client, which it keeps from being closed as unused."""
    api = SharedApi(base_url=owner.base_url, token="").set_httpx_client(http)
    api.owner = owner
    return api
