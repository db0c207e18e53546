"""Prints how many rows the table of faults has, and how long it took.

It works where the terminal is, so that it sees the rows of all of pytest-xdist's processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROWS = "tests/faults/test_table.py::test_a_fault_ends_as_its_row_says"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report
        for kind in ("passed", "failed", "error", "")
        for report in terminalreporter.stats.get(kind, [])
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith(_ROWS)
    ]
    if reports:
        rows = len({report.nodeid for report in reports})
        seconds = _covered((report.start, report.stop) for report in reports)
        terminalreporter.write_line(f"fault table: {rows} rows in {seconds:.1f} s")


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return for how long at least one of these lasted: rows run side by side, and among other tests."""
    total = 0.0
    end = float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total
