"""The documented calls for containers."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal, overload

from synapse_sdk.clients import _pages
from synapse_sdk.clients._ahead import Tasks, Threads
from synapse_sdk.clients._call import Return
from synapse_sdk.clients._waiting import Wait
from synapse_sdk.clients.agent import _operations
from synapse_sdk.clients.base import AsyncBaseClient, BaseClient
from synapse_sdk.exceptions import ClientError, ClientTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence

    from synapse_agent_types import Container, ContainerPage, DockerContainer, Health


class ContainerClientMixin(BaseClient):
    """Runs, watches and removes the Docker containers of an agent's host, and manages the agent's records of them.

    What the agent sent is what comes back: plain dictionaries and lists, with whatever fields and values a newer agent
    adds. Their types name the fields that the contract knows.

    Every call raises a subclass of `synapse_sdk.exceptions.ClientError` when it does not succeed:
    `AuthenticationError` (401), `AuthorizationError` (403), `NotFoundError` (404), `ConflictError` (409),
    `ValidationError` (400 and 422), `RateLimitError` (429), `ServerError` (5xx), `HTTPError` (any other status),
    `RedirectError`, `ClientConnectionError`, its subclass `ClientResponseIncompleteError`, `ClientTimeoutError`, and
    `ResponseDecodeError` when the answer is not what was asked for. It raises `ValueError` or
    `TypeError` for an argument that cannot be right, before anything is sent, and `RuntimeError` on a closed client.
    """

    def list_docker_containers(self) -> list[DockerContainer]:
        """List all Docker containers on the agent's host, whoever started them.

        Operation `list_docker_containers` of the contract.

        Returns:
            The containers. Each has `id` and `docker_id` (str, Docker's id), `status` (str) and `running` (bool), and,
            where the agent knows them, `name`, `image`, `endpoint` (the URL on which its program answers),
            `plugin_release` (str or None), `labels` (list of str), `created_at` (str, RFC 3339), `record_id` (int or
            None) and `exit_code` (int or None, negative for a signal).
        """
        return self._send(_operations.list_docker_containers())

    def get_docker_container(self, container_id: str) -> DockerContainer:
        """Get a Docker container as it is now.

        Operation `get_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            NotFoundError: If there is no such container.
        """
        return self._send(_operations.get_docker_container(container_id))

    def create_docker_container(
        self,
        plugin_release: str,
        *,
        params: Mapping[str, Any] | None = None,
        envs: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        labels: Sequence[str] | None = None,
    ) -> DockerContainer:
        """Build and run a Docker container for a plugin release.

        The answer comes when the container runs, which takes from a second to several minutes. The client waits for
        it for its `create_timeout`, not for the read timeout of other calls.

        Operation `create_docker_container` of the contract.

        Args:
            plugin_release: The release, as `code@version`.
            params: Parameters forwarded to the plugin. Anything that JSON can hold.
            envs: Environment variables of the container.
            metadata: Anything else to keep with the record. Anything that JSON can hold.
            labels: Labels for display and filtering.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            NotFoundError: If the agent does not have this release.
            ValidationError: If the release could not be built or started; `detail` says why.
            ClientResponseIncompleteError: If the answer was lost. The container may have been created.
            ClientTimeoutError: If no answer came in time. The container may have been created.
        """
        return self._send(_operations.create_docker_container(plugin_release, params, envs, metadata, labels))

    def stop_docker_container(self, container_id: str) -> DockerContainer:
        """Stop a Docker container, which stays and can be started again. Its record gets the status `stopped`.

        The agent asks the container's program to end, kills it if that takes too long, and answers when it has ended.
        A container that does not run is left as it is. The client waits for the answer for its `create_timeout`.

        What may have been done is not sent again, as of any POST; to call this again does no harm.

        Operation `stop_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
            ClientResponseIncompleteError: If the answer was lost. The container may have been stopped.
            ClientTimeoutError: If no answer came in time. The container may have been stopped, or be soon.
        """
        return self._send(_operations.stop_docker_container(container_id))

    def start_docker_container(self, container_id: str) -> DockerContainer:
        """Start a Docker container that was stopped or has ended.

        The answer comes when the container runs, which may take as long as when it was created. The client waits for
        it for its `create_timeout`, not for the read timeout of other calls. A container that runs is left as it is.

        What may have been done is not sent again, as of any POST; to call this again does no harm.

        Operation `start_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Returns:
            The container, with the keys that `list_docker_containers` describes. Its endpoint may be another than
            before.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
            ValidationError: If its program could not be started; `detail` says why.
            ClientResponseIncompleteError: If the answer was lost. The container may have been started.
            ClientTimeoutError: If no answer came in time. The container may have been started, or be soon.
        """
        return self._send(_operations.start_docker_container(container_id))

    def delete_docker_container(self, container_id: str) -> None:
        """Stop and remove a Docker container. Its record stays, with the status `deleted`.

        Operation `delete_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Raises:
            NotFoundError: If there is no such container.
        """
        self._send(_operations.delete_docker_container(container_id))

    def get_docker_container_logs(self, container_id: str, *, tail: int | None = None) -> str:
        """Get what a Docker container's program has written to standard output and standard error.

        Operation `get_docker_container_logs` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.
            tail: How many lines to get, from the end. Without it, all that the agent keeps.

        Returns:
            The text, which is empty where nothing was written. Bytes that are no text are replaced by U+FFFD.

        Raises:
            NotFoundError: If there is no such container.
            ResponseDecodeError: If a page of HTML came, as a gateway gives to sign in, or JSON that is no string.
        """
        return self._send(_operations.get_docker_container_logs(container_id, tail))

    def wait_for_container(
        self, container_id: str, status: str = "running", *, timeout: float = 300.0, poll_interval: float = 1.0
    ) -> DockerContainer:
        """Wait until a Docker container has a status.

        Asks for the container again and again. What is not known to be an end, as a status that a newer agent adds, is
        waited through. An error of one of the calls, all retries of which have failed, ends the wait. So does closing
        the client.

        Operation `get_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.
            status: The status to wait for.
            timeout: How long to wait at the most, in seconds.
            poll_interval: How long to leave the container alone between two calls, in seconds; up to a quarter more
                is added by chance. Where the next call would come after the `timeout`, the wait ends at once.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            ContainerEndedError: If the container has ended otherwise: it is `exited`, `dead`, `failed`, `stopped`,
                `removing`, `deleting` or `deleted`, and that is not what was waited for. The error has `container`.
            ClientTimeoutError: If it did not get the status in time.
            NotFoundError: If there is no such container, or no more.
        """
        request = _operations.get_docker_container(container_id)
        wait = Wait.first(request, self.base_url, container_id, status, timeout, poll_interval, self._monotonic())
        closed = self._connections.closed
        while True:
            seconds = wait.seconds_to_look(self._settings.deadline_of(lasts=False), self._monotonic())
            try:
                container = self.with_options(deadline=seconds).get_docker_container(container_id)
            except ClientTimeoutError as error:
                raise wait.timed_out(self._monotonic()) from error
            step = wait.after(container, self._moment(closed=closed.is_set()))
            if isinstance(step, Return):
                return container
            wait = step.wait
            self._sleep(step.pause, closed)
            if closed.is_set():
                raise wait.interrupted()

    @overload
    def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: Literal[False] = False
    ) -> ContainerPage: ...

    @overload
    def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: Literal[True]
    ) -> tuple[list[Container], int]: ...

    @overload
    def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: bool
    ) -> ContainerPage | tuple[list[Container], int]: ...

    def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: bool = False
    ) -> ContainerPage | tuple[list[Container], int]:
        """List the agent's records of containers.

        Operation `list_containers` of the contract.

        Args:
            params: Filters, such as `{"status": "running", "plugin_release": "ocr_processor@2.0.0"}`, and `page` and
                `page_size` (int). A filter that is None is left out.
            list_all: Whether to fetch all pages, 100 rows each unless `params` has a `page_size`. Where they are
                numbered and their rows counted, several are fetched at a time; see the client's `page_concurrency`.

        Returns:
            One page: `results` (list of records) and, where the agent says so, `count` (int, of all pages together),
            `next` and `previous` (str or None, URLs). With `list_all`, the records of all pages and their number.

            A record has `id` (int), `plugin_release` and `status` (str), and, where the agent knows them, `docker_id`,
            `endpoint` (str or None), `host_port` (int or None), `status_reason` (str or None), `exit_code` (int or
            None), `ended_at` (str or None), `params`, `metadata` (dict), `labels` (list of str), `created_at` and
            `updated_at` (str, RFC 3339).

        Raises:
            ResponseDecodeError: If the pages cannot be right: one has no results, they lead in a circle, or their rows
                do not add up to the agent's count.
        """
        if not list_all:
            return self._send(_operations.list_containers(params))
        rows = [row for page in self._pages(_pages.first(params), self._settings.pages_ahead) for row in page]
        return rows, len(rows)

    def iter_containers(
        self, params: Mapping[str, Any] | None = None, *, page_size: int = _pages.PAGE_SIZE
    ) -> Iterator[Container]:
        """Iterate over the agent's records of containers, page by page, in the memory of two pages and the rows' ids.

        The next page is fetched while the caller works on the rows of one. An iterator that is left early ends that
        when it is closed.

        Operation `list_containers` of the contract.

        Args:
            params: Filters, as for `list_containers`.
            page_size: How many rows to ask for at once, unless `params` has a `page_size`.

        Returns:
            An iterator over the records, with the keys that `list_containers` describes.

        Raises:
            ClientError: If a page does not come; the error says how many rows had come before.
            ResponseDecodeError: If the pages cannot be right, as for `list_containers`.
        """
        return (row for page in self._pages(_pages.first(params, page_size), 1) for row in page)

    def _pages(self, walk: _pages.Walk, ahead: int) -> Iterator[list[Container]]:
        """Go through pages, of which up to `ahead` are fetched before their turn."""
        closed = self._connections.closed
        with Threads(lambda query, stop: self._send(_operations.list_containers(query), stop), ahead, closed) as pages:
            while walk.query is not None:
                try:
                    rows = walk.take(pages.page(walk.query))
                except ClientError as error:
                    raise _located(error, walk, self.base_url)  # noqa: B904 - the error itself
                for query in walk.ahead(ahead):
                    pages.start(query)
                yield rows

    def get_container(self, container_id: int) -> Container:
        """Get a record by its number.

        Operation `get_container` of the contract.

        Args:
            container_id: The record's number in the agent's database.

        Returns:
            The record, with the keys that `list_containers` describes.

        Raises:
            NotFoundError: If there is no such record.
        """
        return self._send(_operations.get_container(container_id))

    def update_container(self, container_id: int, status: str) -> Container:
        """Write a status into a record. The container itself is not touched.

        Operation `update_container` of the contract.

        Args:
            container_id: The record's number in the agent's database.
            status: The new status.

        Returns:
            The record as it is now, with the keys that `list_containers` describes.

        Raises:
            NotFoundError: If there is no such record.
        """
        return self._send(_operations.update_container(container_id, status))

    def delete_container(self, container_id: int) -> None:
        """Stop and remove a record's container, if there still is one, and then the record.

        Operation `delete_container` of the contract.

        Args:
            container_id: The record's number in the agent's database.

        Raises:
            NotFoundError: If there is no such record.
        """
        self._send(_operations.delete_container(container_id))

    def health_check(self) -> Health:
        """Ask how the agent is.

        Operation `health_check` of the contract.

        Returns:
            `status` (str): `ok`, or `degraded` while something that the agent needs does not answer; and, where the
            agent says so, its `version` (str), and its `engine` and `database`, each of which has `name` (str),
            `status` (str, `ok` or `unavailable`) and `detail` (str or None).
        """
        return self._send(_operations.health_check())


class AsyncContainerClientMixin(AsyncBaseClient):
    """Runs, watches and removes the Docker containers of an agent's host, and manages the agent's records of them.

    What the agent sent is what comes back: plain dictionaries and lists, with whatever fields and values a newer agent
    adds. Their types name the fields that the contract knows.

    Every call raises a subclass of `synapse_sdk.exceptions.ClientError` when it does not succeed:
    `AuthenticationError` (401), `AuthorizationError` (403), `NotFoundError` (404), `ConflictError` (409),
    `ValidationError` (400 and 422), `RateLimitError` (429), `ServerError` (5xx), `HTTPError` (any other status),
    `RedirectError`, `ClientConnectionError`, its subclass `ClientResponseIncompleteError`, `ClientTimeoutError`, and
    `ResponseDecodeError` when the answer is not what was asked for. It raises `ValueError` or
    `TypeError` for an argument that cannot be right, before anything is sent, and `RuntimeError` on a closed client.
    """

    async def list_docker_containers(self) -> list[DockerContainer]:
        """List all Docker containers on the agent's host, whoever started them.

        Operation `list_docker_containers` of the contract.

        Returns:
            The containers. Each has `id` and `docker_id` (str, Docker's id), `status` (str) and `running` (bool), and,
            where the agent knows them, `name`, `image`, `endpoint` (the URL on which its program answers),
            `plugin_release` (str or None), `labels` (list of str), `created_at` (str, RFC 3339), `record_id` (int or
            None) and `exit_code` (int or None, negative for a signal).
        """
        return await self._send(_operations.list_docker_containers())

    async def get_docker_container(self, container_id: str) -> DockerContainer:
        """Get a Docker container as it is now.

        Operation `get_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            NotFoundError: If there is no such container.
        """
        return await self._send(_operations.get_docker_container(container_id))

    async def create_docker_container(
        self,
        plugin_release: str,
        *,
        params: Mapping[str, Any] | None = None,
        envs: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        labels: Sequence[str] | None = None,
    ) -> DockerContainer:
        """Build and run a Docker container for a plugin release.

        The answer comes when the container runs, which takes from a second to several minutes. The client waits for
        it for its `create_timeout`, not for the read timeout of other calls.

        Operation `create_docker_container` of the contract.

        Args:
            plugin_release: The release, as `code@version`.
            params: Parameters forwarded to the plugin. Anything that JSON can hold.
            envs: Environment variables of the container.
            metadata: Anything else to keep with the record. Anything that JSON can hold.
            labels: Labels for display and filtering.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            NotFoundError: If the agent does not have this release.
            ValidationError: If the release could not be built or started; `detail` says why.
            ClientResponseIncompleteError: If the answer was lost. The container may have been created.
            ClientTimeoutError: If no answer came in time. The container may have been created.
        """
        return await self._send(_operations.create_docker_container(plugin_release, params, envs, metadata, labels))

    async def stop_docker_container(self, container_id: str) -> DockerContainer:
        """Stop a Docker container, which stays and can be started again. Its record gets the status `stopped`.

        The agent asks the container's program to end, kills it if that takes too long, and answers when it has ended.
        A container that does not run is left as it is. The client waits for the answer for its `create_timeout`.

        What may have been done is not sent again, as of any POST; to call this again does no harm.

        Operation `stop_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
            ClientResponseIncompleteError: If the answer was lost. The container may have been stopped.
            ClientTimeoutError: If no answer came in time. The container may have been stopped, or be soon.
        """
        return await self._send(_operations.stop_docker_container(container_id))

    async def start_docker_container(self, container_id: str) -> DockerContainer:
        """Start a Docker container that was stopped or has ended.

        The answer comes when the container runs, which may take as long as when it was created. The client waits for
        it for its `create_timeout`, not for the read timeout of other calls. A container that runs is left as it is.

        What may have been done is not sent again, as of any POST; to call this again does no harm.

        Operation `start_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Returns:
            The container, with the keys that `list_docker_containers` describes. Its endpoint may be another than
            before.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
            ValidationError: If its program could not be started; `detail` says why.
            ClientResponseIncompleteError: If the answer was lost. The container may have been started.
            ClientTimeoutError: If no answer came in time. The container may have been started, or be soon.
        """
        return await self._send(_operations.start_docker_container(container_id))

    async def delete_docker_container(self, container_id: str) -> None:
        """Stop and remove a Docker container. Its record stays, with the status `deleted`.

        Operation `delete_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.

        Raises:
            NotFoundError: If there is no such container.
        """
        await self._send(_operations.delete_docker_container(container_id))

    async def get_docker_container_logs(self, container_id: str, *, tail: int | None = None) -> str:
        """Get what a Docker container's program has written to standard output and standard error.

        Operation `get_docker_container_logs` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.
            tail: How many lines to get, from the end. Without it, all that the agent keeps.

        Returns:
            The text, which is empty where nothing was written. Bytes that are no text are replaced by U+FFFD.

        Raises:
            NotFoundError: If there is no such container.
            ResponseDecodeError: If a page of HTML came, as a gateway gives to sign in, or JSON that is no string.
        """
        return await self._send(_operations.get_docker_container_logs(container_id, tail))

    async def wait_for_container(
        self, container_id: str, status: str = "running", *, timeout: float = 300.0, poll_interval: float = 1.0
    ) -> DockerContainer:
        """Wait until a Docker container has a status.

        Asks for the container again and again. What is not known to be an end, as a status that a newer agent adds, is
        waited through. An error of one of the calls, all retries of which have failed, ends the wait. So does closing
        the client.

        Operation `get_docker_container` of the contract.

        Args:
            container_id: Docker's id of the container, whole or its first 12 digits.
            status: The status to wait for.
            timeout: How long to wait at the most, in seconds.
            poll_interval: How long to leave the container alone between two calls, in seconds; up to a quarter more
                is added by chance. Where the next call would come after the `timeout`, the wait ends at once.

        Returns:
            The container, with the keys that `list_docker_containers` describes.

        Raises:
            ContainerEndedError: If the container has ended otherwise: it is `exited`, `dead`, `failed`, `stopped`,
                `removing`, `deleting` or `deleted`, and that is not what was waited for. The error has `container`.
            ClientTimeoutError: If it did not get the status in time.
            NotFoundError: If there is no such container, or no more.
        """
        request = _operations.get_docker_container(container_id)
        wait = Wait.first(request, self.base_url, container_id, status, timeout, poll_interval, self._monotonic())
        waits = self._connections.waits
        while True:
            seconds = wait.seconds_to_look(self._settings.deadline_of(lasts=False), self._monotonic())
            try:
                container = await self.with_options(deadline=seconds).get_docker_container(container_id)
            except ClientTimeoutError as error:
                raise wait.timed_out(self._monotonic()) from error
            step = wait.after(container, self._moment(closed=waits.closed))
            if isinstance(step, Return):
                return container
            wait = step.wait
            await self._sleep(step.pause)
            if waits.closed:
                raise wait.interrupted()

    @overload
    async def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: Literal[False] = False
    ) -> ContainerPage: ...

    @overload
    async def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: Literal[True]
    ) -> tuple[list[Container], int]: ...

    @overload
    async def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: bool
    ) -> ContainerPage | tuple[list[Container], int]: ...

    async def list_containers(
        self, params: Mapping[str, Any] | None = None, *, list_all: bool = False
    ) -> ContainerPage | tuple[list[Container], int]:
        """List the agent's records of containers.

        Operation `list_containers` of the contract.

        Args:
            params: Filters, such as `{"status": "running", "plugin_release": "ocr_processor@2.0.0"}`, and `page` and
                `page_size` (int). A filter that is None is left out.
            list_all: Whether to fetch all pages, 100 rows each unless `params` has a `page_size`. Where they are
                numbered and their rows counted, several are fetched at a time; see the client's `page_concurrency`.

        Returns:
            One page: `results` (list of records) and, where the agent says so, `count` (int, of all pages together),
            `next` and `previous` (str or None, URLs). With `list_all`, the records of all pages and their number.

            A record has `id` (int), `plugin_release` and `status` (str), and, where the agent knows them, `docker_id`,
            `endpoint` (str or None), `host_port` (int or None), `status_reason` (str or None), `exit_code` (int or
            None), `ended_at` (str or None), `params`, `metadata` (dict), `labels` (list of str), `created_at` and
            `updated_at` (str, RFC 3339).

        Raises:
            ResponseDecodeError: If the pages cannot be right: one has no results, they lead in a circle, or their rows
                do not add up to the agent's count.
        """
        if not list_all:
            return await self._send(_operations.list_containers(params))
        async with aclosing(self._pages(_pages.first(params), self._settings.pages_ahead)) as pages:
            rows = [row async for page in pages for row in page]
        return rows, len(rows)

    def iter_containers(
        self, params: Mapping[str, Any] | None = None, *, page_size: int = _pages.PAGE_SIZE
    ) -> AsyncIterator[Container]:
        """Iterate over the agent's records of containers, page by page, in the memory of two pages and the rows' ids.

        The next page is fetched while the caller works on the rows of one. An iterator that is left early ends that
        when it is closed.

        Operation `list_containers` of the contract.

        Args:
            params: Filters, as for `list_containers`.
            page_size: How many rows to ask for at once, unless `params` has a `page_size`.

        Returns:
            An iterator over the records, with the keys that `list_containers` describes.

        Raises:
            ClientError: If a page does not come; the error says how many rows had come before.
            ResponseDecodeError: If the pages cannot be right, as for `list_containers`.
        """
        return self._rows(_pages.first(params, page_size))

    async def _rows(self, walk: _pages.Walk) -> AsyncIterator[Container]:
        async with aclosing(self._pages(walk, 1)) as pages:
            async for page in pages:
                for row in page:
                    yield row

    async def _pages(self, walk: _pages.Walk, ahead: int) -> AsyncGenerator[list[Container]]:
        """Go through pages, of which up to `ahead` are fetched before their turn."""
        async with Tasks(lambda query: self._send(_operations.list_containers(query))) as pages:
            while walk.query is not None:
                try:
                    rows = walk.take(await pages.page(walk.query))
                except ClientError as error:
                    raise _located(error, walk, self.base_url)  # noqa: B904 - the error itself
                for query in walk.ahead(ahead):
                    pages.start(query)
                yield rows

    async def get_container(self, container_id: int) -> Container:
        """Get a record by its number.

        Operation `get_container` of the contract.

        Args:
            container_id: The record's number in the agent's database.

        Returns:
            The record, with the keys that `list_containers` describes.

        Raises:
            NotFoundError: If there is no such record.
        """
        return await self._send(_operations.get_container(container_id))

    async def update_container(self, container_id: int, status: str) -> Container:
        """Write a status into a record. The container itself is not touched.

        Operation `update_container` of the contract.

        Args:
            container_id: The record's number in the agent's database.
            status: The new status.

        Returns:
            The record as it is now, with the keys that `list_containers` describes.

        Raises:
            NotFoundError: If there is no such record.
        """
        return await self._send(_operations.update_container(container_id, status))

    async def delete_container(self, container_id: int) -> None:
        """Stop and remove a record's container, if there still is one, and then the record.

        Operation `delete_container` of the contract.

        Args:
            container_id: The record's number in the agent's database.

        Raises:
            NotFoundError: If there is no such record.
        """
        await self._send(_operations.delete_container(container_id))

    async def health_check(self) -> Health:
        """Ask how the agent is.

        Operation `health_check` of the contract.

        Returns:
            `status` (str): `ok`, or `degraded` while something that the agent needs does not answer; and, where the
            agent says so, its `version` (str), and its `engine` and `database`, each of which has `name` (str),
            `status` (str, `ok` or `unavailable`) and `detail` (str or None).
        """
        return await self._send(_operations.health_check())


def _located(error: ClientError, walk: _pages.Walk, base_url: str) -> ClientError:
    """Return an error that ended a walk, with what was asked for last and how many rows had come before."""
    return _pages.located(error, walk, _operations.list_containers(walk.query), base_url)
