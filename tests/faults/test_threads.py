"""One client in many threads."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.faults.agent import container, good, record
from tests.faults.server import BrokenServer, forever
from tests.faults.shells import SHELLS

if TYPE_CHECKING:
    from tests.faults.shells import Shell

THREADS = 16
CALLS = 500


def call_often(shell: Shell, start: threading.Barrier, thread: int) -> None:
    """Make calls each of which can only be answered by its own answer."""
    start.wait()
    for number in range(thread * CALLS, (thread + 1) * CALLS):
        match number % 4:
            case 0:
                assert shell.call("get_container", number + 1) == record(number + 1)
            case 1:
                made = shell.call("create_docker_container", f"a@{number}")
                assert made == {**container(), "plugin_release": f"a@{number}"}
            case 2:
                assert shell.call("update_container", number, status=f"s{number}") == record(number, f"s{number}")
            case _:
                assert shell.call("get_docker_container", f"id{number}") == container(f"id{number}")


# A machine that is busy needs minutes for so many calls.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", SHELLS)
def test_many_threads_get_each_its_own_answers_without_an_error_or_a_warning(kind: str) -> None:
    naps: list[float] = []
    with BrokenServer(forever(good())) as server, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        shell = SHELLS[kind](server.url, naps.append, timeout=60)
        start = threading.Barrier(THREADS)
        with ThreadPoolExecutor(THREADS) as pool:
            ended = [pool.submit(call_often, shell, start, thread) for thread in range(THREADS)]
        shell.close()
        for one in ended:
            one.result()
        came = Counter(
            seen.target if seen.method != "POST" else seen.json()["plugin_release"] for seen in server.requests
        )
    assert len(came) == THREADS * CALLS
    assert set(came.values()) == {1}
    # They are used again; one that nobody needed for some seconds is given up, and made anew.
    assert server.connections < 10 * THREADS
    assert naps == []
    assert [str(warning.message) for warning in warned] == []
