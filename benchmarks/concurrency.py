"""How many calls a program makes in a second that asks for many things at once, and what one of them takes."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import Worker, race, typical
from benchmarks.report import Found, Row, Target, compare
from benchmarks.server import serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Took

_AT_ONCE, _DELAY, _ONE_BY_ONE = 1000, 0.02, 100
_TARGET = Target(1500, "at least 1,500/s", least=True)
_SDK, _HTTPX, _ON_AIOHTTP, _AIOHTTP = "async sdk", "async httpx", "async httpx on aiohttp", "aiohttp"


def run(*, quick: bool) -> Found:
    """Measure.

    Args:
        quick: Whether a few rounds will do.
    """
    with serve(delay=_DELAY) as url, Worker(sys.executable, url) as own:
        turns: dict[str, Callable[[], Took]] = {
            name: partial(own.ask, name, "get", _AT_ONCE, together=True)
            for name in (_SDK, _AIOHTTP, _ON_AIOHTTP, _HTTPX)
        }
        slow = {_HTTPX: turns.pop(_HTTPX)}
        at_once = race(turns, 2 if quick else 7) | race(slow, 1, warm_up=False)
    with serve() as url, Worker(sys.executable, url) as own:
        turns = {name: partial(own.ask, name, "get", _ONE_BY_ONE) for name in (_SDK, _HTTPX, _ON_AIOHTTP, _AIOHTTP)}
        one_by_one = race(turns, 2 if quick else 20)

    rates = {name: 1 / typical(took, "wall") for name, took in at_once.items()}
    shown = {name: f"{rate:,.0f}/s" for name, rate in rates.items()}
    what = f"{_AT_ONCE:,} async gets at once, {_DELAY * 1000:.0f} ms each"
    named = {"sdk": one_by_one[_SDK], "httpx": one_by_one[_HTTPX], "by hand": one_by_one[_AIOHTTP]}
    return Found(
        rows=[
            Row(what, rates[_SDK], shown[_SDK], shown[_HTTPX], shown[_AIOHTTP], target=_TARGET),
            compare("CPU of an async `get`", named, "cpu"),
        ],
        notes=[
            f"At once, httpx.AsyncClient on the transport of httpx-aiohttp makes {shown[_ON_AIOHTTP]}. On its own it "
            "has one round, since it takes so long, and a timeout that lets it finish."
        ],
    )
