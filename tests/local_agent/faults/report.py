"""Prints what each real failure was and what was found after it, at the end of a run.

A test tells it with `record_property`, which pytest-xdist brings to where the terminal is.
"""

from __future__ import annotations

import pytest

TOLD = "fault"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = {
        (report.nodeid, str(line))
        for report in terminalreporter.stats.get("passed", [])
        if isinstance(report, pytest.TestReport)
        for name, line in report.user_properties
        if name == TOLD
    }
    if lines:
        terminalreporter.section("what failed for real -> what was found after it")
    for _, line in sorted(lines):
        terminalreporter.write_line(line)
