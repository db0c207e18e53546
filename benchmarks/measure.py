"""Contestants take turns, and medians say who was quicker.

What disturbs this machine for a moment disturbs every contestant of that round, so a ratio is taken round by round.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType


_WORKER = Path(__file__).with_name("worker.py")
_PATIENCE = 10

#: What is compared: time on a core, or time that passes.
Measure = Literal["cpu", "wall"]


@dataclass(frozen=True)
class Took:
    """What one turn took.

    Attributes:
        cpu: The process's time on a core, in seconds a call.
        wall: The time that passed, in seconds a call.
        growth: How much larger the process was at its largest than before, in bytes.
    """

    cpu: float
    wall: float
    growth: float = 0.0

    def of(self, measure: Measure) -> float:
        """Return what is compared."""
        return self.cpu if measure == "cpu" else self.wall


class WorkerError(RuntimeError):
    """A contestant did not do what it was told to."""


class Worker:
    """A process of contestants, as a context manager.

    Args:
        python: The interpreter whose packages are measured.
        url: The agent.
        token: The agent's token.
    """

    def __init__(self, python: str | Path, url: str, token: str = "t0ken") -> None:  # noqa: S107 - no secret
        # -I: nothing of this folder, and nothing of the environment, decides what is imported.
        self._command = [str(python), "-I", str(_WORKER), url, token]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def ask(self, who: str, what: str, times: int = 1, *, together: bool = False) -> Took:
        """Let a contestant do something, and return what it took.

        Args:
            who: The contestant.
            what: The name of its method.
            times: How often.
            together: Whether all at once.

        Raises:
            WorkerError: If it fails; its standard error has said why.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("a worker without pipes")
        order = {"who": who, "what": what, "times": times, "together": together}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise WorkerError(f"{who} cannot do {what}")
        clock = json.loads(line)
        return Took(clock["cpu"] / times, clock["wall"] / times, clock["growth"])


def environment() -> dict[str, str]:
    """Return this process's environment without proxies, which would come between a client and its agent."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


def race(turns: Mapping[str, Callable[[], Took]], rounds: int, *, warm_up: bool = True) -> dict[str, list[Took]]:
    """Let contestants take turns, and return what each turn of each took.

    Args:
        turns: What each contestant does in its turn.
        rounds: How many turns each has.
        warm_up: Whether each has one turn before, which does not count.
    """
    names = list(turns)
    if warm_up:
        for name in names:
            turns[name]()
    took: dict[str, list[Took]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            took[name].append(turns[name]())
    return took


def contest(own: Worker, published: Worker | None, what: str, times: int = 1) -> dict[str, Callable[[], Took]]:
    """Return the turns of all who have one interface: this SDK and its references, and the published client and its.

    Args:
        own: The process of this SDK.
        published: The process of the published client, where it is to be had.
        what: What they do, as a name of a method.
        times: How often in a turn.
    """
    turns: dict[str, Callable[[], Took]] = {
        who: partial(own.ask, who, what, times) for who in ("sdk", "httpx", "by hand")
    }
    if published is not None:
        turns["published"] = partial(published.ask, "sdk", what, times)
        turns["published's httpx"] = partial(published.ask, "httpx", what, times)
    return turns


def typical(took: Sequence[Took], measure: Measure) -> float:
    """Return the median over the rounds, in seconds a call."""
    return median(one.of(measure) for one in took)


def ratio(took: Sequence[Took], reference: Sequence[Took], measure: Measure) -> float:
    """Return the median, over the rounds, of the ratio to what a reference took in the same round."""
    pairs = zip(took, reference, strict=True)
    return median(one.of(measure) / other.of(measure) for one, other in pairs)
