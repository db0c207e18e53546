"""The page of the contract in a real browser: make test-browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from synapse_sdk.contract import contract_path
from synapse_sdk.local_agent.contract import Contract
from tests.browser import Visit, chromium
from tests.local_agent.support import TOKEN, Api, make_release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator

    from synapse_sdk.local_agent import LocalAgent

pytestmark = pytest.mark.browser

SCREENSHOT = Path(__file__).parents[2] / "build" / "docs-page.png"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class ContractVisit(Visit):
    """The agent's page."""

    def operation(self, name: str) -> Locator:
        return self.page.locator(f"[id$='-{name}']")

    def authorize(self, token: str) -> None:
        self.page.get_by_role("button", name="Authorize").click()
        form = self.page.locator("form").filter(has_text="agentToken")
        form.get_by_role("textbox").fill(token)
        form.get_by_role("button", name="Authorize").click()
        form.get_by_role("button", name="Logout").wait_for()
        form.get_by_role("button", name="Close").click()

    def try_out(self, name: str) -> tuple[int, str]:
        """Try an operation as it is shown, and return the status and the body that the page shows."""
        operation = self.operation(name)
        operation.locator(".opblock-summary").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table tbody")
        return int(answer.locator(".response-col_status").inner_text()), answer.locator("code").first.inner_text()


@pytest.fixture
def visit(browser: Browser, agent: LocalAgent) -> Iterator[ContractVisit]:
    visit = ContractVisit(browser, f"{agent.url}/docs")
    yield visit
    visit.page.context.close()
    assert {urlsplit(url).netloc for url in visit.asked} == {urlsplit(agent.url).netloc}


def test_every_operation_is_on_the_page_and_nothing_is_wrong_with_it(visit: ContractVisit) -> None:
    operations = Contract.load(contract_path()).operations
    assert len(operations) == 12
    for each in operations:
        summary = visit.operation(each.id).locator(".opblock-summary")
        assert summary.locator(".opblock-summary-method").inner_text() == each.method
        assert summary.locator(".opblock-summary-path").get_attribute("data-path") == each.path
    assert visit.page.locator(".opblock").count() == len(operations)
    assert visit.complaints == []


def test_an_operation_is_tried_with_the_token(visit: ContractVisit, agent: LocalAgent, api: Api, plugins: Path) -> None:
    made = api.create(make_release(plugins))
    visit.authorize(TOKEN)
    status, body = visit.try_out("list_docker_containers")
    assert status == 200
    assert json.loads(body) == [made]
    assert f"{agent.url}/containers/docker/" in visit.asked
    assert visit.complaints == []
    SCREENSHOT.parent.mkdir(exist_ok=True)
    visit.page.screenshot(path=SCREENSHOT)


def test_without_the_token_the_page_shows_that_it_is_missing(visit: ContractVisit) -> None:
    status, body = visit.try_out("health_check")
    assert (status, json.loads(body)) == (401, {"detail": "The token is missing or wrong."})
    (complaint,) = visit.complaints  # Chromium's own, of the 401
    assert "401" in complaint


def test_a_container_is_created_with_the_contracts_example(visit: ContractVisit, api: Api, plugins: Path) -> None:
    make_release(plugins, name="ocr_processor@2.0.0")
    visit.authorize(TOKEN)
    status, body = visit.try_out("create_docker_container")
    assert status == 201
    assert json.loads(body) == api.containers()[0]
    assert visit.complaints == []
