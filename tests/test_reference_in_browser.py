"""The contract as one file, which `make docs-reference` has made, in a real browser: make test-browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from synapse_sdk.contract import contract_path
from tests.browser import Visit, chromium

pytestmark = pytest.mark.browser

BUILD = Path(__file__).parents[1] / "build"
METHODS = {"get", "post", "patch", "delete"}
REFERENCE = BUILD / "reference.html"


def operations() -> list[tuple[str, dict[str, Any]]]:
    paths = yaml.safe_load(contract_path().read_text())["paths"]
    return [(path, operation) for path, item in paths.items() for name, operation in item.items() if name in METHODS]


def test_the_reference_shows_every_operation_and_asks_for_nothing_outside() -> None:
    assert len(operations()) == 12
    with chromium() as browser:
        visit = Visit(browser, REFERENCE.as_uri())
        for path, operation in operations():
            section = f"{operation['tags'][0]}/{operation['operationId']}"
            visit.page.goto(f"{REFERENCE.as_uri()}#{section}")
            shown = visit.page.locator(f"[id='{section}']").inner_text()
            assert operation["summary"] in shown
            assert path in shown
        visit.page.screenshot(path=BUILD / "reference.png")
        # What it makes itself, it has by addresses of its own.
        assert {url for url in visit.asked if not url.startswith("blob:")} == {REFERENCE.as_uri()}
        assert visit.complaints == []


def test_the_reference_loads_no_address_by_its_text() -> None:
    loads = re.findall(r"""(?:src=|url\(|@import)\s*["']?(https?:[^"')\s]+)""", REFERENCE.read_text())
    assert loads == []
