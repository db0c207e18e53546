"""The client of a Synapse agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_sdk.clients._settings import make_settings
from synapse_sdk.clients.agent.container import ContainerClientMixin

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AgentClient", "ContainerClientMixin"]


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
        timeout: How long to wait for the connection, and for the next part of an answer, in seconds: a number for
            both, or `{"connect": 3, "read": 10}`, which are the defaults of what is left out.
        create_timeout: How long to wait for `create_docker_container` to answer, in seconds. By default 600, or
            the read timeout where that is longer.

    Raises:
        ValueError: If the URL, the token or a time cannot be right. The text names the argument, and never shows a
            secret.
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
            )
        )
