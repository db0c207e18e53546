"""The local agent's command line."""

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from synapse_sdk._version import __version__
from synapse_sdk.local_agent.agent import LocalAgent
from synapse_sdk.local_agent.contract import ContractError
from synapse_sdk.local_agent.cors import check_origin
from synapse_sdk.local_agent.engines import BASE_IMAGE, ENGINES, PIDS, make_engine
from synapse_sdk.local_agent.errors import UnavailableError

_TOKEN_VARIABLE = "SYNAPSE_AGENT_TOKEN"  # noqa: S105 - the variable's name
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent until it is interrupted, and return the exit code: 0, or 2 if it cannot be run like this.

    Args:
        arguments: The command line's arguments; None takes the program's own.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    given = os.environ.get(_TOKEN_VARIABLE) or None if options.token is None else options.token
    try:
        options.database = options.database or default_database()
        engine = make_engine(
            options.engine,
            start_timeout=options.start_timeout,
            stop_grace=options.stop_grace,
            base_image=options.base_image,
            memory=options.memory,
            pids=options.pids,
            build_network=options.build_network,
        )
        agent = LocalAgent(
            options.plugins,
            token=given,
            auth=not options.no_auth,
            host=options.host,
            port=options.port,
            database=options.database,
            engine=engine,
            manage_all=options.manage_all,
            cors_origins=options.cors_origin,
        )
    except (ValueError, OSError, UnavailableError, ImportError) as error:
        parser.error(str(error))
    with _interruption() as interrupted:
        try:
            agent.start()
        except (ContractError, OSError, SQLAlchemyError, UnavailableError, ImportError) as error:
            parser.error(f"the agent cannot start: {_one_line(error)}")
        try:
            print(f"Synapse local agent listening on {agent.url}", flush=True)  # noqa: T201 - what a caller waits for
            if agent.token and not given:
                print(  # noqa: T201 - nothing else knows the token
                    f"export SYNAPSE_AGENT_URL={agent.url} {_TOKEN_VARIABLE}={agent.token}", flush=True
                )
            if options.engine == "auto":
                chosen = "Docker answers" if engine.name == "docker" else "Docker does not answer"
                print(f"{chosen}: containers are run by the engine {engine.name}.", file=sys.stderr)  # noqa: T201
            interrupted.recv(1)
        finally:
            agent.stop()
    return 0


@contextmanager
def _interruption() -> Iterator[socket.socket]:
    """Yield a socket that has something to read as soon as the process is asked to end.

    The system may hand a signal to any thread, and then a main thread that waits for a lock sleeps on. What wakes it
    for certain is what the signal itself writes.
    """
    reading, writing = socket.socketpair()
    with reading, writing:
        writing.setblocking(False)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
        before = [signal.signal(number, lambda *_: None) for number in numbers]
        try:
            yield reading
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def default_database() -> str:
    """Return the database of whoever names none: a SQLite file in the user's folder for what programs remember.

    The folder is made if it is not there.
    """
    folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state", "synapse-sdk")
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{folder / 'local-agent.db'}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="synapse-local-agent",
        description="Run a Synapse agent on this machine: plugin releases as containers, behind the agent's API.",
        epilog=(
            "The first line on standard output says where it listens. If it had to make a token, the second line sets "
            "the two variables that the SDK's AgentClient reads, ready to be pasted into a shell. Ctrl-C stops it and "
            "its containers."
        ),
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument(
        "--plugins",
        metavar="DIR",
        required=True,
        help="the folder of plugin releases, each in DIR/<code>@<version>/ with its config.yaml",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8000, help="the port to listen on, 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--token",
        help=f"what clients must send as Authorization (default: the variable {_TOKEN_VARIABLE}, which other users of "
        "this machine cannot see in the list of processes, or else one that is made and printed)",
    )
    parser.add_argument("--no-auth", action="store_true", help="let everybody in; only with an address of this machine")
    parser.add_argument(
        "--database",
        metavar="URL",
        help="the database of the records, as a SQLAlchemy URL (default: a SQLite file, "
        "synapse-sdk/local-agent.db in $XDG_STATE_HOME or ~/.local/state)",
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what runs the containers: Docker, processes of this machine, or Docker where it answers "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--base-image",
        metavar="IMAGE",
        default=BASE_IMAGE,
        help="Docker: the image that releases without a Dockerfile are built upon (default: %(default)s)",
    )
    parser.add_argument(
        "--memory",
        metavar="SIZE",
        help="Docker: how much memory a container may use, as 512m or 2g (default: no limit)",
    )
    parser.add_argument(
        "--pids",
        type=int,
        default=PIDS,
        metavar="NUMBER",
        help="Docker: how many processes and threads a container may have (default: %(default)s)",
    )
    parser.add_argument(
        "--build-network",
        metavar="NETWORK",
        help="Docker: the network that builds run in, such as host (default: Docker's own)",
    )
    parser.add_argument(
        "--manage-all",
        action="store_true",
        help="stop, start and remove containers of the engine that this agent did not make, too",
    )
    parser.add_argument(
        "--cors-origin",
        action="append",
        default=[],
        type=_origin,
        metavar="ORIGIN",
        help="let pages of an origin ask the agent, with the token, such as http://localhost:3000; * stands for any; "
        "may be given several times (default: none)",
    )
    parser.add_argument(
        "--start-timeout",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long a program may take until it listens (default: %(default)g)",
    )
    parser.add_argument(
        "--stop-grace",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="how long a program may take to end when asked to, before it is killed (default: %(default)g)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log every request on standard error")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise ValueError
    return seconds


_seconds.__name__ = "number of seconds"  # what argparse calls it in its message


def _origin(text: str) -> str:
    try:
        check_origin(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _one_line(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())
