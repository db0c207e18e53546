"""The processor's time that a call takes, beside the same request by httpx."""

from __future__ import annotations

import sys

from benchmarks.environments import published_worker
from benchmarks.measure import Worker, contest, race
from benchmarks.report import Found, Target, compare
from benchmarks.server import serve

# How often a call is made in a turn, and how many rounds there are. Large answers bring Python's garbage collection
# with them, which takes a good part of the time: a turn is long enough that it comes several times in each. What is
# small has short turns, and more of them, so that what disturbs the machine for a moment disturbs whole rounds.
_CALLS = (
    ("CPU of a `get`", "get", 100, 60, Target(0.90, "at most 0.90")),
    ("CPU of a `create`", "create", 100, 60, Target(0.90, "at most 0.90")),
    ("CPU of a list of 1,000 containers, 307 kB", "containers", 80, 20, Target(0.70, "at most 0.70")),
    ("CPU of a page of 1,000 records, 413 kB", "page", 80, 20, Target(0.70, "at most 0.70")),
)


def run(*, quick: bool) -> Found:
    """Measure.

    Args:
        quick: Whether a few rounds will do.
    """
    found = Found()
    with serve() as url, Worker(sys.executable, url) as own, published_worker(url) as published:
        for what, name, times, rounds, target in _CALLS:
            took = race(contest(own, published, name, times), 3 if quick else rounds)
            found.rows.append(compare(what, took, "cpu", target))
    return found
