"""Arguments that cannot be right are refused before anything is sent, with an error that names them."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from synapse_sdk import AgentClient

if TYPE_CHECKING:
    from pytest_httpserver import HTTPServer

Make = Callable[[AgentClient], Any]


def docker_id(value: Any) -> list[Make]:
    return [
        lambda client: client.get_docker_container(value),
        lambda client: client.stop_docker_container(value),
        lambda client: client.start_docker_container(value),
        lambda client: client.delete_docker_container(value),
        lambda client: client.get_docker_container_logs(value),
        lambda client: client.wait_for_container(value),
    ]


def record_id(value: Any) -> list[Make]:
    return [
        lambda client: client.get_container(value),
        lambda client: client.update_container(value, status="stopped"),
        lambda client: client.delete_container(value),
    ]


def logs(tail: Any) -> list[Make]:
    return [lambda client: client.get_docker_container_logs("abc", tail=tail)]


def wait(*status: Any, **times: Any) -> list[Make]:
    return [lambda client: client.wait_for_container("abc", *status, **times)]


def create(release: Any = "a@1", **optional: Any) -> list[Make]:
    return [lambda client: client.create_docker_container(release, **optional)]


def listing(params: Any) -> list[Make]:
    return [
        lambda client: client.list_containers(params),
        lambda client: client.list_containers(params, list_all=True),
    ]


circular: dict[str, Any] = {}
circular["self"] = circular

REFUSED: list[tuple[list[Make], type[Exception], str]] = [
    (docker_id(""), ValueError, "container_id must be a Docker container id, not the empty string ''"),
    (docker_id("  "), ValueError, "container_id must be a Docker container id, not white space '  '"),
    (docker_id("."), ValueError, "container_id must be a Docker container id, not '.', which names another path"),
    (docker_id(".."), ValueError, "container_id must be a Docker container id, not '..', which names another path"),
    (docker_id("\ud800"), ValueError, "container_id has a lone surrogate, which UTF-8 cannot hold: '\\ud800'"),
    (docker_id(None), TypeError, "container_id must be a string (a Docker container id), not None"),
    (docker_id(42), TypeError, "container_id must be a string (a Docker container id), not int 42"),
    (docker_id(b"abc"), TypeError, "container_id must be a string (a Docker container id), not bytes b'abc'"),
    (record_id(0), ValueError, "container_id must be at least 1, not 0"),
    (record_id(-1), ValueError, "container_id must be at least 1, not -1"),
    (record_id(True), TypeError, "container_id must be an int (the number of a record), not bool True"),
    (record_id("42"), TypeError, "container_id must be an int (the number of a record), not str '42'"),
    (record_id(1.0), TypeError, "container_id must be an int (the number of a record), not float 1.0"),
    (record_id(None), TypeError, "container_id must be an int (the number of a record), not None"),
    (logs(-1), ValueError, "tail must be at least 0, not -1"),
    (logs(1.0), TypeError, "tail must be an int (how many lines), not float 1.0"),
    (logs(True), TypeError, "tail must be an int (how many lines), not bool True"),
    (logs("9"), TypeError, "tail must be an int (how many lines), not str '9'"),
    (wait(""), ValueError, "status must be a status such as 'running', not the empty string ''"),
    (wait(" "), ValueError, "status must be a status such as 'running', not white space ' '"),
    (wait(None), TypeError, "status must be a string (a status such as 'running'), not None"),
    (wait(timeout=0), ValueError, "timeout must be a number of seconds above 0 and not endless, not 0"),
    (wait(timeout=-1), ValueError, "timeout must be a number of seconds above 0 and not endless, not -1"),
    (wait(timeout=float("nan")), ValueError, "timeout must be a number of seconds above 0 and not endless, not nan"),
    (wait(timeout=float("inf")), ValueError, "timeout must be a number of seconds above 0 and not endless, not inf"),
    (wait(timeout=None), TypeError, "timeout must be a number of seconds, not NoneType"),
    (wait(poll_interval=0), ValueError, "poll_interval must be a number of seconds above 0 and not endless, not 0"),
    (wait(poll_interval=-0.5), ValueError, "poll_interval must be a number of seconds above 0 and not endless"),
    (wait(poll_interval=True), TypeError, "poll_interval must be a number of seconds, not bool"),
    (create(""), ValueError, "plugin_release must be a plugin release such as 'code@version', not the empty string ''"),
    (create(None), TypeError, "plugin_release must be a string (a plugin release such as 'code@version'), not None"),
    (create(params=[1]), TypeError, "params must be a dictionary, not list [1]"),
    (create(params={1: 2}), TypeError, "params must have strings as keys, not int 1"),
    (create(params={"a": [{"b": float("nan")}]}), ValueError, "params['a'][0]['b'] is nan, which JSON cannot hold"),
    (create(params={"a": float("-inf")}), ValueError, "params['a'] is -inf, which JSON cannot hold"),
    (create(params={"a": {1, 2}}), TypeError, "params['a'] is of type set, which JSON cannot hold"),
    (create(params={"a": {2: 1}}), TypeError, "params['a'] must have strings as keys, not int 2"),
    (
        create(params={"a": "\udfff"}),
        ValueError,
        "params['a'] has a lone surrogate, which UTF-8 cannot hold: '\\udfff'",
    ),
    (create(params={"\udfff": 1}), ValueError, "a key of params has a lone surrogate"),
    (create(params=circular), ValueError, "params is nested too deeply for JSON, or contains itself"),
    (create(metadata="x"), TypeError, "metadata must be a dictionary, not str 'x'"),
    (create(metadata={"when": object}), TypeError, "metadata['when'] is of type type, which JSON cannot hold"),
    (create(envs=["A=1"]), TypeError, "envs must be a dictionary of strings, not list ['A=1']"),
    (create(envs={"WORKERS": 4}), TypeError, "envs['WORKERS'] must be a string, not of type int"),
    (create(envs={4: "x"}), TypeError, "envs must have strings as keys, not int 4"),
    (create(envs={"A": "\ud800"}), ValueError, "envs['A'] has a lone surrogate, which UTF-8 cannot hold"),
    (create(labels="production"), TypeError, "labels must be a list of strings, not str 'production'"),
    (create(labels={"a"}), TypeError, "labels must be a list of strings, not set {'a'}"),
    (create(labels=["a", 1]), TypeError, "labels[1] must be a string, not int 1"),
    (listing("status=running"), TypeError, "params must be a dictionary of filters, not str 'status=running'"),
    (listing({1: "a"}), TypeError, "params must have strings as keys, not int 1"),
    (listing({"a": {"b": 1}}), TypeError, "params['a'] must be a string, a number, a bool or a list of them, not dict"),
    (listing({"a": "\ud800"}), ValueError, "params['a'] has a lone surrogate"),
    ([lambda client: client.update_container(42, "")], ValueError, "status must be a status such as 'stopped'"),
    ([lambda client: client.update_container(42, None)], TypeError, "status must be a string"),  # type: ignore[arg-type]
    (
        [lambda client: client.list_containers({"page": 2}, list_all=True)],
        ValueError,
        "params must not name a page where all pages are fetched",
    ),
]


@pytest.mark.parametrize(("makes", "kind", "text"), REFUSED, ids=[text[:60] for _, _, text in REFUSED])
def test_an_argument_that_cannot_be_right_is_refused_by_name_and_nothing_is_sent(
    server: HTTPServer, client: AgentClient, makes: list[Make], kind: type[Exception], text: str
) -> None:
    for make in makes:
        with pytest.raises(kind) as caught:
            make(client)
        assert type(caught.value) is kind
        assert str(caught.value).startswith(text)
    assert server.log == []


def test_no_error_shows_the_value_of_an_environment_variable(client: AgentClient) -> None:
    for value in (b"hunter2", "hunter2\ud800", ["hunter2"]):
        with pytest.raises((TypeError, ValueError)) as caught:
            client.create_docker_container("a@1", envs={"PASSWORD": value})  # type: ignore[dict-item]
        assert "PASSWORD" in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_a_long_value_is_shown_shortened(client: AgentClient) -> None:
    with pytest.raises(TypeError) as caught:
        client.create_docker_container("a@1", labels="x" * 100_000)
    assert len(str(caught.value)) < 200


def test_tuples_mappings_and_nested_values_are_sent_as_the_json_that_they_are(
    server: HTTPServer, client: AgentClient
) -> None:
    server.expect_request("/containers/docker/", method="POST").respond_with_json({"id": "x"})
    client.create_docker_container(
        "a@1",
        params=MappingProxyType({"a": (1, 2.5, None, True, {"é": "\u2028"}), "big": 2**70}),
        envs=MappingProxyType({"A": ""}),
        labels=("one", "two"),
    )
    [(request, _)] = server.log
    assert request.get_json() == {
        "plugin_release": "a@1",
        "params": {"a": [1, 2.5, None, True, {"é": "\u2028"}], "big": 2**70},
        "envs": {"A": ""},
        "labels": ["one", "two"],
    }
    assert "é".encode() in request.get_data()


def test_what_a_caller_passes_is_left_as_it_was(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/docker/", method="POST").respond_with_json({"id": "x"})
    server.expect_request("/containers/").respond_with_json({"results": [], "next": None})
    params: dict[str, Any] = {"a": {"b": [1]}}
    filters = {"status": "running", "page_size": 5}
    client.create_docker_container("a@1", params=params, metadata=params)
    client.list_containers(filters, list_all=True)
    assert params == {"a": {"b": [1]}}
    assert filters == {"status": "running", "page_size": 5}


def test_filters_are_sent_as_text_numbers_booleans_and_repeated_names(server: HTTPServer, client: AgentClient) -> None:
    server.expect_request("/containers/").respond_with_json({"results": []})
    client.list_containers({"host_port": 4000, "label": ["a", "b c"], "own": True, "ratio": 0.5, "none": None})
    [(request, _)] = server.log
    assert request.query_string == b"host_port=4000&label=a&label=b+c&own=true&ratio=0.5"


def test_the_optional_arguments_of_create_are_keyword_only(client: AgentClient) -> None:
    with pytest.raises(TypeError):
        client.create_docker_container("a@1", {"format": "pdf"})  # type: ignore[call-arg]
