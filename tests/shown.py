"""A pytest plugin: what a test gives `record_property` as "shown" is printed at the end.

It works where the terminal is, so that it sees the reports of all of pytest-xdist's processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "shown":
                terminalreporter.write_line(text)
