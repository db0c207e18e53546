"""Plays a row of the table against a client, and tells how it ended."""

from __future__ import annotations

import logging
import pickle
import socket
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
from attrs import frozen

from synapse_sdk.exceptions import ClientConnectionError, ClientError, ClientTimeoutError, NotFoundError
from tests.faults.agent import container, good
from tests.faults.faults import FAULTS, Fault
from tests.faults.leaks import everything_logged, find_in_error, find_in_records
from tests.faults.server import BrokenServer, Seen, forever
from tests.faults.table import CALLS, MOST, Call, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.faults.shells import Shell

TOKEN = "agent-s3cret-8c1f"
SECRETS = {"access_token": TOKEN, "user_token": "user-s3cret-27ab", "tenant": "tenant-s3cret-90de"}

# More than any text that a person reads.
_LONGEST_TEXT = 10_000


@frozen
class Ending:
    """How a call ended.

    Attributes:
        value: What it returned.
        error: What it raised.
        seconds: How long it took.
        naps: What was waited between its attempts.
        requests: The requests that arrived.
        connections: How many connections were made.
        elsewhere: How many connections another server saw.
        records: What was logged meanwhile.
    """

    value: Any
    error: Exception | None
    seconds: float
    naps: list[float]
    requests: list[Seen]
    connections: int
    elsewhere: int
    records: list[logging.LogRecord]


def play(row: Row, kind: type[Shell], monkeypatch: pytest.MonkeyPatch) -> Ending:
    """Play a row against a client of a kind, which must be fit for another call afterwards."""
    fault = FAULTS[row.fault]
    call = CALLS[row.call]
    naps: list[float] = []
    with ExitStack() as stack:
        elsewhere = stack.enter_context(BrokenServer())
        server = stack.enter_context(BrokenServer(*fault.script(elsewhere.url), **fault.server))

        def nap(seconds: float) -> None:
            naps.append(seconds)
            if fault.wakes:
                server.listen()

        url = server.url
        if fault.unresolved:
            url = f"https://agent.invalid:{server.port}"
            monkeypatch.setattr(socket, "getaddrinfo", _no_address)
        shell = kind(url, nap, **SECRETS, **_options(row, fault))
        stack.callback(shell.close)
        if fault.before is not None:
            _go_before(shell, server, CALLS[fault.before], closes=row.fault.startswith("stale"))
        with _holder(shell, server) if fault.busy else ExitStack():
            asked = len(server.requests)
            with everything_logged() as records:
                begun = time.monotonic()
                value, error = _outcome(shell, call)
                seconds = time.monotonic() - begun
            if isinstance(error, ClientTimeoutError):
                # Where the client did not wait for the server, the server may still have to read what was sent.
                server.wait_for_requests(asked + row.came)
            requests = server.requests[asked:]
            waited = naps[:]
            connections = server.connections
            server.release()
        if not fault.unresolved:
            server.play(forever(good()))
            server.listen()
            assert shell.patiently("get_docker_container", "afterwards") == container("afterwards")
        return Ending(value, error, seconds, waited, requests, connections, elsewhere.connections, records)


def check(row: Row, ending: Ending) -> None:
    """Compare how a call ended with what its row says."""
    if row.error is None:
        if ending.error is not None:
            raise ending.error
        assert ending.value == _answer(row)
    else:
        assert ending.error is not None, f"{ending.value!r} came, not an error"
        assert type(ending.error) is row.error, f"{ending.error!r}: {ending.error}"
        assert isinstance(ending.error, ClientError)
        _check_error(row, ending.error)
    assert len(ending.requests) == row.came
    assert ending.naps == row.naps
    assert row.connections in {None, ending.connections}
    assert row.least <= ending.seconds < MOST
    told = [one for one in ending.records if one.name == "synapse_sdk" and one.levelno == logging.WARNING]
    if row.tries is None:
        # A retry without a nap is told, too.
        assert len(told) >= len(row.naps)
    else:
        assert len(told) == row.tries - 1


def check_secrets(ending: Ending) -> None:
    """Find no secret in what a call left behind, and no request anywhere but at the agent."""
    assert all(seen.headers["authorization"] == TOKEN for seen in ending.requests)
    assert ending.elsewhere == 0
    assert ending.records, "nothing was logged: the search for secrets looked at nothing"
    assert find_in_records(ending.records, SECRETS.values()) == []
    if ending.error is not None:
        assert find_in_error(ending.error, SECRETS.values()) == []


def _check_error(row: Row, error: ClientError) -> None:
    call = CALLS[row.call]
    text = str(error)
    assert error.status_code == row.status
    assert error.attempts == row.tries
    if row.effect is not None:
        assert error.may_have_taken_effect is row.effect
    assert ("may have taken effect" in text) is error.may_have_taken_effect
    assert (error.operation, error.method) == (call.operation, call.method)
    assert error.url is not None
    assert error.url.startswith(("http://127.0.0.1:", "https://agent.invalid:"))
    for name, value in row.attributes.items():
        assert getattr(error, name) == value
    assert row.text in text
    assert row.hides is None or row.hides not in text
    assert len(text) < _LONGEST_TEXT
    if isinstance(error, ClientConnectionError | ClientTimeoutError):
        assert error.__cause__ is not None
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(copy), vars(copy), str(copy)) == (type(error), vars(error), text)


def _answer(row: Row) -> Any:
    if row.rows is None:
        return CALLS[row.call].answer
    records = [{"id": number, "plugin_release": "a@1", "status": "running"} for number in row.rows]
    return (records, len(records)) if row.call == "all" else records


def _options(row: Row, fault: Fault) -> dict[str, Any]:
    """Return a client's options from what a row gives."""
    given: dict[str, Any] = dict(row.given)
    options: dict[str, Any] = {}
    if "create" in given:
        options["create_timeout"] = given.pop("create")
    if "deadline" in given:
        options["deadline"] = given.pop("deadline")
    if "retries" in given:
        options["retries"] = int(given.pop("retries"))
    if given:
        options["timeout"] = given
    if fault.busy:
        options["limits"] = httpx.Limits(max_connections=1)
    return options


def _outcome(shell: Shell, call: Call) -> tuple[Any, Exception | None]:
    try:
        return shell.call(call.name, *call.args, **call.kwargs), None
    # Whatever it is: an error of another library is what the table must find.
    except Exception as error:  # noqa: BLE001
        return None, error


def _go_before(shell: Shell, server: BrokenServer, call: Call, *, closes: bool) -> None:
    """Make the call that leaves its connection behind."""
    try:
        assert shell.patiently(call.name, *call.args, **call.kwargs) == call.answer
    except NotFoundError:
        assert call.gone
    # What was sent beyond the answer has come, too.
    server.wait_for_steps(1)
    if closes:
        server.wait_for_idle_close()


@contextmanager
def _holder(shell: Shell, server: BrokenServer) -> Iterator[None]:
    """Have another call hold a connection, whose answer comes when the server is told to release."""
    came: list[Any] = []

    def hold() -> None:
        came.append(shell.patiently("get_docker_container", "holder"))

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        server.wait_for_requests(1)
        yield
    finally:
        server.release()
        thread.join()
    assert came == [container("holder")]


def _no_address(*_args: object, **_kwargs: object) -> None:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
