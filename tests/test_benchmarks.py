"""What the benchmarks measure does what is measured. How long it takes is no concern of tests."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.environments import ROOT
from benchmarks.measure import Took, Worker, ratio, typical
from benchmarks.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve(rows=250, page_size=100) as url:
        yield url


@pytest.fixture(scope="module")
def worker(url: str) -> Iterator[Worker]:
    with Worker(sys.executable, url) as worker:
        yield worker


@pytest.mark.parametrize("what", ["get", "create", "containers", "page", "pages"])
@pytest.mark.parametrize("who", ["sdk", "httpx", "by hand"])
def test_every_contestant_makes_every_call_that_is_compared(worker: Worker, who: str, what: str) -> None:
    took = worker.ask(who, what, 2)
    assert took.cpu > 0
    assert took.wall > 0


@pytest.mark.parametrize(("who", "what"), [("async sdk", "pages"), ("async sdk", "rows"), ("sdk", "rows")])
def test_the_sdk_makes_the_calls_that_are_measured_of_it_alone(worker: Worker, who: str, what: str) -> None:
    assert worker.ask(who, what).wall > 0


def test_calls_are_made_at_once(worker: Worker) -> None:
    assert worker.ask("async sdk", "get", 50, together=True).wall > 0


def test_a_ratio_is_taken_round_by_round_and_the_median_counts() -> None:
    ours = [Took(1.0, 1.0), Took(20.0, 2.0), Took(3.0, 3.0)]
    theirs = [Took(2.0, 1.0), Took(40.0, 1.0), Took(3.0, 1.0)]
    assert ratio(ours, theirs, "cpu") == 0.5
    assert typical(ours, "wall") == 2.0


def test_the_command_line_says_what_there_is_and_refuses_what_there_is_not() -> None:
    command = [sys.executable, "-m", "benchmarks"]
    told = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {"calls", "pages", "imports", "install", "concurrency", "memory", "flow", "load", "profile"} <= set(
        told.split()
    )
    refused = subprocess.run([*command, "speed"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "there is no benchmark speed: there is calls, " in refused.stderr
