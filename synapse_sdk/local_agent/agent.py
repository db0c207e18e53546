"""The agent as a whole, for programs and tests to start."""

import ipaddress
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from synapse_sdk.contract import contract_path
from synapse_sdk.local_agent.app import App
from synapse_sdk.local_agent.contract import Contract
from synapse_sdk.local_agent.cors import ANY, check_origin, shared
from synapse_sdk.local_agent.engines import ENGINES, Engine, make_engine
from synapse_sdk.local_agent.handlers import Handlers
from synapse_sdk.local_agent.records import Records
from synapse_sdk.local_agent.releases import Releases

_SHUTDOWN_TIMEOUT = 5


class LocalAgent:
    """A Synapse agent in this process, as a context manager.

    It listens when the `with` block begins, and when the block has ended, its containers have ended too.

    Args:
        plugins: The folder of plugin releases, `<code>@<version>/` each.
        token: What clients must send as `Authorization`. None makes one.
        auth: False lets everybody in, whatever they send. Only an address of this machine may be so open.
        host: The address to listen on.
        port: The port to listen on; 0 takes a free one.
        database: The database of the records, as a SQLAlchemy URL. None takes one that ends with the agent.
        engine: What runs the containers: the name of an engine (`process`, `docker`, or `auto`, see `make_engine`), or
            one that is ready, which ends with the agent.
        contract: The contract to serve. None takes the one that this SDK was made from.
        start_timeout: How long a program may take until it listens, in seconds.
        stop_grace: How long a program may take to end when asked to, in seconds. Then it is killed.
        manage_all: Whether to stop, start and remove containers of the engine that this agent did not make.
        cors_origins: The origins whose pages may ask the agent from a browser, such as `http://localhost:3000`, or `*`
            for any. They need the token as everybody does.
        validate_responses: Whether to check answers against the contract too; see `violations`.

    Raises:
        TypeError: If `cors_origins` is not a list of strings.
        ValueError: If the token cannot be sent in a header, the port, the engine or an origin is none, or an address
            beyond this machine, or this machine to every page on the web, is to be open to all.
    """

    def __init__(
        self,
        plugins: str | PathLike[str],
        *,
        token: str | None = None,
        auth: bool = True,
        host: str = "127.0.0.1",
        port: int = 0,
        database: str | None = None,
        engine: str | Engine = "process",
        contract: str | PathLike[str] | None = None,
        start_timeout: float = 60.0,
        stop_grace: float = 10.0,
        manage_all: bool = False,
        cors_origins: Collection[str] = (),
        validate_responses: bool = False,
    ) -> None:
        if token is not None and not _fits_a_header(token):
            raise ValueError("A token is one or more visible ASCII characters.")
        if not 0 <= port <= 65535:
            raise ValueError(f"{port} is not a port: they go from 0 to 65535.")
        if not auth and not _is_this_machine(host):
            raise ValueError(f"Without authentication the agent listens on this machine alone, not on {host}.")
        _check_cors_origins(cors_origins)
        if not auth and ANY in cors_origins:
            raise ValueError(
                f"cors_origins cannot be {ANY} without authentication: every page on the web could run programs here."
            )
        if isinstance(engine, str) and engine not in ENGINES:
            raise ValueError(f"There is no engine {engine}. There is {', '.join(ENGINES)}.")
        self._plugins = Path(plugins)
        self._token = (token or secrets.token_urlsafe(32)) if auth else None
        self._host = host
        self._port = port
        self._database = database
        self._engine = engine
        self._contract = Path(contract) if contract is not None else None
        self._start_timeout = start_timeout
        self._stop_grace = stop_grace
        self._manage_all = manage_all
        self._cors_origins = frozenset(cors_origins)
        self._validate_responses = validate_responses
        self._resources = ExitStack()
        self._url = ""
        self._violations: list[str] = []

    def __repr__(self) -> str:
        return f"LocalAgent({self._url or 'not started'})"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end. Empty while the agent does not run."""
        return self._url

    @property
    def token(self) -> str | None:
        """The token, or None if everybody is let in."""
        return self._token

    @property
    def violations(self) -> list[str]:
        """What was wrong with answers, each as a text, if they were to be checked."""
        return self._violations

    def start(self) -> None:
        """Start the agent, and return when it listens.

        Raises:
            ContractError: If the contract cannot be served.
            NotADirectoryError: If there is no plugins folder.
            OSError: If the address cannot be listened on.
            sqlalchemy.exc.SQLAlchemyError: If the database cannot be used.
            RuntimeError: If it runs already.
        """
        if self._url:
            raise RuntimeError("The agent runs already.")
        with ExitStack() as stack:
            contract = Contract.load(self._contract or contract_path())
            listening = stack.enter_context(_listen(self._host, self._port))
            handlers = self._make_handlers(stack)
            closing = stack.enter_context(ExitStack())
            closing.callback(handlers.close)
            app = self._make_app(contract, handlers)
            stack.callback(_serve(shared(app, self._cors_origins), listening))
            # Closed first, so that the server need not wait for programs that are being started.
            stack.push(closing.pop_all())
            self._violations = app.violations
            self._url = _url(listening)
            self._resources = stack.pop_all()

    def stop(self) -> None:
        """Stop the agent and its containers. One that does not run is left as it is."""
        self._url = ""
        self._resources.close()

    def _make_handlers(self, stack: ExitStack) -> Handlers:
        releases = Releases(self._plugins)
        records = Records(self._database or _temporary_database(stack))
        stack.callback(records.close)
        return Handlers(releases, records, self._make_engine(), manage_all=self._manage_all)

    def _make_app(self, contract: Contract, handlers: Handlers) -> App:
        return App(contract, handlers, token=self._token, validate_responses=self._validate_responses)

    def _make_engine(self) -> Engine:
        if not isinstance(self._engine, str):
            return self._engine
        return make_engine(self._engine, start_timeout=self._start_timeout, stop_grace=self._stop_grace)


class _Server(uvicorn.Server):
    """Says when it listens, or that it never will."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.settled.set()


def _serve(app: ASGIApp, listening: socket.socket) -> Callable[[], None]:
    """Serve in a thread of its own, and return what ends it."""
    config = uvicorn.Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="synapse-local-agent", daemon=True)
    thread.start()
    server.settled.wait()
    if not server.started:
        raise RuntimeError("The server did not start; the log says why.")

    def stop() -> None:
        server.should_exit = True
        thread.join()

    return stop


def _listen(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        # A port whose last connections are still being wound up by the system is free.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except BaseException:
        listening.close()
        raise
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _temporary_database(stack: ExitStack) -> str:
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="synapse-agent-"))
    return f"sqlite:///{Path(folder, 'records.db')}"


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_cors_origins(origins: Collection[str]) -> None:
    if isinstance(origins, str):
        raise TypeError(f"cors_origins must be a list of origins, not one: [{origins!r}]")
    for origin in origins:
        if not isinstance(origin, str):
            raise TypeError(f"cors_origins must be a list of strings, and {origin!r} is none")
        try:
            check_origin(origin)
        except ValueError as error:
            raise ValueError(f"cors_origins: {error}") from None


def _fits_a_header(token: str) -> bool:
    return bool(token) and all("!" <= character <= "~" for character in token)
