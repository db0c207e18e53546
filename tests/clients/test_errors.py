"""What a caller sees when a call does not succeed."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from synapse_sdk import AgentClient, exceptions
from tests.contract import example

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

    from tests.kinds import Connect

DOCKER_ID = "abc123def456"
PATH = f"/containers/docker/{DOCKER_ID}"

KINDS = [
    (400, exceptions.ValidationError),
    (401, exceptions.AuthenticationError),
    (403, exceptions.AuthorizationError),
    (404, exceptions.NotFoundError),
    (422, exceptions.ValidationError),
    (429, exceptions.RateLimitError),
    (409, exceptions.ConflictError),
    (418, exceptions.HTTPError),
    (500, exceptions.ServerError),
    (502, exceptions.ServerError),
    (503, exceptions.ServerError),
    (599, exceptions.ServerError),
    (600, exceptions.HTTPError),
]


@pytest.mark.parametrize(("status", "kind"), KINDS)
def test_every_status_that_is_no_success_is_an_error_with_the_status_and_the_agents_words(
    server: HTTPServer, client: AgentClient, status: int, kind: type[exceptions.HTTPError]
) -> None:
    body = json.dumps({"detail": "the agent's own words", "code": 7})
    server.expect_request(PATH).respond_with_data(body, status=status, content_type="application/json")
    with pytest.raises(exceptions.ClientError) as caught:
        client.with_options(retries=0).get_docker_container(DOCKER_ID)
    error = caught.value
    assert type(error) is kind
    assert error.status_code == status
    assert error.detail == "the agent's own words"
    assert (error.operation, error.method, error.url) == (
        "get_docker_container",
        "GET",
        client.base_url + PATH,
    )
    assert error.headers["server"].startswith("Werkzeug")
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("body", "detail", "text"),
    [
        (b'{"detail": "gone"}', "gone", ": gone"),
        (b'{"detail": ["boom"]}', ["boom"], ":\u0020\n  boom"),
        (b'{"detail": {"code": 7}}', {"code": 7}, ": {'code': 7}"),
        (b'{"detail": null}', None, "was answered 422 Unprocessable "),
        (b'{"error": "other"}', {"error": "other"}, ": {'error': 'other'}"),
        (b'["a", 1]', ["a", 1], ": \n  a\n  1"),
        (b"42", 42, ": 42"),
        (b"", None, "was answered 422 Unprocessable "),
        (b"plain words\n", "plain words\n", ": plain words"),
        (
            b"<html><head><TITLE>\n502 Bad\n Gateway</TITLE></head></html>",
            "<html><head><TITLE>\n502 Bad\n Gateway</TITLE></head></html>",
            ": an HTML page titled '502 Bad Gateway'",
        ),
        (b"\xff\xfe", "\ufffd\ufffd", ": \ufffd\ufffd"),
        (json.dumps(example("FieldErrors")).encode(), example("FieldErrors")["detail"], "\n  body.plugin_release: "),
        (b'{"detail": [{"loc": "x", "msg": "m"}, {"msg": "n"}, {"loc": ["a", 0]}, null]}', ..., "\n  x: m\n  n\n  {"),
    ],
)
def test_any_body_of_an_error_gives_a_detail_and_a_text(
    server: HTTPServer, client: AgentClient, body: bytes, detail: Any, text: str
) -> None:
    server.expect_request(PATH).respond_with_data(body, status=422)
    with pytest.raises(exceptions.ValidationError) as caught:
        client.get_docker_container(DOCKER_ID)
    assert detail is ... or caught.value.detail == detail
    assert text in str(caught.value)


def test_the_text_of_an_error_is_bounded_also_for_a_page_of_a_megabyte_and_a_thousand_field_errors(
    server: HTTPServer, client: AgentClient
) -> None:
    for body in ("<p>" + "x" * 1_000_000, json.dumps({"detail": [{"loc": ["body"], "msg": "m" * 9_000}] * 1_000})):
        server.expect_oneshot_request(PATH).respond_with_data(body, status=500)
        with pytest.raises(exceptions.ServerError) as caught:
            client.get_docker_container(DOCKER_ID)
        assert len(str(caught.value)) < 10_000
        assert len(repr(caught.value)) < 10_000


def test_an_agents_words_cannot_move_a_terminals_cursor_or_begin_a_line(
    server: HTTPServer, client: AgentClient
) -> None:
    detail = "\x1b[2Jgone\r\n2026-01-01 INFO all is well"
    for given in (detail, [{"msg": detail}]):
        server.expect_oneshot_request(PATH).respond_with_json({"detail": given}, status=404)
        with pytest.raises(exceptions.NotFoundError) as caught:
            client.get_docker_container(DOCKER_ID)
        assert "\x1b" not in str(caught.value)
        assert "\r" not in str(caught.value)
        assert "\n2026" not in str(caught.value)
        assert caught.value.detail == given


def test_the_input_of_a_field_error_is_not_shown_since_it_may_be_secret(
    server: HTTPServer, client: AgentClient
) -> None:
    detail = [{"type": "string", "loc": ["body", "envs", "PASSWORD"], "msg": "too short", "input": "hunter2"}]
    server.expect_request(PATH).respond_with_json({"detail": detail}, status=422)
    with pytest.raises(exceptions.ValidationError) as caught:
        client.get_docker_container(DOCKER_ID)
    assert "hunter2" not in str(caught.value)
    assert caught.value.detail == detail


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>login</html>", b'"text"', b"null", b"42", b"[1, 2]", b"{", b"\xff", b"[" * 100_000],
    ids=["empty", "html", "text", "null", "number", "array", "truncated", "bytes", "deep"],
)
def test_a_success_without_the_object_asked_for_is_an_error_and_never_returned(
    server: HTTPServer, client: AgentClient, body: bytes
) -> None:
    server.expect_request(PATH).respond_with_data(body, content_type="text/html")
    with pytest.raises(exceptions.ResponseDecodeError) as caught:
        client.get_docker_container(DOCKER_ID)
    assert caught.value.status_code == 200
    assert "a JSON object was due, and " in str(caught.value)
    assert not caught.value.may_have_taken_effect
    assert len(str(caught.value)) < 3_000


def test_an_object_where_a_list_is_due_is_an_error(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/docker/").respond_with_json({"results": []})
    with pytest.raises(exceptions.ResponseDecodeError, match="a JSON array was due, and JSON of another kind"):
        client.list_docker_containers()


def test_a_request_that_changes_something_says_whether_it_may_have_taken_effect(
    server: HTTPServer, client: AgentClient
) -> None:
    client = client.with_options(retries=0)
    for status, may_have in [(500, True), (502, True), (504, True), (503, False), (422, False), (429, False)]:
        server.expect_oneshot_request("/containers/docker/").respond_with_json({"detail": "no"}, status=status)
        with pytest.raises(exceptions.HTTPError) as caught:
            client.create_docker_container("a@1")
        assert caught.value.may_have_taken_effect is may_have
        assert ("may have taken effect" in str(caught.value)) is may_have
    server.expect_oneshot_request("/containers/docker/").respond_with_data("OK", status=201)
    with pytest.raises(exceptions.ResponseDecodeError, match="may have taken effect"):
        client.create_docker_container("a@1")


def test_an_agent_that_is_not_there_is_a_connection_error_that_says_what_was_asked_of_whom(
    connect: Connect, closed_port: int
) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    with connect(url) as client, pytest.raises(exceptions.ClientConnectionError) as caught:
        client.create_docker_container("a@1")
    assert type(caught.value) is exceptions.ClientConnectionError
    assert caught.value.status_code is None
    assert not caught.value.may_have_taken_effect
    assert str(caught.value) == (
        f"create_docker_container (POST {url}/containers/docker/) did not reach the agent: "
        "[Errno 111] Connection refused. It was tried 3 times."
    )
    assert caught.value.attempts == 3
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


@pytest.mark.parametrize("call", ["create_docker_container", "start_docker_container", "stop_docker_container"])
def test_what_waits_for_a_program_does_so_by_a_time_of_its_own_and_is_not_sent_again(
    connect: Connect, silent_url: str, call: str
) -> None:
    with (
        connect(silent_url, timeout=30, create_timeout=0.2) as client,
        pytest.raises(exceptions.ClientTimeoutError) as caught,
    ):
        getattr(client, call)("a@1")
    assert caught.value.may_have_taken_effect
    assert caught.value.attempts == 1
    assert isinstance(caught.value.__cause__, httpx.ReadTimeout)


def test_a_body_that_does_not_decompress_is_a_decode_error(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request(PATH).respond_with_data(b"not gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(exceptions.ResponseDecodeError):
        client.get_docker_container(DOCKER_ID)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_error_pickles_and_copies_with_all_that_it_carries(name: str) -> None:
    kind: type[exceptions.ClientError] = getattr(exceptions, name)
    error = kind(
        422,
        [{"loc": ["body"], "msg": "m"}],
        operation="create_docker_container",
        method="POST",
        url="http://127.0.0.1/containers/docker/",
        headers={"X-Request-ID": "r1"},
        retry_after=7.5,
        attempts=3,
        may_have_taken_effect=True,
    )
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):  # noqa: S301
        assert type(twin) is kind
        assert vars(twin) == vars(error)
        assert (twin.request_id, twin.retry_after, twin.attempts) == ("r1", 7.5, 3)
        assert str(twin) == str(error)
        assert repr(twin) == repr(error)


def test_an_error_needs_nothing_but_its_class() -> None:
    assert str(exceptions.ClientError()) == "The request failed."
    assert str(exceptions.NotFoundError(404, "gone")) == "The request was answered 404 Not Found: gone"
    assert repr(exceptions.HTTPError(418, "tea")) == "HTTPError(status_code=418, detail='tea')"


def test_all_errors_are_found_under_the_platforms_path_too() -> None:
    from synapse_sdk.clients import exceptions as documented

    assert documented.__all__ == exceptions.__all__ == sorted(exceptions.__all__)
    for name in exceptions.__all__:
        assert getattr(documented, name) is getattr(exceptions, name)


def test_the_tree_that_the_module_draws_is_the_tree_of_classes() -> None:
    drawn = [
        (len(line) - len(line.lstrip(" │├└─")), line.lstrip(" │├└─").split()[0])
        for line in (exceptions.__doc__ or "").splitlines()
        if "──" in line
    ]
    parents: dict[int, str] = {}
    tree = {}
    for depth, name in drawn:
        parents[depth] = name
        tree[name] = parents.get(depth - 4, "Exception")
    assert tree == {name: getattr(exceptions, name).__base__.__name__ for name in exceptions.__all__}
