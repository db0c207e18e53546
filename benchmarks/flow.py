"""The whole flow against the local agent: create a container, look at it, remove it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.environments import ROOT
from benchmarks.measure import Worker, race
from benchmarks.report import Found, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

_AGENT = """
import sys
from synapse_sdk.local_agent import LocalAgent
with LocalAgent(plugins=sys.argv[1], token=sys.argv[2]) as agent:
    print(agent.url, flush=True)
    sys.stdin.read()
"""
_TOKEN = "t0ken"  # noqa: S105 - no secret


def run(*, quick: bool) -> Found:
    """Measure.

    Args:
        quick: Whether a few rounds will do.
    """
    with _local_agent() as url, Worker(sys.executable, url, _TOKEN) as own:
        took = race({who: partial(own.ask, who, "flow") for who in ("sdk", "httpx")}, 2 if quick else 10)
    return Found(rows=[compare("create, get, delete on the local agent", took, "wall")])


@contextmanager
def _local_agent() -> Iterator[str]:
    """Run a local agent for the length of a `with` block, which gets its URL. It ends when this program does."""
    command = [sys.executable, "-c", _AGENT, str(ROOT / "examples" / "plugins"), _TOKEN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise TypeError("an agent without pipes")
        yield process.stdout.readline().strip()
        process.stdin.close()
