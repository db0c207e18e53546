"""The agent that a test talks to."""

import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

from synapse_agent_types import DockerContainer

from synapse_sdk.clients.agent import AgentClient, AsyncAgentClient
from synapse_sdk.local_agent.agent import LocalAgent
from synapse_sdk.local_agent.contract import Contract
from synapse_sdk.local_agent.errors import AgentError
from synapse_sdk.local_agent.handlers import Handlers
from synapse_sdk.testing.app import ScriptedApp, ScriptedError, SeenRequest
from synapse_sdk.testing.engine import ScriptedEngine, State
from synapse_sdk.testing.handlers import ScriptedHandlers, ScriptedRecords


class ScriptedAgent(LocalAgent):
    """A Synapse agent in this process whose containers are what a test says, as a context manager.

    It is the local agent, with its checks of requests, its records and its errors, on a free port of 127.0.0.1. Every
    plugin release can be run on it and none of them is: a container has a status, logs and a record, and no program.
    Requests are carried out one after the other, and answers are held against the contract, too; see `violations`.

    In pytest it is the fixture `synapse_agent`, new for each test.
    """

    def __init__(self) -> None:
        # The folder of plugin releases is one of the things that it does without.
        super().__init__(Path(), token=_new_token())
        self._made: tuple[ScriptedApp, ScriptedHandlers] | None = None
        self._client: AgentClient | None = None
        self._client_lock = threading.Lock()

    def __repr__(self) -> str:
        return f"ScriptedAgent({self.url or 'not started'})"

    def stop(self) -> None:
        """Close the client and stop the agent. One that does not run is left as it is."""
        self._close_client()
        self._made = None
        super().stop()

    @property
    def token(self) -> str:
        """The token that clients must send."""
        return cast("str", self._token)

    @property
    def client(self) -> AgentClient:
        """A client of the agent, which is closed when the test, or the agent, has ended."""
        self._parts()
        with self._client_lock:
            if self._client is None:
                self._client = AgentClient(self.url, self.token, proxy=False)
            return self._client

    def async_client(self) -> AsyncAgentClient:
        """Return a new client of the agent for tasks. The caller closes it, as `async with` does."""
        self._parts()
        return AsyncAgentClient(self.url, self.token, proxy=False)

    @property
    def requests(self) -> list[SeenRequest]:
        """What was asked, in the order in which it came, what was refused included."""
        return self._app.requests

    @property
    def releases(self) -> Collection[str] | None:
        """The names of the plugin releases that there are, any other being answered 404. None stands for every name."""
        return self._handlers.releases.known

    @releases.setter
    def releases(self, names: Collection[str] | None) -> None:
        self._handlers.releases.known = names if names is None else frozenset(names)

    def add_container(
        self,
        plugin_release: str = "sample@1.0.0",
        *,
        status: str = "running",
        params: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        labels: Sequence[str] = (),
        logs: str = "",
        exit_code: int = 0,
        status_reason: str | None = None,
    ) -> DockerContainer:
        """Make a container and its record, and return the container as the agent gives it.

        Args:
            plugin_release: The plugin release.
            status: The status of both. Its program runs while that is `running`, `starting`, `restarting`, `paused` or
                `unhealthy`.
            params: The parameters that it was created with.
            metadata: The metadata that it was created with.
            labels: Its labels.
            logs: What its program has written.
            exit_code: What its program ended with, where the status is `exited`, `dead`, `stopped` or `failed`.
            status_reason: Why the record has this status.

        Raises:
            ValueError: If an agent would refuse to create it; the message says why.
        """
        body = {
            "plugin_release": plugin_release,
            "params": dict(params or {}),
            "metadata": dict(metadata or {}),
            "labels": list(labels),
        }
        state = State(_checked_status(status), exit_code, status_reason)
        try:
            call = self._app.call("create_docker_container", body)
            with self._app.lock:
                return cast("DockerContainer", self._handlers.add(call, state, logs))
        except AgentError as error:
            raise ValueError(f"No agent would make this container: {error}") from error

    def transition(
        self,
        container_id: str,
        *statuses: str,
        after_reads: int = 1,
        exit_code: int = 0,
        status_reason: str | None = None,
    ) -> None:
        """Have a container and its record take statuses one after the other, for programs that wait.

        They have the first one at once, and the next one after `after_reads` answers have shown the container or its
        record with the one before: those of `get_docker_container`, `list_docker_containers`, `get_container` and
        `list_containers`, each of which counts. With one status alone nothing more happens. What is left to happen is
        forgotten when the container is started, stopped or removed, or is given another transition.

        Args:
            container_id: The container's id.
            statuses: The statuses.
            after_reads: How many answers show each status but the last.
            exit_code: What its program ended with, at the statuses that say that it has.
            status_reason: Why the record has these statuses.

        Raises:
            ValueError: If there is no such container, no status, or `after_reads` is less than 1.
        """
        if not statuses:
            raise ValueError("A transition has one status or more.")
        if after_reads < 1:
            raise ValueError(f"after_reads must be 1 or more, not {after_reads}.")
        states = [State(_checked_status(status), exit_code, status_reason) for status in statuses]
        try:
            with self._app.lock:
                self._handlers.transition(container_id, states, after_reads)
        except AgentError as error:
            raise ValueError(str(error)) from error

    def set_logs(self, container_id: str, logs: str) -> None:
        """Have a container's program have written a text, and nothing else.

        Raises:
            ValueError: If there is no such container.
        """
        try:
            with self._app.lock:
                self._handlers.write_logs(container_id, logs)
        except AgentError as error:
            raise ValueError(str(error)) from error

    def fail_next(
        self,
        operation: str,
        status: int,
        times: int = 1,
        *,
        retry_after: int | str | None = None,
        detail: str | None = None,
    ) -> None:
        """Answer the next requests of an operation with an error, and do nothing of what they ask for.

        Requests that the agent refuses anyway (a wrong token, a field that the contract does not have) do not count.
        What is asked for twice for one operation happens one after the other.

        Args:
            operation: The contract's name of the operation, such as `create_docker_container`.
            status: The status of the error, from 400 to 599.
            times: How many requests.
            retry_after: What the answer says in `Retry-After`: seconds, or an HTTP date.
            detail: What the answer says in `detail`. None takes the status's own phrase.

        Raises:
            ValueError: If the contract has no such operation, the status is no error's, or `times` is less than 1.
        """
        if not 400 <= status <= 599:
            raise ValueError(f"{status} is not the status of an error: they go from 400 to 599.")
        if times < 1:
            raise ValueError(f"times must be 1 or more, not {times}.")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._app.fail_next(operation, ScriptedError(status, detail or _phrase(status), headers), times)

    def reset(self) -> None:
        """Forget all containers, records, transitions, failures, requests and `releases`.

        Requests that are being answered are waited for, so that nothing which was asked before has an effect after.
        The client and the token stay.
        """
        self._app.forget()
        self._forget_containers()

    def renew(self) -> None:
        """Reset, close the client, take another token, and forget `violations`: the agent is as new, at the same URL.

        The fixture does this after each test. What a test has left running is refused from then on, and its requests
        are not among `requests`.
        """
        self._close_client()
        self._token = _new_token()
        self._app.forget(token=self._token)
        self._forget_containers()
        self.violations.clear()

    def _forget_containers(self) -> None:
        with self._app.lock:
            self._handlers.forget()

    def _close_client(self) -> None:
        with self._client_lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _make_handlers(self, stack: ExitStack) -> ScriptedHandlers:
        records = ScriptedRecords()
        stack.callback(records.close)
        return ScriptedHandlers(records, ScriptedEngine())

    def _make_app(self, contract: Contract, handlers: Handlers) -> ScriptedApp:
        app = ScriptedApp(contract, handlers, token=self.token)
        self._made = app, cast("ScriptedHandlers", handlers)
        return app

    @property
    def _app(self) -> ScriptedApp:
        return self._parts()[0]

    @property
    def _handlers(self) -> ScriptedHandlers:
        return self._parts()[1]

    def _parts(self) -> tuple[ScriptedApp, ScriptedHandlers]:
        if self._made is None:
            raise RuntimeError("The agent does not run.")
        return self._made


def _new_token() -> str:
    return secrets.token_urlsafe(32)


def _checked_status(status: str) -> str:
    if not status or "\0" in status:
        raise ValueError(f"{status!r} is not a status.")
    return status


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Failed, as the test asked for."
