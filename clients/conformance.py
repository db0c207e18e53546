"""The conformance scenario's checks, and whether a program has made them all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PAGE = Path(__file__).parent / "conformance.md"


@dataclass(frozen=True)
class Result:
    """What became of a run.

    Attributes:
        passed: How many checks passed.
        faults: What is wrong, a line each.
    """

    passed: int
    faults: tuple[str, ...] = ()


def checks() -> list[str]:
    """Return the names of the scenario's checks, in their order."""
    return re.findall(r"^\d+\. `(.+?)`:", _PAGE.read_text(), re.MULTILINE)


def judge(printed: str, code: int, expected: Sequence[str]) -> Result:
    """Return what became of a run, from what its program printed and its exit code.

    Args:
        printed: The program's standard output.
        code: Its exit code.
        expected: The names of the checks that it was to make.
    """
    lines = [line.rstrip() for line in printed.splitlines()]
    faults = [line for line in lines if line.startswith("FAILED ")]
    told = [line for line in lines if line.startswith(("ok ", "FAILED "))]
    made = [line.partition(" ")[2].partition(":")[0] for line in told]
    failed = len(faults)
    passed = len(made) - failed
    faults += [f"not made: {name}" for name in expected if name not in made]
    faults += [f"not in the scenario: {name}" for name in made if name not in expected]
    faults += [f"made twice: {name}" for name in expected if made.count(name) > 1]
    if sorted(made) == sorted(expected) and made != list(expected):
        faults.append("not in the scenario's order")
    closing = f"conformance: {passed} passed, {failed} failed"
    if lines[-1:] != [closing]:
        faults.append(f"the last line is not {closing!r}")
    if code != (1 if failed else 0):
        faults.append(f"the exit code is {code}")
    return Result(passed, tuple(faults))
