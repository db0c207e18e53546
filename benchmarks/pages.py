"""The time that passes until all pages are here, where each answer takes its time."""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.environments import published_worker
from benchmarks.measure import Worker, contest, race, typical
from benchmarks.report import Found, Row, Target, duration
from benchmarks.server import serve

_PAGES, _ROWS, _DELAY = 50, 100, 0.02
_TARGET = Target(0.20, "at most 0.20 s")


def run(*, quick: bool) -> Found:
    """Measure.

    Args:
        quick: Whether a few rounds will do.
    """
    with (
        serve(delay=_DELAY, rows=_PAGES * _ROWS, page_size=_ROWS) as url,
        Worker(sys.executable, url) as own,
        published_worker(url) as published,
    ):
        turns = contest(own, published, "pages")
        turns["async sdk"] = partial(own.ask, "async sdk", "pages")
        took = race(turns, 2 if quick else 7)
    times = {name: typical(of, "wall") for name, of in took.items()}
    shown = {name: duration(seconds) for name, seconds in times.items()}
    what = f"all pages: {_PAGES} of {_ROWS} rows, {_DELAY * 1000:.0f} ms each"
    row = Row(what, times["sdk"], shown["sdk"], shown["httpx"], shown["by hand"], shown.get("published", ""), _TARGET)
    return Found(rows=[row, Row(f"{what}, async", times["async sdk"], shown["async sdk"], target=_TARGET)])
