"""What browsers are told that let pages of other origins ask the agent. clients/typescript-browser asks from one."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from synapse_sdk.local_agent import LocalAgent
from synapse_sdk.local_agent.errors import UnavailableError
from synapse_sdk.local_agent.handlers import Handlers
from tests.local_agent.support import TOKEN, Api

PAGE, OTHER, FOREIGN = "http://localhost:3000", "https://app.example.com", "https://evil.example.com"
# What a page may read of an answer, beside what it always may.
EXPOSED = "Access-Control-Expose-Headers"
ALLOWED = "Access-Control-Allow-Origin"


@contextmanager
def serving(plugins: Path, *origins: str) -> Iterator[Api]:
    with (
        LocalAgent(plugins, token=TOKEN, cors_origins=origins) as agent,
        Api(base_url=agent.url, headers={"Authorization": TOKEN}) as api,
    ):
        yield api


def asking(origin: str, method: str = "POST", headers: str = "authorization,content-type") -> Mapping[str, str]:
    """The headers with which a browser asks whether a page's request may be sent; it never shows the token."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
        "Authorization": "",
    }


def test_without_the_option_no_page_is_let_in(plugins: Path) -> None:
    with serving(plugins) as api:
        asked = api.options("/containers/docker/", headers=asking(PAGE))
        answered = api.get("/containers/docker/", headers={"Origin": PAGE})
    assert (asked.status_code, answered.status_code) == (401, 200)
    for response in (asked, answered):
        assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("origins", [[PAGE, OTHER], ["*"]])
def test_a_browser_may_ask_first_without_the_token(plugins: Path, origins: list[str], method: str) -> None:
    with serving(plugins, *origins) as api:
        wanted = "authorization,content-type,synapse-tenant,synapse-user"
        response = api.options("/containers/7", headers=asking(PAGE, method, wanted))
    assert response.status_code == 200
    assert response.headers[ALLOWED] == (PAGE if PAGE in origins else "*")
    assert method in response.headers["Access-Control-Allow-Methods"].split(", ")
    assert response.headers["Access-Control-Allow-Headers"] == wanted
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_pages_of_each_origin_may_read_what_it_answers_and_no_others(plugins: Path) -> None:
    with serving(plugins, PAGE, OTHER) as api:
        for origin in (PAGE, OTHER):
            response = api.get("/containers/docker/", headers={"Origin": origin})
            assert response.headers[ALLOWED] == origin
            assert response.headers[EXPOSED] == "Retry-After"
            assert "Origin" in response.headers["Vary"]
        for origin in (FOREIGN, "http://localhost:3001", "https://localhost:3000", "null"):
            assert ALLOWED not in api.get("/containers/docker/", headers={"Origin": origin}).headers
            refused = api.options("/containers/docker/", headers=asking(origin))
            assert refused.status_code == 400
            assert ALLOWED not in refused.headers


def test_any_origin_is_let_in_where_that_is_said(plugins: Path) -> None:
    with serving(plugins, "*") as api:
        for origin in (PAGE, FOREIGN, "null"):
            assert api.get("/openapi.json", headers={"Origin": origin}).headers[ALLOWED] == "*"


def test_a_page_may_read_errors_too(plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(error: Exception) -> Callable[..., None]:
        def fails(*_: object) -> None:
            raise error

        return fails

    def status(method: str, path: str, body: object = None, token: str = TOKEN) -> int:
        response = api.request(method, path, json=body, headers={"Origin": PAGE, "Authorization": token})
        assert response.headers[ALLOWED] == PAGE
        assert response.headers[EXPOSED] == "Retry-After"
        assert response.json()["detail"]
        return response.status_code

    monkeypatch.setattr(Handlers, "get_container", failing(RuntimeError("a secret detail")))
    monkeypatch.setattr(Handlers, "delete_container", failing(UnavailableError("Not now.")))
    monkeypatch.setattr(Handlers, "list_containers", failing(OperationalError("SELECT 1", {}, Exception("locked"))))
    with serving(plugins, PAGE) as api:
        assert status("GET", "/containers/docker/", token="wrong") == 401
        assert status("GET", "/nowhere") == 404
        assert status("GET", "/containers/docker/0123456789ab") == 404
        assert status("PUT", "/containers/7") == 405
        assert status("OPTIONS", "/containers/7") == 405  # by the page itself, not by the browser for it
        assert status("POST", "/containers/docker/", {"plugin_release": "no-version"}) == 422
        assert status("GET", "/containers/7") == 500
        assert status("DELETE", "/containers/7") == 503
        assert status("GET", "/containers/") == 503


@pytest.mark.parametrize(
    "origin",
    ["*", "https://example.com", "http://127.0.0.1:65535", "http://[::1]:3000", "app://-", "chrome-extension://abcdef"],
)
def test_what_browsers_send_is_taken(plugins: Path, origin: str) -> None:
    LocalAgent(plugins, cors_origins=[origin])


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "localhost:3000",
        "http://localhost:3000/",
        "http://localhost:3000/path",
        "http://Localhost:3000",
        "http://localhost:",
        "http://localhost:0",
        "http://localhost:65536",
        "http://*.example.com",
        "http://user@example.com",
        "http://bücher.example",
        "http://a http://b",
        "http://a\n",
        "null",
        "file://",
    ],
)
def test_what_no_browser_sends_is_refused(plugins: Path, origin: str) -> None:
    with pytest.raises(ValueError, match=r"^cors_origins: '.*' is not an origin\. One is scheme://host or"):
        LocalAgent(plugins, cors_origins=["https://example.com", origin])


@pytest.mark.parametrize("origin", ["http://example.com:80", "https://example.com:443"])
def test_a_port_that_browsers_leave_out_is_refused(plugins: Path, origin: str) -> None:
    without = origin.rpartition(":")[0]
    with pytest.raises(ValueError, match=f"^cors_origins: '{origin}' must be '{without}', for browsers leave"):
        LocalAgent(plugins, cors_origins=[origin])
    LocalAgent(plugins, cors_origins=["http://example.com:443", "https://example.com:80"])


@pytest.mark.parametrize(
    ("origins", "expected"),
    [
        (PAGE, r"cors_origins must be a list of origins, not one: \['http://localhost:3000'\]"),
        ([PAGE, 7], "cors_origins must be a list of strings, and 7 is none"),
    ],
)
def test_what_is_no_list_of_strings_is_refused(plugins: Path, origins: Collection[Any], expected: str) -> None:
    with pytest.raises(TypeError, match=expected):
        LocalAgent(plugins, cors_origins=origins)


def test_no_agent_is_open_to_every_page_without_a_token(plugins: Path) -> None:
    with pytest.raises(ValueError, match=r"^cors_origins cannot be \* without authentication"):
        LocalAgent(plugins, auth=False, cors_origins=[PAGE, "*"])
    with LocalAgent(plugins, auth=False, cors_origins=[PAGE]) as agent:
        assert httpx.get(f"{agent.url}/health/", headers={"Origin": PAGE}).headers[ALLOWED] == PAGE
