"""A process of contestants, which make calls when they are told to, and say what that took.

It is run by its path, in the interpreter whose packages are measured. So it has nothing of this project but the SDK,
whichever that interpreter has: this one and the platform's published one have the same names. Orders come as lines of
JSON on standard input, and it ends when they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import http.client
import inspect
import json
import signal
import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

_CONTAINER_ID = "4f66ad9a0b2e8c1d5f7a3b9c0e2d4f6a8b1c3d5e7f90a2b4c6d8e0f1a3b5c7d9"
_RELEASE = "my_plugin@1.0.0"
_REQUEST: dict[str, Any] = {
    "params": {"input": "data"},
    "envs": {"DEBUG": "true"},
    "metadata": {"created_by": "automation"},
    "labels": ["production", "ml-model"],
}
_FIRST_PAGE = "/containers/?page_size=100"

#: How long one order may take, in seconds.
_PATIENCE = 300


class Sdk:
    """The SDK's client, of this project or as it is published."""

    def __init__(self, url: str, token: str) -> None:
        from synapse_sdk.clients.agent import AgentClient

        self._client = AgentClient(base_url=url, agent_token=token)

    def get(self) -> Any:
        """Get a container."""
        return self._client.get_docker_container(_CONTAINER_ID)

    def create(self) -> Any:
        """Create a container."""
        return self._client.create_docker_container(_RELEASE, **_REQUEST)

    def containers(self) -> Any:
        """List the host's containers."""
        return self._client.list_docker_containers()

    def page(self) -> Any:
        """List the records of a page."""
        return self._client.list_containers()

    def pages(self) -> Any:
        """List the records of all pages."""
        rows, _ = self._client.list_containers(list_all=True)
        return rows if isinstance(rows, list) else list(rows)  # the published client's come when they are asked for

    def rows(self) -> None:
        """Go through the records of all pages, and keep none."""
        for _ in self._client.iter_containers():
            pass

    def flow(self) -> None:
        """Create, get and delete a container."""
        made = self._client.create_docker_container(_RELEASE, **_REQUEST)
        self._client.get_docker_container(made["docker_id"])
        self._client.delete_docker_container(made["docker_id"])


class Httpx:
    """httpx, as a program uses it that has no SDK."""

    def __init__(self, url: str, token: str) -> None:
        import httpx

        self._url = url
        self._client = httpx.Client(headers={"Authorization": token}, timeout=60)

    def get(self) -> Any:
        """Get a container."""
        return self._client.get(f"{self._url}/containers/docker/{_CONTAINER_ID}").json()

    def create(self) -> Any:
        """Create a container."""
        body = {"plugin_release": _RELEASE, **_REQUEST}
        return self._client.post(f"{self._url}/containers/docker/", json=body).json()

    def containers(self) -> Any:
        """List the host's containers."""
        return self._client.get(f"{self._url}/containers/docker/").json()

    def page(self) -> Any:
        """List the records of a page."""
        return self._client.get(f"{self._url}/containers/").json()

    def pages(self) -> Any:
        """List the records of all pages."""
        rows, url = [], f"{self._url}{_FIRST_PAGE}"
        while url:
            page = self._client.get(url).json()
            rows += page["results"]
            url = page["next"]
        return rows

    def flow(self) -> None:
        """Create, get and delete a container."""
        made = self.create()
        url = f"{self._url}/containers/docker/{made['docker_id']}"
        self._client.get(url).json()
        self._client.delete(url)


class ByHand:
    """The standard library, which is the least that a program could do."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._headers = {"Authorization": token}

    def _ask(self, method: str, target: str, body: object = None) -> Any:
        if body is None:
            self._connection.request(method, target, headers=self._headers)
        else:
            headers = {**self._headers, "Content-Type": "application/json"}
            self._connection.request(method, target, json.dumps(body).encode(), headers)
        return json.loads(self._connection.getresponse().read())

    def get(self) -> Any:
        """Get a container."""
        return self._ask("GET", f"/containers/docker/{_CONTAINER_ID}")

    def create(self) -> Any:
        """Create a container."""
        return self._ask("POST", "/containers/docker/", {"plugin_release": _RELEASE, **_REQUEST})

    def containers(self) -> Any:
        """List the host's containers."""
        return self._ask("GET", "/containers/docker/")

    def page(self) -> Any:
        """List the records of a page."""
        return self._ask("GET", "/containers/")

    def pages(self) -> Any:
        """List the records of all pages."""
        rows, target = [], _FIRST_PAGE
        while target:
            page = self._ask("GET", target)
            rows += page["results"]
            target = page["next"] and "/containers/?" + urlsplit(page["next"]).query
        return rows


