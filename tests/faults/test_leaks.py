"""The search for secrets finds what it looks for."""

from __future__ import annotations

import logging
from functools import partial
from types import SimpleNamespace

import httpx
import pytest

from tests.faults.leaks import everything_logged, find_in_error, find_in_object, find_in_records

SECRET = "s3cret"


class Slotted:
    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = bytearray(b"my s3cret")

    def method(self) -> None:
        pass


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        SECRET.encode(),
        f"Token {SECRET}!",
        {SECRET: 1},
        [{"a": ({SECRET},)}],
        SimpleNamespace(a=SimpleNamespace(b=SECRET)),
        Slotted(),
        Slotted().method,
        partial(print, end=SECRET),
        httpx.Request("GET", "http://127.0.0.1", headers={"Authorization": SECRET}),
        httpx.Response(200, headers={"X": SECRET}),
        ValueError("x", SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_secret_is_found_however_deep_it_lies(value: object) -> None:
    assert find_in_object([value], [SECRET], "it") != []
    assert find_in_object([value], ["another"], "it") == []


def test_a_secret_is_found_in_an_errors_causes_contexts_and_notes() -> None:
    for link in ("__cause__", "__context__"):
        error = ValueError("outer")
        setattr(error, link, KeyError(SECRET))
        assert find_in_error(error, [SECRET]) != []
    noted = ValueError("outer")
    noted.add_note(SECRET)
    assert find_in_error(noted, [SECRET]) != []
    assert find_in_error(ValueError("outer"), [SECRET]) == []


def test_a_secret_is_found_in_what_any_logger_logs_at_any_level() -> None:
    quiet = logging.getLogger("tests.faults.quiet")
    quiet.setLevel(logging.CRITICAL)
    quiet.propagate = False
    with everything_logged() as records:
        quiet.debug("a %s", SECRET)
        quiet.debug("b", extra={"more": [SECRET]})
        quiet.debug("c")
    assert [len(find_in_records([record], [SECRET])) > 0 for record in records] == [True, True, False]
    assert (quiet.level, quiet.propagate) == (logging.CRITICAL, False)


def test_a_cycle_ends_the_search() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    assert find_in_object(cycle, [SECRET], "it") == []
