"""64 clients at once on a local agent for a minute: reads and updates, which must all succeed and all last."""

from __future__ import annotations

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.environments import ROOT
from benchmarks.report import Found, Row, Table, Target, duration, size
from synapse_sdk import AgentClient, AsyncAgentClient
from synapse_sdk.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

_CLIENTS, _SECONDS, _RUNNING = 64, 60.0, 4
_RELEASE = "my_plugin@1.0.0"
_TOKEN = "t0ken"  # noqa: S105 - no secret
_READ_SHARE = 0.7
_OWN_SHARE = 0.25

T = TypeVar("T")


@dataclass
class _Load:
    """What has come of the requests so far.

    Attributes:
        took: How long each took, in seconds.
        errors: What went wrong, as texts.
        lost: Which updates were not there afterwards, as texts.
        written: The times and statuses of the updates of the record that all clients write.
        sizes: The agent's memory, in bytes, second by second.
    """

    took: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    written: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    async def timed(self, request: Coroutine[Any, Any, T]) -> T:
        """Return what a request returns, and remember how long it took if it succeeds."""
        began = time.perf_counter()
        answer = await request
        self.took.append(time.perf_counter() - began)
        return answer


def run(*, quick: bool) -> Found:
    """Measure.

    Args:
        quick: Whether a few seconds will do.
    """
    seconds = 3.0 if quick else _SECONDS
    with _local_agent() as (url, pid), AgentClient(url, _TOKEN, proxy=False) as client:
        running = [client.create_docker_container(_RELEASE)["docker_id"] for _ in range(_RUNNING)]
        records = [_record(client) for _ in range(_CLIENTS + 1)]
        load = asyncio.run(_load(url, pid, seconds, running, records))
        last = max(load.written, default=("", ""))[1]
        found = client.get_container(records[-1])["status"]
        if found != last:
            load.lost.append(f"the record that all write has {found} where {last} was written last")
    return _found(load, seconds)


async def _load(url: str, pid: int, seconds: float, running: list[str], records: list[int]) -> _Load:
    load = _Load()
    end = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as tasks:
        for number in range(_CLIENTS):
            tasks.create_task(_client(load, url, end, running, records[number], records[-1], number))
        while time.perf_counter() < end:
            load.sizes.append(_resident(pid))
            await asyncio.sleep(min(1.0, seconds / 12))
    return load


async def _client(load: _Load, url: str, end: float, running: list[str], own: int, shared: int, number: int) -> None:
    """Be one client: it writes a record of its own, which nobody else does, and one that all write."""
    chance = random.Random(number)  # noqa: S311 - no secret
    wrote = ""
    async with AsyncAgentClient(url, _TOKEN, proxy=False, retries=0) as client:
        for count in range(sys.maxsize):
            if time.perf_counter() > end:
                return
            try:
                if chance.random() >= _READ_SHARE:
                    wrote = f"{number}-{count}"
                    await load.timed(client.update_container(own, wrote))
                    now = await load.timed(client.update_container(shared, wrote))
                    load.written.append((str(now["updated_at"]), wrote))
                elif chance.random() >= _OWN_SHARE:
                    await load.timed(_read(client, chance, running))
                elif (status := (await load.timed(client.get_container(own)))["status"]) != wrote and wrote:
                    load.lost.append(f"record {own} has {status} where {wrote} was written")
            except ClientError as error:
                load.errors.append(str(error))


def _read(client: AsyncAgentClient, chance: random.Random, running: list[str]) -> Coroutine[Any, Any, object]:
    """Return what reads something that others may write meanwhile."""
    return chance.choice(
        (
            lambda: client.list_containers({"page_size": 20}),
            client.list_docker_containers,
            lambda: client.get_docker_container(chance.choice(running)),
        )
    )()


def _record(client: AgentClient) -> int:
    """Make a record whose container has come and gone, and return its number."""
    container = client.create_docker_container(_RELEASE)
    client.delete_docker_container(container["docker_id"])
    return int(container["record_id"] or 0)


def _found(load: _Load, seconds: float) -> Found:
    third = len(load.sizes) // 3
    before, after = (statistics.median(part) for part in (load.sizes[third : 2 * third], load.sizes[2 * third :]))
    ranked = sorted(load.took)
    lines = [
        ["requests", f"{len(ranked):,}"],
        ["a second", f"{len(ranked) / seconds:,.0f}"],
        ["median of a request", duration(statistics.median(ranked))],
        ["99 of 100 within", duration(ranked[len(ranked) * 99 // 100])],
        ["the agent's memory, second third", size(before)],
        ["the agent's memory, last third", size(after)],
    ]
    notes = [
        f"{_CLIENTS} asynchronous clients in one process for {seconds:g} s, without retries, 7 of 10 times a read: "
        "of a page, the list of containers, a container, or the client's own record, which must have what was written "
        "last. Otherwise two updates: of that record, and of one that all write."
    ]
    problems = [f"{kind}: {texts[0]}" for kind, texts in (("error", load.errors), ("lost", load.lost)) if texts]
    title = f"{_CLIENTS} clients at once on a local agent"
    return Found(
        rows=[
            _row("errors", len(load.errors), str(len(load.errors)), Target(0, "none")),
            _row("lost updates", len(load.lost), str(len(load.lost)), Target(0, "none")),
            _row("memory, to before", after / before, f"{after / before:.2f}", Target(1.05, "at most 1.05")),
        ],
        notes=problems,
        tables={title: Table(("process engine, SQLite", "figure"), lines, notes)},
    )


def _row(what: str, value: float, shown: str, target: Target) -> Row:
    return Row(f"{_CLIENTS} clients on a local agent: {what}", value, shown, target=target)


def _resident(pid: int) -> int:
    pages: Any = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * 4096


@contextmanager
def _local_agent() -> Iterator[tuple[str, int]]:
    """Run a local agent with a database of its own, and yield its URL and its process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "synapse_sdk.local_agent", "--engine", "process", "--port", "0"]
        command += ["--plugins", str(ROOT / "examples" / "plugins"), "--token", _TOKEN]
        command += ["--database", f"sqlite:///{folder}/records.db"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if process.stdout is None:
                raise TypeError("an agent without a pipe")
            try:
                yield process.stdout.readline().split()[-1], process.pid
            finally:
                process.terminate()
