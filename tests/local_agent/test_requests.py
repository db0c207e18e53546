"""What the agent answers to requests of every kind, over a real connection."""

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from synapse_sdk.contract import contract_path
from synapse_sdk.local_agent import LocalAgent, app
from synapse_sdk.local_agent.handlers import Handlers
from tests.local_agent.support import LISTENS, TOKEN, Api, errors_of, make_release

DOCKER_ID = "0123456789ab"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAgent]:
    """An agent for the tests that leave nothing behind in it."""
    plugins = tmp_path_factory.mktemp("plugins")
    make_release(plugins, LISTENS)
    with LocalAgent(plugins, token=TOKEN, validate_responses=True) as agent:
        yield agent
    assert agent.violations == []


@pytest.fixture(scope="module")
def client(shared: LocalAgent) -> Iterator[Api]:
    with Api(base_url=shared.url, headers={"Authorization": TOKEN}) as client:
        yield client


@pytest.fixture(scope="module")
def stranger(shared: LocalAgent) -> Iterator[Api]:
    with Api(base_url=shared.url) as stranger:
        yield stranger


PATHS = [
    ("GET", "/containers/docker/"),
    ("POST", "/containers/docker/"),
    ("GET", f"/containers/docker/{DOCKER_ID}"),
    ("DELETE", f"/containers/docker/{DOCKER_ID}"),
    ("POST", f"/containers/docker/{DOCKER_ID}/stop/"),
    ("POST", f"/containers/docker/{DOCKER_ID}/start/"),
    ("GET", f"/containers/docker/{DOCKER_ID}/logs/"),
    ("GET", "/health/"),
    ("GET", "/containers/"),
    ("GET", "/containers/1"),
    ("PATCH", "/containers/1"),
    ("DELETE", "/containers/1"),
    ("GET", "/nowhere"),
    ("PUT", "/containers/"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "token", [None, "", "wrong", TOKEN[:-1], TOKEN + "x", f"Token {TOKEN}", f"Bearer {TOKEN}", TOKEN.upper(), "é"]
)
def test_nothing_is_said_without_the_token(stranger: Api, method: str, path: str, token: str | None) -> None:
    headers = {} if token is None else {b"Authorization": token.encode("latin-1")}
    response = stranger.request(method, path, headers=headers)
    assert response.status_code == 401
    assert response.json() == {"detail": "The token is missing or wrong."}


def test_who_the_client_acts_for_is_of_no_consequence(shared: LocalAgent) -> None:
    headers = {"Authorization": TOKEN, "SYNAPSE-User": "Token u", "SYNAPSE-Tenant": "Token t"}
    assert httpx.get(f"{shared.url}/containers/", headers=headers).status_code == 200


def test_without_authentication_everybody_is_let_in(tmp_path: Path) -> None:
    with LocalAgent(tmp_path, auth=False) as agent:
        assert agent.token is None
        for headers in ({}, {"Authorization": "anything"}):
            assert httpx.get(f"{agent.url}/containers/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/containers", "/containers/docker", "/containers//", "/containers/1/", "/x", "//", "/health"),
        *("/containers/docker//", f"/containers/docker/{DOCKER_ID}/", f"/containers/docker/{DOCKER_ID}/logs"),
    ],
)
def test_an_unknown_path_is_not_found(client: Api, path: str) -> None:
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port or 0)
    connection.request("GET", path, headers={"Authorization": TOKEN})
    response = connection.getresponse()
    assert response.status == 404
    assert response.headers["Content-Type"] == "application/json"
    assert isinstance(json.load(response)["detail"], str)
    connection.close()


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/containers/", "GET"),
        ("/containers/docker/", "GET, POST"),
        ("/containers/1", "DELETE, GET, PATCH"),
        (f"/containers/docker/{DOCKER_ID}", "DELETE, GET"),
        (f"/containers/docker/{DOCKER_ID}/stop/", "POST"),
        (f"/containers/docker/{DOCKER_ID}/start/", "POST"),
        (f"/containers/docker/{DOCKER_ID}/logs/", "GET"),
        ("/health/", "GET"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "QUERY"])
