"""The HTTP application: a route for each path of the contract, a handler for each of its operations."""

import hmac
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import anyio.to_thread
from anyio import CapacityLimiter
from starlette.datastructures import URL, Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from synapse_sdk.local_agent import jsontext, page
from synapse_sdk.local_agent.contract import JSON, Call, Contract, ContractError, Operation, RawRequest
from synapse_sdk.local_agent.errors import (
    AgentError,
    MethodNotAllowedError,
    NotFoundError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)
from synapse_sdk.local_agent.records import UNAVAILABLE

LARGEST_BODY = 10 * 1024 * 1024

# Starting and stopping take as long as a program does, and must leave room for those who only look.
_READERS = 16
_WRITERS = 64

_logger = logging.getLogger("synapse_sdk.local_agent")

Handler = Callable[[Call], Any]


def bind(operations: Iterable[Operation], handlers: object) -> dict[str, Handler]:
    """Return the handler of each operation: the method that has the operation's name.

    Raises:
        ContractError: If one is missing; the message names it.
    """
    found = {operation.id: getattr(handlers, operation.id, None) for operation in operations}
    if missing := [name for name, handler in found.items() if not callable(handler)]:
        raise ContractError(f"The contract has operations without a handler: {', '.join(missing)}.")
    return {name: handler for name, handler in found.items() if handler}


class App:
    """An ASGI application that serves a contract, and the page that shows it.

    Args:
        contract: The contract.
        handlers: An object with a method for each operation, of the operation's name.
        token: What `Authorization` must be, or None to let everybody in.
        validate_responses: Whether to check answers against the contract too. One that is not as the contract says
            becomes a logged 500, and what is wrong with it is kept in `violations`.

    Attributes:
        violations: What was wrong with answers, each as a text.

    Raises:
        ContractError: If an operation has no handler.
    """

    def __init__(
        self, contract: Contract, handlers: object, *, token: str | None, validate_responses: bool = False
    ) -> None:
        self.violations: list[str] = []
        self._contract = contract
        self._handlers = bind(contract.operations, handlers)
        self._token = token.encode() if token is not None else None
        self._validate_responses = validate_responses
        self._readers = CapacityLimiter(_READERS)
        self._writers = CapacityLimiter(_WRITERS)
        paths: dict[str, dict[str, Operation]] = {}
        for operation in contract.operations:
            paths.setdefault(operation.path, {})[operation.method] = operation
        self._router = Router(
            # The contract's paths come first: what it says counts, should it have one of the page's.
            [
                *(Route(path, _Endpoint(self, methods)) for path, methods in paths.items()),
                *page.routes(contract.document),
            ],
            redirect_slashes=False,
            default=_Endpoint(self, {}),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        # Routed as it was sent, for in the decoded path an escaped slash is no longer told from a real one.
        raw_path = scope["raw_path"].decode("latin-1")
        await self._router({**scope, "path": raw_path}, receive, send)

    async def answer(self, request: Request, operations: Mapping[str, Operation]) -> Response:
        """Return the answer to a request for a path that has these operations."""
        began = time.monotonic()
        operation = operations.get(request.method)
        try:
            response = await self._answer(request, operation, operations)
        except AgentError as error:
            response = _error(error.status, error.detail, error.headers)
        except UNAVAILABLE:
            _logger.exception("The database failed at %s %s", request.method, request.scope["path"])
            response = _error(UnavailableError.status, "The database cannot serve this now.", {"Retry-After": "5"})
        except ClientDisconnect:
            raise
        except Exception:
            _logger.exception("%s %s failed", request.method, request.scope["path"])
            response = _error(500, "Internal server error.")
        if self._validate_responses and operation:
            response = self._validated(operation, response)
        took = time.monotonic() - began
        _logger.info("%s %s %d %.3f s", request.method, request.scope["path"], response.status_code, took)
        return response

    async def _answer(
        self, request: Request, operation: Operation | None, operations: Mapping[str, Operation]
    ) -> Response:
        self._authorize(request.headers)
        if not operations:
            raise NotFoundError("There is nothing at this path.")
        if operation is None:
            allowed = ", ".join(sorted(operations))
            raise MethodNotAllowedError(f"{request.method} is not for this path.", {"Allow": allowed})
        call = self._contract.check_request(operation, await _raw(request))
        limiter = self._readers if operation.method == "GET" else self._writers
        result = await anyio.to_thread.run_sync(self._handlers[operation.id], call, limiter=limiter)
        if operation.media_type is None:
            return Response(status_code=operation.success)
        if operation.media_type == JSON:
            return _json(operation.success, result)
        return Response(result, operation.success, media_type=operation.media_type)

    def _authorize(self, headers: Headers) -> None:
        sent = headers.get("authorization", "").encode("latin-1")
        if self._token is not None and not hmac.compare_digest(sent, self._token):
            raise UnauthorizedError("The token is missing or wrong.")

    def _validated(self, operation: Operation, response: Response) -> Response:
        wrong = self._contract.response_errors(operation, response.status_code, response.headers, bytes(response.body))
        if not wrong:
            return response
        self.violations += wrong
        _logger.error("An answer is not as the contract says: %s", "; ".join(wrong))
        return _error(500, "Internal server error.")


class _Endpoint:
    """The ASGI application of one path."""

    def __init__(self, app: App, operations: Mapping[str, Operation]) -> None:
        self._app = app
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response: ASGIApp = await self._app.answer(request, self._operations)
        except ClientDisconnect:
            return
        await response(scope, receive, send)


async def _raw(request: Request) -> RawRequest:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLargeError(f"The body is longer than {LARGEST_BODY} bytes.")
    query = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return RawRequest(
        path={name: unquote(value) for name, value in request.path_params.items()},
        query=query,
        content_type=request.headers.get("content-type", ""),
        body=bytes(body),
        url=str(URL(scope={**request.scope, "query_string": b""})),
    )


def _json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(jsontext.render(value), status, headers, media_type=JSON)


def _error(status: int, detail: object, headers: Mapping[str, str] | None = None) -> Response:
    return _json(status, {"detail": detail}, headers)
