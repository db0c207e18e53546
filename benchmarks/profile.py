"""Where the processor's time of a call goes, by whose code it is.

A timer interrupts the program some 250 times in a second of its own time, which costs little, where a profiler that
sees each function called takes several times what it measures. A sample counts for the package whose code runs. The
standard library's code counts for the package that uses it, but for JSON and for what sockets do.
"""

from __future__ import annotations

import asyncio
import dis
import inspect
import linecache
import re
import resource
import signal
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from benchmarks.environments import ROOT
from benchmarks.report import Found, Table, duration
from benchmarks.server import serve
from benchmarks.worker import CONTESTANTS, repeat, repeat_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

    from benchmarks.worker import Clock

_TABLES = {
    "Where the time of one `get` goes": (
        "get",
        {"this SDK": "sdk", "httpx": "httpx", "this SDK, async": "async sdk", "httpx, async": "async httpx"},
    ),
    "Where the time of a page of 1,000 records goes": ("page", {"this SDK": "sdk", "httpx": "httpx"}),
}
_INTERVAL = 0.001
_LEAST_SHARE = 0.01

_SOCKETS, _JSON, _LOOP, _REST = (
    "sockets, down into the system",
    "JSON",
    "the event loop",
    "the rest, with freeing the answer",
)
_OWN = {
    str(ROOT / "synapse_sdk"): "synapse_sdk",
    str(ROOT / "generated"): "the generated client",
}
_PACKAGE = re.compile(r"/site-packages/(\w+)")
_LOOP_MODULE = re.compile(r"/(asyncio/\w+|selectors)\.py$")
_JSON_MODULE = re.compile(r"/json/\w+\.py$")
_OF_SOCKETS = re.compile(r"\b(send|sendall|recv|recv_into|settimeout|setblocking|poll|select)\(")
_OF_JSON = re.compile(r"json|msgspec|decoder|encoder", re.IGNORECASE)


@dataclass(frozen=True)
class Profile:
    """Where the time of a call goes.

    Attributes:
        cpu: What it takes, in seconds, when it is left alone.
        system: The share of that in the system.
        samples: In whose code it was found, and how often.
    """

    cpu: float
    system: float
    samples: Counter[str]

    def share(self, owner: str) -> float:
        """Return an owner's share of the time."""
        return self.samples[owner] / max(1, self.samples.total())


def run(*, quick: bool) -> Found:
    """Measure.

    Args:
        quick: Whether a short while will do.
    """
    found = Found()
    with serve() as url:
        for title, (what, columns) in _TABLES.items():
            profiles = {
                head: _profile(CONTESTANTS[who](url, "t0ken"), what, 1 if quick else 6) for head, who in columns.items()
            }
            found.tables[title] = _table(profiles)
    return found


def _table(profiles: dict[str, Profile]) -> Table:
    owners = sorted(
        {owner for one in profiles.values() for owner in one.samples if one.share(owner) >= _LEAST_SHARE} - {_REST},
        key=lambda owner: -max(one.share(owner) for one in profiles.values()),
    )
    shares = {owner: [one.share(owner) for one in profiles.values()] for owner in owners}
    shares[_REST] = [1 - sum(column) for column in zip(*shares.values(), strict=True)]
    shares["all"] = [1.0] * len(profiles)
    shares["of that in the system"] = [one.system for one in profiles.values()]

    def line(owner: str) -> list[str]:
        columns = zip(profiles.values(), shares[owner], strict=True)
        return [owner, *(f"{duration(share * one.cpu)} ({share:.0%})" if share else "" for one, share in columns)]

    number = min(one.samples.total() for one in profiles.values())
    note = f"By {number:,} samples and more, so that a share of 20 % is known within {(0.2 * 0.8 / number) ** 0.5:.1%}."
    return Table(["CPU", *profiles], [line(owner) for owner in shares], [note])


def _profile(contestant: Any, what: str, seconds: float) -> Profile:
    call = getattr(contestant, what)

    def make(times: int) -> Clock:
        if inspect.iscoroutinefunction(call):
            return asyncio.run(repeat_async(contestant, call, times))
        return repeat(call, times)

    first = make(10)
    times = int(seconds / (first.cpu / 10))
    cpu = make(times).cpu / times
    before = resource.getrusage(resource.RUSAGE_SELF)
    with _sampling() as samples:
        make(int(seconds / cpu))
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return Profile(cpu, system / (user + system), samples)


@contextmanager
def _sampling() -> Iterator[Counter[str]]:
    """Count in whose code the program is found, for the length of a `with` block."""
    samples: Counter[str] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        samples[_owner(frame)] += 1

    before = signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)
    try:
        yield samples
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _owner(frame: FrameType | None) -> str:
    rest = _REST
    if frame is not None:
        call = _call(frame.f_code, frame.f_lasti)
        if _OF_SOCKETS.search(call):
            return _SOCKETS
        if _OF_JSON.search(call):
            return _JSON
    while frame is not None:
        file = frame.f_code.co_filename
        if _JSON_MODULE.search(file):
            return _JSON
        if found := _PACKAGE.search(file):
            return found[1]
        for folder, name in _OWN.items():
            if file.startswith(folder):
                return name
        if _LOOP_MODULE.search(file):
            rest = _LOOP
        frame = frame.f_back
    return rest


def _call(code: CodeType, at: int) -> str:
    """Return the source of the call that is made at an instruction, if it is one: of C, which has no frame."""
    if "CALL" not in dis.opname[code.co_code[at]]:
        return ""
    first, last, start, end = next(islice(code.co_positions(), at // 2, None))
    return linecache.getline(code.co_filename, first or 0)[start:end] if first == last else ""