class AsyncSdk:
    """The SDK's asynchronous client."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Return a new client."""
        from synapse_sdk.clients.agent import AsyncAgentClient

        return AsyncAgentClient(self._url, self._token)

    async def get(self, client: Any) -> Any:
        """Get a container."""
        return await client.get_docker_container(_CONTAINER_ID)

    async def pages(self, client: Any) -> Any:
        """List the records of all pages."""
        return await client.list_containers(list_all=True)

    async def rows(self, client: Any) -> None:
        """Go through the records of all pages, and keep none."""
        async for _ in client.iter_containers():
            pass


class AsyncHttpx:
    """`httpx.AsyncClient`."""

    def __init__(self, url: str, token: str) -> None:
        self._url = f"{url}/containers/docker/{_CONTAINER_ID}"
        self._headers = {"Authorization": token}

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Return a new client."""
        import httpx

        return httpx.AsyncClient(headers=self._headers, timeout=_PATIENCE)

    async def get(self, client: Any) -> Any:
        """Get a container."""
        return (await client.get(self._url)).json()


class AsyncHttpxOnAiohttp(AsyncHttpx):
    """`httpx.AsyncClient` on the transport of httpx-aiohttp."""

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Return a new client."""
        import httpx
        from httpx_aiohttp import AiohttpTransport

        return httpx.AsyncClient(headers=self._headers, timeout=_PATIENCE, transport=AiohttpTransport())


class Aiohttp(AsyncHttpx):
    """aiohttp, as a program uses it that has no SDK."""

    def open(self) -> AbstractAsyncContextManager[Any]:
        """Return a new client."""
        import aiohttp

        session: AbstractAsyncContextManager[Any] = aiohttp.ClientSession(headers=self._headers)
        return session

    async def get(self, client: Any) -> Any:
        """Get a container."""
        async with client.get(self._url) as response:
            return await response.json()


CONTESTANTS: dict[str, Callable[[str, str], Any]] = {
    "sdk": Sdk,
    "httpx": Httpx,
    "by hand": ByHand,
    "async sdk": AsyncSdk,
    "async httpx": AsyncHttpx,
    "async httpx on aiohttp": AsyncHttpxOnAiohttp,
    "aiohttp": Aiohttp,
}


class Clock:
    """What a `with` block takes: `cpu` and `wall` in seconds, and `growth` of the process at its largest, in bytes."""

    def __enter__(self) -> Clock:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the largest size from now on
        self._size = _memory("VmRSS")
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        self.growth = _memory("VmHWM") - self._size


def _memory(name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0


def repeat(call: Callable[[], object], times: int) -> Clock:
    """Make a call this many times, and return what that took. What the last one returned lives until then."""
    # The modules of all contestants are no concern of Python's garbage collection during one's turn.
    gc.collect()
    gc.freeze()
    with Clock() as clock:
        for _ in range(times):
            kept = call()
    del kept
    return clock


async def repeat_async(contestant: Any, call: Callable[[Any], Awaitable[object]], times: int) -> Clock:
    """Make a call this many times, one after the other, on a connection that is there."""
    async with contestant.open() as client:
        await contestant.get(client)
        with Clock() as clock:
            for _ in range(times):
                kept = await call(client)
    del kept
    return clock


async def together(contestant: Any, call: Callable[[Any], Awaitable[object]], times: int) -> Clock:
    """Make a call this many times at once, with a client that is made for it."""
    with Clock() as clock:
        async with contestant.open() as client:
            await asyncio.gather(*(call(client) for _ in range(times)))
    return clock


def main() -> None:
    """Carry out orders until there are no more."""
    url, token = sys.argv[1:]

    @cache
    def contestant(name: str) -> Any:
        return CONTESTANTS[name](url, token)

    for line in sys.stdin:
        signal.alarm(_PATIENCE)
        order = json.loads(line)
        one = contestant(order["who"])
        call, times = getattr(one, order["what"]), order["times"]
        if not inspect.iscoroutinefunction(call):
            clock = repeat(call, times)
        else:
            clock = asyncio.run((together if order["together"] else repeat_async)(one, call, times))
        print(json.dumps({"cpu": clock.cpu, "wall": clock.wall, "growth": clock.growth}), flush=True)
        signal.alarm(0)


if __name__ == "__main__":
    main()
