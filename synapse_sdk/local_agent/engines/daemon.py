"""The Docker daemon, and what it means when it does not do what it was asked to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from docker import APIClient
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.errors import APIError, DockerException, NotFound, StreamParseError, TLSParameterError
from docker.utils import kwargs_from_env
from requests.exceptions import RequestException, Timeout
from urllib3.exceptions import HTTPError

from synapse_sdk.local_agent.errors import ConflictError, NotFoundError, UnavailableError

_TIMEOUT = 30
_PING_TIMEOUT = 3
_CONNECTIONS = 96
_RETRY_AFTER = {"Retry-After": "5"}


class Daemon:
    """A Docker daemon: that of `DOCKER_HOST`, with `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH`, or the default socket.

    Attributes:
        url: Where it is.

    Raises:
        ValueError: If these variables want TLS that cannot be had.
    """

    def __init__(self) -> None:
        try:
            self._options: dict[str, Any] = {**kwargs_from_env()}
        except TLSParameterError as error:
            raise ValueError(f"DOCKER_TLS_VERIFY or DOCKER_CERT_PATH: {error.msg.rstrip('.')}.") from error
        self.url = self._options.get("base_url") or DEFAULT_UNIX_SOCKET.removeprefix("http+")
        self._lock = threading.Lock()
        self._client: APIClient | None = None

    @contextmanager
    def asked(self, container_id: str | None = None) -> Iterator[APIClient]:
        """Yield a client to ask, and say what its failures mean.

        Args:
            container_id: The container that is asked for, if it is one.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If something else is being done with it.
            UnavailableError: If the daemon does not answer, or not as it should.
        """
        try:
            yield self._connected()
        except NotFound as error:
            if container_id is None:
                raise UnavailableError(f"Docker says: {error.explanation}", _RETRY_AFTER) from error
            raise NotFoundError(f"There is no container {container_id}.") from error
        except APIError as error:
            if error.status_code == 409:
                raise ConflictError(f"Docker says: {error.explanation}") from error
            raise UnavailableError(f"Docker says: {error.explanation or error}", _RETRY_AFTER) from error
        # What is cut off in the middle of a stream is told by the libraries below docker-py.
        except (DockerException, StreamParseError, RequestException, HTTPError, OSError) as error:
            message = f"Docker does not answer at {self.url}: {_reason(error)}."
            raise UnavailableError(message, _RETRY_AFTER) from error

    def ping(self) -> None:
        """Return if the daemon answers, which must not take long.

        Raises:
            UnavailableError: If it does not.
        """
        with self.asked() as client:
            pinging = self.another(client, timeout=_PING_TIMEOUT)
            try:
                pinging.ping()
            finally:
                pinging.close()

    def another(self, client: APIClient, timeout: int = _TIMEOUT) -> APIClient:
        """Return another client of the same daemon, with connections of its own."""
        return APIClient(**self._options, version=client.api_version, timeout=timeout)

    def close(self) -> None:
        """Close the connections that are idle."""
        with self._lock:
            if self._client:
                self._client.close()

    def _connected(self) -> APIClient:
        self._reach()
        if self._client is None:
            # The first answer says which version of the API the daemon speaks. Nobody waits for another's attempt.
            first = APIClient(**self._options, version="auto", timeout=_PING_TIMEOUT)
            first.close()
            with self._lock:
                self._client = self._client or APIClient(
                    **self._options, version=first.api_version, timeout=_TIMEOUT, max_pool_size=_CONNECTIONS
                )
        return self._client

    def _reach(self) -> None:
        """Connect to a socket of this machine: docker-py leaves the one open with which it cannot."""
        if self.url.startswith("unix://"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PING_TIMEOUT)
                probe.connect("/" + self.url.removeprefix("unix://").lstrip("/"))


def _reason(error: BaseException) -> str:
    """Return what was wrong at the bottom of an error, in a few words."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    if any(isinstance(each, Timeout | TimeoutError) for each in chain):
        return "it took too long"
    for each in reversed(chain):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    return str(error).rstrip(".") or type(error).__name__
