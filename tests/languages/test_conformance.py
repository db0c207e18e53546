"""The conformance scenario's page, and what is made of a program's run."""

from __future__ import annotations

import pytest

from clients.conformance import checks, judge

GOOD = "ok one\nok two\nconformance: 2 passed, 0 failed\n"


def test_the_page_has_its_checks_in_order_and_each_once() -> None:
    assert checks()[:3] == ["no token", "wrong token", "list"]
    assert len(checks()) == len(set(checks())) == 21


def test_a_program_that_makes_every_check_passes() -> None:
    result = judge(f"something else\n{GOOD}", 0, ["one", "two"])
    assert (result.passed, result.faults) == (2, ())


def test_a_check_that_fails_is_told() -> None:
    result = judge("ok one\nFAILED two: it was 3\nconformance: 1 passed, 1 failed\n", 1, ["one", "two"])
    assert (result.passed, result.faults) == (1, ("FAILED two: it was 3",))


@pytest.mark.parametrize(
    ("printed", "code", "fault"),
    [
        ("ok one\nconformance: 1 passed, 0 failed\n", 0, "not made: two"),
        ("ok one\nok three\nconformance: 2 passed, 0 failed\n", 0, "not in the scenario: three"),
        ("ok one\nok one\nok two\nconformance: 3 passed, 0 failed\n", 0, "made twice: one"),
        ("ok two\nok one\nconformance: 2 passed, 0 failed\n", 0, "not in the scenario's order"),
        ("ok one\nok two\n", 0, "the last line is not 'conformance: 2 passed, 0 failed'"),
        (
            "ok one\nok two\nconformance: 3 passed, 0 failed\n",
            0,
            "the last line is not 'conformance: 2 passed, 0 failed'",
        ),
        (GOOD, 1, "the exit code is 1"),
        ("ok one\nFAILED two: no\nconformance: 1 passed, 1 failed\n", 0, "the exit code is 0"),
        ("", 0, "not made: one"),
    ],
)
def test_a_program_that_claims_what_it_did_not_do_fails(printed: str, code: int, fault: str) -> None:
    assert fault in judge(printed, code, ["one", "two"]).faults
