from __future__ import annotations

import pytest

# What these assert is told in full, as in tests.
pytest.register_assert_rewrite("tests.faults.play", "tests.faults.server")

from tests.faults import report  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    # Under pytest-xdist this file is not read where the terminal is, unless the tests of this folder alone are run:
    # a run of all tests has it from the `pytest_plugins` of the conftest above.
    if not config.pluginmanager.has_plugin(report.__name__):
        config.pluginmanager.register(report, report.__name__)
