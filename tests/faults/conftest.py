from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults import report

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    # Under pytest-xdist this file is not read where the terminal is, unless the tests of this folder alone are run:
    # a run of all tests has it from the `pytest_plugins` of the conftest above.
    if not config.pluginmanager.has_plugin(report.__name__):
        config.pluginmanager.register(report, report.__name__)
