"""JSON is read as Python's `json` reads it, whatever it is that reads it faster."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from synapse_sdk.clients._json import decode_json, encode_json

modest = settings(max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])

# Half of a surrogate pair, NaN and numbers of any length are JSON to Python.
scalars = st.none() | st.booleans() | st.integers() | st.integers(-(2**70), 2**70) | st.floats() | st.text()
surrogates = st.characters(categories=["Cs"]).map(lambda half: f"a{half}b")
values = st.recursive(
    scalars | surrogates,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def outcome(read: Any, content: bytes) -> str:
    """Return what a reader makes of a text, with the types and the signs of zeros."""
    try:
        return repr(read(content))
    except (ValueError, RecursionError):
        return "no JSON"


@modest
@given(values, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_every_value_is_read_as_json_reads_it(value: Any, ascii_only: bool, encoding: str) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only).encode(encoding, "surrogatepass")
    assert outcome(decode_json, content) == outcome(json.loads, content)


@modest
@given(values.map(lambda value: json.dumps(value).encode()), st.integers(0, 50), st.binary(max_size=3))
def test_every_spoilt_text_is_read_or_refused_as_json_does(content: bytes, at: int, more: bytes) -> None:
    for spoilt in (content[:at] + more + content[at:], content[:at] + content[at + 1 :], more):
        assert outcome(decode_json, spoilt) == outcome(json.loads, spoilt)


@pytest.mark.parametrize(
    "text",
    [
        "18446744073709551616",
        "-9223372036854775809",
        "123456789012345678901234567890",
        "1e400",
        "-1e400",
        "-0",
        "-0.0",
        "0.1000000000000000055511151231257827",
        "NaN",
        "[Infinity, -Infinity]",
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1}, "a": {"c": 2}}',
        r'"\ud800"',
        r'"\ud83d\ude00"',
        r'"\u0000"',
        '"\x7f"',
        '"\x1f"',
        "[1,]",
        "01",
        "+1",
        ".5",
        "'a'",
        "// a\n1",
        "1 2",
        "nul",
        "",
        " \t\r\n[1]\n",
        "\f1",
        "9" * 5_000,
        "[" * 500 + "]" * 500,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_readers_differ_in_is_read_as_json_reads_it(text: str) -> None:
    assert outcome(decode_json, text.encode()) == outcome(json.loads, text.encode())


@pytest.mark.parametrize("content", [b'"\xff"', b'"\xed\xa0\x80"', b"\xef\xbb\xbf1", b'"\xc0\x80"'], ids=repr)
def test_bytes_that_are_no_utf8_are_read_or_refused_as_json_does(content: bytes) -> None:
    assert outcome(decode_json, content) == outcome(json.loads, content)


def test_what_is_nested_without_end_is_refused() -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode_json(b"[" * 200_000)


finite = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()


@modest
@given(st.dictionaries(st.text(), finite | st.lists(finite)))
@example({"a": -0.0, "b": 10**30, "ü": "\u2028"})
def test_what_is_written_is_read_as_it_was(value: dict[str, Any]) -> None:
    assert repr(decode_json(encode_json(value))) == repr(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_json_is_never_written(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_json({"a": value})
