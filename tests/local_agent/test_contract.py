"""What the agent makes of its contract, without a server."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synapse_sdk.contract import contract_path
from synapse_sdk.local_agent import jsontext
from synapse_sdk.local_agent.app import App, bind
from synapse_sdk.local_agent.contract import Call, Contract, ContractError, Operation, RawRequest
from synapse_sdk.local_agent.errors import InvalidError, NotFoundError, field_error
from synapse_sdk.local_agent.handlers import Handlers, page_url

JSON = "application/json"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.load(contract_path())


def document() -> Any:
    return yaml.safe_load(contract_path().read_text())


def operation(contract: Contract, name: str) -> Operation:
    return next(each for each in contract.operations if each.id == name)


def refused(contract: Contract, name: str, **raw: Any) -> list[tuple[str, list[Any]]]:
    with pytest.raises(InvalidError) as caught:
        contract.check_request(operation(contract, name), RawRequest(**{"path": {}, **raw}))
    return [(error["type"], error["loc"]) for error in caught.value.detail if isinstance(error, dict)]


def create(contract: Contract, body: bytes, content_type: str = JSON) -> list[tuple[str, list[Any]]]:
    return refused(contract, "create_docker_container", body=body, content_type=content_type)


def test_every_operation_of_the_contract_has_a_handler(contract: Contract) -> None:
    assert len(contract.operations) == 12
    for each in contract.operations:
        assert callable(getattr(Handlers, each.id))


def test_a_missing_handler_is_named(contract: Contract) -> None:
    class Few:
        def get_container(self, _: Call) -> None: ...

        update_container = None

    with pytest.raises(ContractError, match=r"without a handler: list_docker_containers, .*update_container\.$"):
        App(contract, Few(), token=None)
    with pytest.raises(ContractError) as caught:
        bind(contract.operations, Few())
    assert " get_container" not in str(caught.value)


def test_the_statuses_of_success_are_the_contracts(contract: Contract) -> None:
    found = {each.id: each.success for each in contract.operations}
    assert found["create_docker_container"] == 201
    assert found["delete_container"] == 204
    assert found["get_container"] == 200
    assert found["stop_docker_container"] == found["start_docker_container"] == 200
    assert {each.media_type for each in contract.operations} == {JSON, "text/plain", None}


@pytest.mark.parametrize(
    ("value", "why"),
    [("abc", "not of the type"), ("0", "minimum of 1"), ("1_0", "type"), (" 1", "type"), ("1.0", "type")],
)
def test_a_path_that_is_not_as_the_contract_says_names_nothing(contract: Contract, value: str, why: str) -> None:
    with pytest.raises(NotFoundError, match=why):
        contract.check_request(operation(contract, "get_container"), RawRequest({"container_id": value}))


def test_the_values_of_a_request_are_of_the_contracts_types(contract: Contract) -> None:
    pairs = [("page", "2"), ("status", "2"), ("label", "x"), ("label", "y"), ("filters", "a=1"), ("page[]", "3")]
    call = contract.check_request(operation(contract, "list_containers"), RawRequest({}, query=pairs))
    assert call.query == {"page": 2, "status": "2"}
    assert call.filters == [("label", "x"), ("label", "y"), ("filters", "a=1"), ("page[]", "3")]


def test_wrong_query_parameters_are_each_named(contract: Contract) -> None:
    pairs = [("page", "0"), ("page_size", "x"), ("status", ""), ("plugin_release", "a"), ("plugin_release", "b")]
    assert refused(contract, "list_containers", query=pairs) == [
        ("repeated", ["query", "plugin_release"]),
        ("empty", ["query", "status"]),
        ("minimum", ["query", "page"]),
        ("type", ["query", "page_size"]),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", [("missing", ["body"])]),
        (b"{}", [("missing", ["body", "plugin_release"])]),
        (b"[]", [("type", ["body"])]),
        (b'{"plugin_release": 1}', [("type", ["body", "plugin_release"])]),
        (b'{"plugin_release": "a"}', [("pattern", ["body", "plugin_release"])]),
        (b'{"plugin_release": "../a@1"}', [("pattern", ["body", "plugin_release"])]),
        (b'{"plugin_release": "a@1", "x": 1}', [("unknown_field", ["body", "x"])]),
        (b'{"plugin_release": "a@1", "envs": {"A": 1}}', [("type", ["body", "envs", "A"])]),
        (b'{"plugin_release": "a@1", "labels": ["a", null]}', [("type", ["body", "labels", 1])]),
        (b'{"plugin_release": "a@1", "labels": "a"}', [("type", ["body", "labels"])]),
    ],
)
def test_wrong_fields_of_a_body_are_each_named(contract: Contract, body: bytes, expected: list[Any]) -> None:
    assert create(contract, body) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"params": {"a": NaN}}',
        b'{"params": {"a": -Infinity}}',
        b'{"params": {"a": 1e999}}',
        b'{"params": {"a": "\\ud800"}}',
        b'{"params": {"\\udfff": 1}}',
        b'{"params": {"a": 1' + b"0" * 5000 + b"}}",
        b"[" * 200_000,
        b'{"params": {"a": ' + b"[" * 150 + b"]" * 150 + b"}}",
    ],
    ids=range(11),
)
def test_what_is_not_json_is_refused(contract: Contract, body: bytes) -> None:
    assert create(contract, body) == [("json_invalid", ["body"])]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"params": {"a": [{"b": "\0"}]}}, ["params", "a", 0, "b"]),
        ({"params": {"a\0": 1}}, ["params", "a\0"]),
        ({"metadata": {"a": "x\0"}}, ["metadata", "a"]),
        ({"labels": ["a", "\0"]}, ["labels", 1]),
        ({"envs": {"A": "\0"}}, ["envs", "A"]),
        ({"envs": {"A\0B": ""}}, ["envs", "A\0B"]),
    ],
)
def test_a_nul_character_is_refused_in_every_text_of_a_body(
    contract: Contract, fields: dict[str, Any], expected: list[Any]
) -> None:
    body = json.dumps({"plugin_release": "a@1", **fields}).encode()
    assert create(contract, body) == [("nul", ["body", *expected])]


def test_every_text_with_a_nul_character_is_named(contract: Contract) -> None:
    body = rb'{"plugin_release": "a@1", "labels": ["\u0000", "\\u0000"], "metadata": {"\u0000": "\u0000"}}'
    labels, metadata = ("nul", ["body", "labels", 0]), ("nul", ["body", "metadata", "\0"])
    assert create(contract, body) == [labels, metadata, metadata]
    update = refused(contract, "update_container", path={"container_id": "1"}, content_type=JSON, body=body)
    assert ("unknown_field", ["body", "labels"]) in update
    status = rb'{"status": "a\u0000"}'
    update = refused(contract, "update_container", path={"container_id": "1"}, content_type=JSON, body=status)
    assert update == [("nul", ["body", "status"])]


def test_a_nul_character_is_refused_in_a_query(contract: Contract) -> None:
    pairs = [("status", "\0"), ("label", "a\0"), ("\0", "x"), ("label", "fine")]
    expected = [("nul", ["query", name]) for name in ("status", "label", "\0")]
    assert refused(contract, "list_containers", query=pairs) == expected


def test_an_escape_that_is_no_nul_character_is_let_in(contract: Contract) -> None:
    raw = RawRequest({}, content_type=JSON, body=rb'{"plugin_release": "a@1", "labels": ["\\u0000"]}')
    call = contract.check_request(operation(contract, "create_docker_container"), raw)
    assert call.body["labels"] == [r"\u0000"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "json", "*/*", ";"])
def test_another_content_type_is_refused(contract: Contract, content_type: str) -> None:
    assert create(contract, b"{}", content_type) == [("content_type", ["body"])]


@pytest.mark.parametrize("content_type", [JSON, "Application/JSON", f"{JSON};charset=utf-8", f"{JSON} ; charset"])
def test_a_json_content_type_may_have_parameters(contract: Contract, content_type: str) -> None:
    raw = RawRequest({}, content_type=content_type, body=b'{"plugin_release": "a@1", "params": {"a": [null]}}')
    call = contract.check_request(operation(contract, "create_docker_container"), raw)
    assert call.body == {"plugin_release": "a@1", "params": {"a": [None]}}


def test_a_body_that_the_operation_does_not_take_is_not_looked_at(contract: Contract) -> None:
    raw = RawRequest({"container_id": "1"}, content_type="x", body=b"{")
    assert contract.check_request(operation(contract, "delete_container"), raw).body is None


def test_a_long_value_is_not_sent_back() -> None:
    error = field_error("type", ["body"], "m" * 1000, "v" * 2000)
    assert (len(error["msg"]), error["input"]) == (501, None)
    assert field_error("type", ["body"], "m", "v")["input"] == "v"


def test_json_is_written_whatever_the_text() -> None:
    assert json.loads(jsontext.render({"a": "\ud800é\0"})) == {"a": "\ud800é\0"}


def test_answers_are_checked(contract: Contract) -> None:
    get = operation(contract, "get_container")
    right = b'{"id": 1, "plugin_release": "a@1", "status": "new", "extra": null}'
    assert contract.response_errors(get, 200, {"content-type": JSON}, right) == []
    (wrong,) = contract.response_errors(get, 200, {"content-type": JSON}, b'{"id": 1, "status": "new"}')
    assert wrong.startswith("get_container answered 200: ")
    assert "'plugin_release' is a required property" in wrong
    (missing,) = contract.response_errors(get, 200, {"content-type": JSON}, b"")
    assert "Missing response data" in missing
    assert contract.response_errors(operation(contract, "delete_container"), 204, {}, b"") == []
    logs = operation(contract, "get_docker_container_logs")
    assert contract.response_errors(logs, 200, {"content-type": "text/plain; charset=utf-8"}, b"") == []
    assert contract.response_errors(logs, 200, {"content-type": "text/plain; charset=utf-8"}, b"ready\n") == []
    assert contract.response_errors(logs, 200, {"content-type": "text/html"}, b"ready\n") != []


def changed(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ["{", "[]", "paths: []", "a: 1"])
def test_a_file_that_is_no_contract_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ContractError, match=r"cannot be read|is not an OpenAPI document"):
        Contract.load(changed(tmp_path, text))


def test_a_contract_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="cannot be read"):
        Contract.load(tmp_path / "none.yaml")


def test_a_contract_that_cannot_be_served_is_refused() -> None:
    nameless = document()
    del nameless["paths"]["/containers/"]["get"]["operationId"]
    with pytest.raises(ContractError, match=r"GET /containers/ has no operationId\."):
        Contract(nameless)
    ambiguous = document()
    ambiguous["paths"]["/containers/"]["get"]["responses"]["206"] = {"description": "Some."}
    with pytest.raises(ContractError, match="list_containers must have exactly one response of success"):
        Contract(ambiguous)
    with pytest.raises(ContractError, match="no operations"):
        Contract({**document(), "paths": {}})


@pytest.mark.parametrize(
    ("pairs", "number", "expected"),
    [
        ([], 2, "http://a/c/?page=2"),
        ([("page", "2")], 1, "http://a/c/"),
        ([("page", "2"), ("label", "é &"), ("label", "b")], 3, "http://a/c/?label=%C3%A9+%26&label=b&page=3"),
        ([("page_size", "5"), ("page", "3")], 2, "http://a/c/?page_size=5&page=2"),
    ],
)
def test_the_url_of_another_page_keeps_the_filters(pairs: list[tuple[str, str]], number: int, expected: str) -> None:
    assert page_url(Call({}, {}, [], None, "http://a/c/", pairs), number) == expected
