"""The page of the contract, as it is served. tests/local_agent/test_page_in_browser.py uses it."""

import http.client
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import yaml

from synapse_sdk.contract import contract_path
from synapse_sdk.local_agent import LocalAgent
from tests.local_agent.support import TOKEN

SERVED = {
    "/docs": "text/html; charset=utf-8",
    "/docs/favicon-32x32.png": "image/png",
    "/docs/index.css": "text/css; charset=utf-8",
    "/docs/start.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/openapi.json": "application/json",
}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAgent]:
    with LocalAgent(tmp_path_factory.mktemp("plugins"), token=TOKEN) as agent:
        yield agent


@pytest.mark.parametrize("path", SERVED)
def test_the_page_and_what_it_loads_are_served_without_the_token(agent: LocalAgent, path: str) -> None:
    response = httpx.get(agent.url + path)
    assert response.status_code == 200
    assert response.content
    assert response.headers["Content-Type"] == SERVED[path]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-cache"
    policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy.pop("img-src") == "'self' data:"
    assert policy["default-src"] == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    head = httpx.head(agent.url + path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == SERVED[path]
    assert head.headers["Content-Length"] == str(len(response.content))


def test_the_page_loads_nothing_but_what_is_served_beside_it(agent: LocalAgent) -> None:
    page = httpx.get(f"{agent.url}/docs").text
    loaded = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert {f"/{path}" for path in loaded} == SERVED.keys() - {"/docs", "/openapi.json"}
    sheets = [httpx.get(agent.url + path).text for path in SERVED if path.endswith(".css")]
    urls = re.findall(r"(?:url\(|@import\s)\s*[\"']?(.{5})", "".join(sheets))
    assert set(urls) == {"data:"}


def test_the_contract_as_json_is_the_contract(agent: LocalAgent) -> None:
    assert httpx.get(f"{agent.url}/openapi.json").json() == yaml.safe_load(contract_path().read_text())


@pytest.mark.parametrize(
    "path",
    [
        "/docs/",
        "/docs/index.html",
        "/docs/swagger-ui.css.map",
        "/docs/..",
        "/docs/../openapi.json",
        "/docs/%2e%2e/__init__.py",
        "/docs/..%2f..%2f__init__.py",
        "/docs//etc/passwd",
        "/docs/swagger%2Dui.css%00",
        "/openapi.json/",
    ],
)
def test_nothing_else_is_served_beside_the_page(agent: LocalAgent, path: str) -> None:
    for headers, status in [({}, 401), ({"Authorization": TOKEN}, 404)]:
        # Not by httpx, which tidies paths up.
        with closing(http.client.HTTPConnection(agent.url.removeprefix("http://"))) as connection:
            connection.request("GET", path, headers=headers)
            assert connection.getresponse().status == status


@pytest.mark.parametrize("path", SERVED)
def test_the_page_is_for_reading_alone(agent: LocalAgent, path: str) -> None:
    response = httpx.post(agent.url + path)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_contract_that_has_a_path_of_the_page_itself_is_served_as_it_says(tmp_path: Path) -> None:
    document = yaml.safe_load(contract_path().read_text())
    document["paths"]["/docs"] = document["paths"].pop("/containers/")
    document["info"]["title"] = "<Agents & others>"
    contract = tmp_path / "agent.yaml"
    contract.write_text(yaml.safe_dump(document))
    with LocalAgent(tmp_path, token=TOKEN, contract=contract) as agent:
        assert httpx.get(f"{agent.url}/docs").status_code == 401
        assert httpx.get(f"{agent.url}/docs", headers={"Authorization": TOKEN}).json()["results"] == []
        assert httpx.get(f"{agent.url}/openapi.json").json() == document


def test_the_title_of_the_page_is_the_contracts(tmp_path: Path) -> None:
    document = yaml.safe_load(contract_path().read_text())
    document["info"]["title"] = "<Agents & others>"
    contract = tmp_path / "agent.yaml"
    contract.write_text(yaml.safe_dump(document))
    with LocalAgent(tmp_path, contract=contract) as agent:
        assert "<title>&lt;Agents &amp; others&gt;</title>" in httpx.get(f"{agent.url}/docs").text
