"""A pytest plugin: at the end it says how many tests were left out for want of what they need, and how to run them.

What they need is in their markers' descriptions, as in `docker: needs a Docker Engine: make test-docker`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNTS = pytest.StashKey[Counter[str]]()


def needs(config: pytest.Config) -> dict[str, str]:
    """What the tests with each such marker need, and how to run them."""
    found = (re.fullmatch(r"(\w+): needs (.+): (make .+)", marker) for marker in config.getini("markers"))
    return {match[1]: f"{match[2]} ({match[3]})" for match in found if match}


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNTS] = Counter()


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if not items:
        return
    names = list(needs(items[0].config))
    for item in items:
        for name in names:
            if item.get_closest_marker(name):
                item.config.stash[COUNTS][name] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    counts = session.config.stash[COUNTS]
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["deselected"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    # pytest-xdist's workers have all collected the same.
    counts: dict[str, int] = getattr(node, "workeroutput", {}).get("deselected", {})
    config: pytest.Config = node.config
    config.stash[COUNTS] = config.stash[COUNTS] | Counter(counts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash[COUNTS]
    said = [f"{counts[name]} that need {need}" for name, need in needs(config).items() if counts[name]]
    if said:
        terminalreporter.write_line(f"deselected: {', '.join(said)}")
