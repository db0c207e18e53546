"""What a program pays before its first call: time and memory of a fresh interpreter that imports the client."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.environments import clean, published
from benchmarks.measure import Took, WorkerError, environment, race, typical
from benchmarks.report import Found, Row, Target, compare, duration, size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SDK = "from synapse_sdk.clients.agent import AgentClient"
_HTTPX = "import httpx; httpx.Client()"
_BY_HAND = "import http.client, json"
_NOTHING = "pass"
_PATIENCE = 60
# How large the process itself was at its largest; ru_maxrss knows the process, too, that it was forked from.
_FACTS = """
import sys
modules = len(sys.modules)
print(modules, *(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def run(*, quick: bool) -> Found:
    """Measure, in an environment with nothing but the SDK.

    Args:
        quick: Whether a few rounds will do.
    """
    with clean() as own:
        programs = {"sdk": (own, _SDK), "httpx": (own, _HTTPX), "by hand": (own, _BY_HAND), "nothing": (own, _NOTHING)}
        theirs, missing = published()
        if not missing:
            programs |= {"published": (theirs, _SDK), "published's httpx": (theirs, _HTTPX)}
        turns: dict[str, Callable[[], Took]] = {name: partial(_time, *program) for name, program in programs.items()}
        took = race(turns, 3 if quick else 15)
        facts = {name: _facts(*program) for name, program in programs.items()}
    modules = {name: float(number) for name, (number, _) in facts.items()}
    peaks = {name: float(peak) for name, (_, peak) in facts.items()}
    bare = duration(typical(took["nothing"], "wall")), size(peaks["nothing"]), f"{modules['nothing']:.0f} modules"
    return Found(
        rows=[
            compare("import: time", took, "wall", Target(1.25, "at most 1.25")),
            _row("import: memory", peaks, size, Target(32e6, "under 32 MB")),
            _row("import: modules", modules, "{:.0f}".format),
        ],
        notes=[
            f"Imports: `{_SDK}` beside `{_HTTPX}` and `{_BY_HAND}`, each in a fresh interpreter, from its start to its "
            f"end. One that imports nothing takes {', '.join(bare)}. Memory is the largest resident size."
        ],
    )


def _row(what: str, values: dict[str, float], shown: Callable[[float], str], target: Target | None = None) -> Row:
    cells = {name: shown(value) for name, value in values.items()}
    return Row(what, values["sdk"], cells["sdk"], cells["httpx"], cells["by hand"], cells.get("published", ""), target)


def _time(python: Path, program: str) -> Took:
    start = time.perf_counter()
    _run(python, program)
    return Took(cpu=0.0, wall=time.perf_counter() - start)


def _facts(python: Path, program: str) -> tuple[int, int]:
    """Return how many modules a program has loaded, and its largest size in bytes."""
    modules, peak = _run(python, program + _FACTS).split()
    return int(modules), int(peak) * 1024


def _run(python: Path, program: str) -> str:
    command = [str(python), "-I", "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=_PATIENCE)
    if done.returncode:
        raise WorkerError(f"{program.splitlines()[0]!r} said: {done.stderr.splitlines()[-1]}")
    return done.stdout