def test_another_method_is_refused_with_those_that_are_not(client: Api, path: str, allowed: str, method: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 405
    assert response.headers["Allow"] == allowed
    assert response.json() == {"detail": f"{method} is not for this path."}


def test_head_is_a_method_that_the_contract_does_not_have(client: Api) -> None:
    response = client.head("/containers/")
    assert (response.status_code, response.headers["Allow"], response.content) == (405, "GET", b"")


@pytest.mark.parametrize(
    "segment",
    [
        "abc",
        "0",
        "-1",
        "1_0",
        "%201",
        "1%0A",
        "1.0",
        "9" * 30,
        "9" * 5000,
        "%D9%A3",
        "..%2F1",
        "%FF",
        "%00",
        "1%2F",
        "%252F",
    ],
)
def test_what_is_no_records_number_names_none(client: Api, segment: str) -> None:
    for method in ("GET", "DELETE"):
        response = client.request(method, f"/containers/{segment}")
        assert response.status_code == 404, response.text
        assert isinstance(response.json()["detail"], str)


@pytest.mark.parametrize(
    "segment",
    [
        "a%2Fb",
        "..%2F42",
        "%2E%2E",
        "abc",
        "0123456789A",
        "0" * 65,
        DOCKER_ID + "%0A",
        DOCKER_ID + "g",
        "%C3%A9",
        "docker",
    ],
)
def test_what_is_no_containers_id_names_none(client: Api, segment: str) -> None:
    for method, below in (("GET", ""), ("DELETE", ""), ("POST", "/stop/"), ("POST", "/start/"), ("GET", "/logs/")):
        response = client.request(method, f"/containers/docker/{segment}{below}")
        assert response.status_code == 404
        assert isinstance(response.json()["detail"], str)


def test_an_escaped_slash_stays_in_its_segment(client: Api) -> None:
    detail = client.get("/containers/docker/..%2F42").json()["detail"]
    assert detail.startswith("Nothing here is named '../42': ")


def test_an_escape_that_is_not_needed_changes_nothing(client: Api) -> None:
    assert client.get("/containers/%37").json() == {"detail": "There is no record 7."}


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("page=0", ("minimum", ["query", "page"])),
        ("page=x", ("type", ["query", "page"])),
        ("page=1&page=2", ("repeated", ["query", "page"])),
        ("page_size=-1", ("minimum", ["query", "page_size"])),
        ("page_size=" + "9" * 5000, ("type", ["query", "page_size"])),
        ("status=", ("empty", ["query", "status"])),
        ("params=x", ("filter", ["query", "params"])),
        ("metadata=%7B%7D", ("filter", ["query", "metadata"])),
        ("label=a%00", ("nul", ["query", "label"])),
    ],
)
def test_a_malformed_filter_is_refused(client: Api, query: str, error: tuple[str, list[str]]) -> None:
    assert errors_of(client.get(f"/containers/?{query}")) == [error]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", ("missing", ["body"])),
        (b"{", ("json_invalid", ["body"])),
        (b'{"status": NaN}', ("json_invalid", ["body"])),
        (b"{}", ("missing", ["body", "status"])),
        (b'{"status": ""}', ("minLength", ["body", "status"])),
        (b'{"status": 1}', ("type", ["body", "status"])),
        (b'{"status": "a\\u0000b"}', ("nul", ["body", "status"])),
        (b'{"status": "a", "id": 1}', ("unknown_field", ["body", "id"])),
    ],
)
def test_a_malformed_update_is_refused(client: Api, body: bytes, error: tuple[str, list[str]]) -> None:
    response = client.patch("/containers/1", content=body, headers={"Content-Type": "application/json"})
    assert errors_of(response) == [error]


@pytest.mark.parametrize("name", ["", "A=B"])
def test_an_env_that_cannot_be_one_is_refused(client: Api, name: str) -> None:
    response = client.post("/containers/docker/", json={"plugin_release": "sample@1.0", "envs": {name: "1"}})
    assert errors_of(response) == [("envs", ["body", "envs", name])]
    assert client.records() == []


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("tail=-1", ("minimum", ["query", "tail"])),
        ("tail=x", ("type", ["query", "tail"])),
        ("tail=1.5", ("type", ["query", "tail"])),
        ("tail=", ("empty", ["query", "tail"])),
        ("tail=1&tail=2", ("repeated", ["query", "tail"])),
    ],
)
def test_a_malformed_tail_is_refused(client: Api, query: str, error: tuple[str, list[str]]) -> None:
    assert errors_of(client.get(f"/containers/docker/{DOCKER_ID}/logs/?{query}")) == [error]


def test_the_bodies_of_stop_and_start_are_not_looked_at(client: Api) -> None:
    for verb in ("stop", "start"):
        headers = {"Content-Type": "x"}
        response = client.post(f"/containers/docker/{DOCKER_ID}/{verb}/", content=b"{", headers=headers)
        assert response.json() == {"detail": f"There is no container {DOCKER_ID}."}


def test_an_error_in_a_field_says_what_came(client: Api) -> None:
    response = client.post("/containers/docker/", json={"plugin_release": "sample"})
    (error,) = response.json()["detail"]
    assert (error["type"], error["loc"], error["input"]) == ("pattern", ["body", "plugin_release"], "sample")
    assert "does not match" in error["msg"]


def test_a_body_that_is_too_long_is_refused(client: Api) -> None:
    response = client.patch("/containers/1", content=b" " * (app.LARGEST_BODY + 1))
    assert response.status_code == 413
    assert response.json() == {"detail": f"The body is longer than {app.LARGEST_BODY} bytes."}


def test_an_unknown_release_is_not_found_and_what_there_is_is_listed(client: Api) -> None:
    response = client.post("/containers/docker/", json={"plugin_release": "other@1.0"})
    assert response.status_code == 404
    assert response.json() == {"detail": "There is no plugin release other@1.0. There is sample@1.0."}


