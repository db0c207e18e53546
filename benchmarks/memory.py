"""How much larger a process gets by 100,000 rows: gone through one by one, and all kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.environments import published
from benchmarks.measure import Worker
from benchmarks.report import Found, Row, Target, size
from benchmarks.server import serve

if TYPE_CHECKING:
    from pathlib import Path

_ROWS, _PAGE = 100_000, 100


def run(*, quick: bool) -> Found:
    """Measure, each in a process of its own that has made one call before.

    Args:
        quick: Whether fewer rows will do.
    """
    rows = _ROWS // 10 if quick else _ROWS
    with serve(rows=rows, page_size=_PAGE) as url:

        def growth(who: str, what: str, python: str | Path = sys.executable) -> float:
            with Worker(python, url) as worker:
                worker.ask(who, "get")
                return worker.ask(who, what).growth

        kept, by_httpx = growth("by hand", "pages"), growth("httpx", "pages")
        python, missing = published()
        theirs = "" if missing else _shown(growth("sdk", "pages", python), kept)
        found = Found(
            notes=[
                f"Memory: how much larger the process is at its largest, resident, than before {rows:,} rows in pages "
                f"of {_PAGE}. In brackets that itself; the ratio is to the rows that `json` decodes page by page."
            ]
        )
        for kind, who in (("", "sdk"), (", async", "async sdk")):
            through, whole = growth(who, "rows"), growth(who, "pages")
            found.rows += [
                Row(
                    f"`iter_containers` over {rows:,} rows{kind}",
                    through,
                    size(through),
                    target=Target(10e6, "at most 10 MB"),
                ),
                Row(
                    f"`list_containers(list_all=True)` of them{kind}",
                    whole / kept,
                    _shown(whole, kept),
                    _shown(by_httpx, kept),
                    _shown(kept, kept),
                    theirs,
                    Target(1.5, "at most 1.50"),
                ),
            ]
    return found


def _shown(growth: float, kept: float) -> str:
    return f"{growth / kept:.2f} ({size(growth)})"
