"""The agent's own application, which keeps what it was asked, and fails when a test wants it to."""

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, unquote

from attrs import evolve, frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from synapse_sdk.local_agent import jsontext
from synapse_sdk.local_agent.app import App, Handler
from synapse_sdk.local_agent.contract import JSON, Call, Contract, Operation, RawRequest
from synapse_sdk.local_agent.errors import AgentError, UnavailableError

_LONGEST_ANSWER = 5.0


@frozen
class SeenRequest:
    """A request that an agent was sent.

    Attributes:
        operation: The contract's name of the operation, or None where the contract has none of that path and method.
        method: The HTTP method, in capitals.
        path: The path, as it was sent.
        path_parameters: The values that the path holds, as texts, such as `{"container_id": "42"}`.
        query: The query's names and values; of a name that comes more than once, the last value.
        body: The body, decoded: a JSON value, a text where it is no JSON, or None where there is none, or none was read
            because the request was refused before.
        status: The status of the answer, or None while there is none.
    """

    operation: str | None
    method: str
    path: str
    path_parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    status: int | None = None


class ScriptedError(AgentError):
    """A failure that a test asked for.

    Args:
        status: The status to answer with.
        detail: What the answer says.
        headers: Headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str]) -> None:
        super().__init__(detail, headers)
        self.status = status


class ScriptedApp(App):
    """An ASGI application that serves a contract and keeps what it was asked. Answers are held against the contract.

    Args:
        contract: The contract.
        handlers: An object with a method for each operation, of the operation's name.
        token: What `Authorization` must be.

    Attributes:
        lock: Is held while a request is carried out: they are, one after the other.
    """

    def __init__(self, contract: Contract, handlers: object, *, token: str) -> None:
        super().__init__(contract, handlers, token=token, validate_responses=True)
        self.lock = threading.Lock()
        self._handlers = {name: partial(self._carry_out, name, handler) for name, handler in self._handlers.items()}
        self._operations = {operation.id: operation for operation in contract.operations}
        self._changed = threading.Condition()
        self._numbers = count()
        self._seen: dict[int, SeenRequest] = {}
        self._unanswered: set[int] = set()
        self._retired: set[bytes] = set()
        self._failures: defaultdict[str, deque[ScriptedError]] = defaultdict(deque)

    @property
    def requests(self) -> list[SeenRequest]:
        """What was asked, in the order in which it came."""
        with self._changed:
            return list(self._seen.values())

    def call(self, operation: str, body: object) -> Call:
        """Return a request of an operation as it would come with this body.

        Raises:
            InvalidError: If it is not as the contract says.
            TypeError: If the body cannot be written as JSON.
            ValueError: Likewise.
        """
        raw = RawRequest(path={}, content_type=JSON, body=jsontext.render(body))
        return self._contract.check_request(self._operations[operation], raw)

    def fail_next(self, operation: str, failure: ScriptedError, times: int) -> None:
        """Answer the next requests of an operation with a failure.

        Raises:
            ValueError: If the contract has no such operation.
        """
        if operation not in self._operations:
            raise ValueError(f"There is no operation {operation!r}. There is {', '.join(sorted(self._operations))}.")
        with self.lock:
            self._failures[operation].extend([failure] * times)

    def forget(self, *, token: str | None = None) -> None:
        """Wait for requests that are being answered, then forget all requests and failures.

        Args:
            token: What `Authorization` must be from now on. A request with the former token is refused, and not kept.
        """
        with self._changed:
            if token is not None and self._token is not None:
                self._retired.add(self._token)
                self._token = token.encode()
            # One whose body does not come to its end is refused if it ever does.
            self._changed.wait_for(lambda: not self._unanswered, timeout=_LONGEST_ANSWER)
            self._seen.clear()
        with self.lock:
            self._failures.clear()

    async def answer(self, request: Request, operations: Mapping[str, Operation]) -> Response:
        """Return the answer to a request for a path that has these operations."""
        number = self._arrived(request, operations.get(request.method))
        if number is None:
            return await super().answer(request, operations)
        body = bytearray()

        async def receive() -> Message:
            message = await request.receive()
            body.extend(message.get("body", b""))
            with self._changed:
                if number not in self._seen:
                    raise UnavailableError("The agent was reset meanwhile.")
            return message

        status = None
        try:
            response = await super().answer(Request(request.scope, receive), operations)
            status = response.status_code
        finally:
            self._answered(number, bytes(body), status)
        return response

    def _arrived(self, request: Request, operation: Operation | None) -> int | None:
        """Keep a request, and return its number, or None for one that is of no interest any more."""
        seen = SeenRequest(
            operation.id if operation else None,
            request.method,
            request.scope["path"],
            {name: unquote(value) for name, value in request.path_params.items()},
            dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        )
        with self._changed:
            if request.headers.get("authorization", "").encode("latin-1") in self._retired:
                return None
            number = next(self._numbers)
            self._seen[number] = seen
            self._unanswered.add(number)
            return number

    def _answered(self, number: int, body: bytes, status: int | None) -> None:
        with self._changed:
            if number in self._seen:
                self._seen[number] = evolve(self._seen[number], body=_decoded(body), status=status)
            self._unanswered.discard(number)
            self._changed.notify_all()

    def _carry_out(self, operation: str, handler: Handler, call: Call) -> Any:
        with self.lock:
            if failures := self._failures[operation]:
                raise failures.popleft()
            return handler(call)


def _decoded(body: bytes) -> Any:
    if not body:
        return None
    try:
        return jsontext.parse(body)
    except ValueError:
        return body.decode(errors="replace")