def test_a_release_name_that_leaves_the_folder_is_refused(client: Api) -> None:
    for name in ("../plugins@1", "a/../b@1", "..@..", "sample@1.0/../x", "/etc@1"):
        response = client.post("/containers/docker/", json={"plugin_release": name})
        assert errors_of(response) == [("pattern", ["body", "plugin_release"])]


def test_a_client_that_hangs_up_disturbs_nobody(client: Api, caplog: pytest.LogCaptureFixture) -> None:
    head = f"PATCH /containers/1 HTTP/1.1\r\nHost: a\r\nAuthorization: {TOKEN}\r\nContent-Length: 100\r\n\r\n{{"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(head.encode())
    for _ in range(3):
        assert client.get("/containers/").status_code == 200
    assert "Traceback" not in caplog.text


def test_an_unexpected_failure_is_logged_and_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(Handlers, "get_container", fails)
    with LocalAgent(tmp_path, auth=False, validate_responses=True) as agent:
        response = httpx.get(f"{agent.url}/containers/1")
    assert response.status_code == 500
    assert response.json() == {"detail": "Internal server error."}
    assert "a secret detail" in caplog.text
    assert "Traceback" in caplog.text
    assert agent.violations == []


def test_an_answer_that_breaks_the_contract_becomes_an_error_when_answers_are_checked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr(Handlers, "get_container", lambda *_: {"id": "one"})
    with LocalAgent(tmp_path, auth=False) as agent:
        assert httpx.get(f"{agent.url}/containers/1").json() == {"id": "one"}
        assert agent.violations == []
    with LocalAgent(tmp_path, auth=False, validate_responses=True) as agent:
        response = httpx.get(f"{agent.url}/containers/1")
    assert response.status_code == 500
    assert response.json() == {"detail": "Internal server error."}
    assert len(agent.violations) == 1
    assert agent.violations[0] in caplog.text


def test_requests_are_logged_without_the_token(client: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="synapse_sdk.local_agent"):
        client.get("/containers/?status=x")
        client.get("/containers/", headers={"Authorization": "another-token"})
    lines = [record.getMessage() for record in caplog.records if record.name == "synapse_sdk.local_agent"]
    assert [line.rsplit(" ", 2)[0] for line in lines] == ["GET /containers/ 200", "GET /containers/ 401"]
    assert TOKEN not in caplog.text
    assert "another-token" not in caplog.text


def test_a_changed_contract_is_served_as_it_is(tmp_path: Path) -> None:
    document = yaml.safe_load(contract_path().read_text())
    document["paths"] = {f"/v9{path}": item for path, item in document["paths"].items()}
    document["servers"] = [{"url": "https://gateway.example.com/agent-7"}]
    contract = tmp_path / "agent.yaml"
    contract.write_text(yaml.safe_dump(document))
    with LocalAgent(tmp_path, auth=False, contract=contract, validate_responses=True) as agent:
        assert httpx.get(f"{agent.url}/v9/containers/docker/").json() == []
        assert httpx.get(f"{agent.url}/v9/containers/1").json() == {"detail": "There is no record 1."}
        assert httpx.get(f"{agent.url}/containers/docker/").status_code == 404
    assert agent.violations == []


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(["plugin_release", "params", "envs", "metadata", "labels", "status", "x"])
segments = st.sampled_from(["containers", "docker", "1", DOCKER_ID, "", "..", "%2F", "%00", "%FF"]) | texts
queries = st.lists(
    st.tuples(st.sampled_from(["page", "page_size", "status", "label", "id", "docker_id", "filters"]) | texts, texts),
    max_size=4,
)


@settings(max_examples=100, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
    path=st.sampled_from([path for _, path in PATHS])
    | st.lists(segments, max_size=4).map(lambda parts: "/" + "/".join(parts)),
    query=queries,
    body=st.none() | st.binary(max_size=40) | st.dictionaries(fields, values, max_size=4) | values,
    content_type=st.sampled_from(["application/json", "application/json; charset", "text/plain", ""]),
)
@example("GET", "/containers/", [("id", "9" * 30), ("\ud800", "\0")], None, "")
@example("POST", "/containers/docker/", [], {"plugin_release": "sample@1.0\n"}, "application/json")
@example("POST", "/containers/docker/", [], {"plugin_release": "x@1", "envs": {"\ud800": "\ud800"}}, "application/json")
def test_no_request_is_the_agents_fault(
    client: Api, method: str, path: str, query: list[tuple[str, str]], body: Any, content_type: str
) -> None:
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    target = f"{quote(path, '/%', errors='replace')}?{urlencode(query, errors='replace')}"
    connection = http.client.HTTPConnection(client.base_url.host, client.base_url.port)
    with closing(connection):
        connection.request(method, target, content, {"Authorization": TOKEN, "Content-Type": content_type})
        response = connection.getresponse()
        answer = response.read()
    assert response.status < 500, answer
    if response.status >= 400:
        detail = json.loads(answer)["detail"]
        assert isinstance(detail, str) or all({"type", "loc", "msg"} <= error.keys() for error in detail)
