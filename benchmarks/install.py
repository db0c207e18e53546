"""What an installation without extras brings along."""

from __future__ import annotations

from benchmarks.environments import clean, installed, published
from benchmarks.report import Found, Row, Target, size


def run(*, quick: bool) -> Found:
    """Install the wheel into a clean environment, and look at it.

    Args:
        quick: Whether a few rounds will do. There is one in any case.
    """
    del quick
    with clean() as python:
        ours = installed(python)
    count, space = "", ""
    python, missing = published()
    if not missing:
        theirs = installed(python)
        count, space = str(len(theirs.packages)), size(theirs.size)
    number = len(ours.packages)
    return Found(
        rows=[
            Row("installed: packages", number, str(number), published=count, target=Target(12, "at most 12")),
            Row("installed: size", ours.size, size(ours.size), published=space, target=Target(20e6, "at most 20 MB")),
        ],
        notes=[f"Installed without extras: {', '.join(ours.packages)}."],
    )
