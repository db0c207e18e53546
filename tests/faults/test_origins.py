"""Nothing is ever sent to an origin that is not the agent's, whatever the agent says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from synapse_sdk import exceptions
from tests.faults.agent import good, page
from tests.faults.faults import moved
from tests.faults.play import SECRETS
from tests.faults.server import BrokenServer, Step, answer, forever
from tests.faults.shells import SHELLS, Shell
from tests.faults.table import CALLS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def elsewhere() -> Iterator[BrokenServer]:
    """Another origin, which would answer well."""
    with BrokenServer(forever(good())) as server:
        yield server


@pytest.fixture
def agent() -> Iterator[BrokenServer]:
    with BrokenServer() as server:
        yield server


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, agent: BrokenServer) -> Iterator[Shell]:
    naps: list[float] = []
    shell = SHELLS[request.param](agent.url, naps.append, **SECRETS)
    yield shell
    shell.close()


@pytest.mark.parametrize("name", ["get", "post", "patch", "del", "list", "page", "all", "iter", "stop", "logs", "wait"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_second_origin_receives_nothing_as_the_target_of_a_redirect(
    agent: BrokenServer, elsewhere: BrokenServer, shell: Shell, status: int, name: str
) -> None:
    agent.play(forever(moved(status, elsewhere.url)))
    call = CALLS[name]
    with pytest.raises(exceptions.RedirectError, match=f"127.0.0.1:{elsewhere.port}"):
        shell.call(call.name, *call.args, **call.kwargs)
    assert len(agent.requests) == 1
    assert (elsewhere.connections, elsewhere.requests) == (0, [])


def test_a_second_origin_receives_nothing_after_redirects_that_were_followed(
    agent: BrokenServer, elsewhere: BrokenServer, shell: Shell
) -> None:
    agent.play(moved(307), moved(308), moved(307, elsewhere.url))
    with pytest.raises(exceptions.RedirectError):
        shell.call("create_docker_container", "a@1")
    assert len(agent.requests) == 3
    assert elsewhere.connections == 0


@pytest.mark.parametrize("name", ["all", "iter"])
@pytest.mark.parametrize(
    "form", ["{url}/containers/?page=2", "//{host}/containers/?page=2", "{url}?page=2&page_size=2"]
)
def test_a_second_origin_receives_nothing_as_the_host_of_next(
    agent: BrokenServer, elsewhere: BrokenServer, shell: Shell, form: str, name: str
) -> None:
    following = form.format(url=elsewhere.url, host=elsewhere.url.partition("//")[2])
    last: Step = answer(200, page([3], count=3))
    agent.play(answer(200, page([1, 2], following, count=3)), last)
    call = CALLS[name]
    came = shell.call(call.name, *call.args, **call.kwargs)
    assert [row["id"] for row in (came[0] if name == "all" else came)] == [1, 2, 3]
    assert len(agent.requests) == 2
    assert "page=2" in agent.requests[1].target
    assert (elsewhere.connections, elsewhere.requests) == (0, [])
