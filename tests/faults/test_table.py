"""The table of faults: every row holds for every client, and nothing that a fault leaves behind shows a secret."""

from __future__ import annotations

import pytest

from tests.faults.faults import FAULTS
from tests.faults.play import check, check_secrets, play
from tests.faults.shells import SHELLS
from tests.faults.table import CALLS, ROWS, Row


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_fault_ends_as_its_row_says_and_shows_no_secret(
    row: Row, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = play(row, SHELLS[shell], monkeypatch)
    check(row, ending)
    check_secrets(ending)


def test_the_table_has_at_least_150_rows_and_none_twice() -> None:
    names = [str(row) for row in ROWS]
    assert len(names) >= 150
    assert len(set(names)) == len(names)


def test_every_fault_stands_in_the_table() -> None:
    assert {row.fault for row in ROWS} == set(FAULTS)


def test_no_row_lets_a_post_or_a_patch_arrive_again_after_it_may_have_taken_effect() -> None:
    for row in ROWS:
        # Whatever was retried before did nothing, so each arrival but the last has its nap or its redirect.
        if CALLS[row.call].method in {"POST", "PATCH"} and row.effect:
            assert row.came <= len(row.naps) + 1 or "307" in row.fault
