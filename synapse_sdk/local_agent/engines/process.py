"""The process engine: each container is a process of this machine, on a port of 127.0.0.1."""

import errno
import json
import os
import re
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from synapse_sdk.local_agent.engines import ports
from synapse_sdk.local_agent.engines.base import Container, ContainerSpec, Watcher, failure, last_lines, whole_id
from synapse_sdk.local_agent.engines.child import Child, Output, Reaper
from synapse_sdk.local_agent.engines.envs import check_envs
from synapse_sdk.local_agent.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from synapse_sdk.local_agent.times import utc_now

_PASSED_ON = re.compile("PATH|HOME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|SYSTEMROOT")
_ATTEMPTS = 3


@dataclass
class _Entry:
    """A container of this engine. Its fields change under the engine's lock alone."""

    container: Container
    spec: ContainerSpec
    output: Output = field(default_factory=Output)
    child: Child | None = None
    port: int | None = None


class ProcessEngine:
    """Runs containers as child processes. It implements `Engine`.

    Args:
        start_timeout: How long a program may take until it listens, in seconds.
        stop_grace: How long a program may take to end when asked to, in seconds. Then it is killed.

    Raises:
        UnavailableError: If this system does not have what the engine needs.
    """

    name = "process"

    def __init__(self, *, start_timeout: float = 60.0, stop_grace: float = 10.0) -> None:
        if not hasattr(os, "waitid"):
            raise UnavailableError("The process engine needs Linux, or macOS with Python 3.13 or newer.")
        self._start_timeout = start_timeout
        self._stop_grace = stop_grace
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}
        self._reaper: Reaper | None = None
        self._closed = False
        self._watcher: Watcher | None = None

    def watch(self, watcher: Watcher) -> None:
        """Begin to tell what becomes of containers. Only the engine itself removes any."""
        self._watcher = watcher
        watcher.found(self.list())

    def check(self) -> None:
        """Return if the engine can do its work.

        Raises:
            UnavailableError: If it is closed.
        """
        with self._lock:
            self._refuse_when_closed()

    def create(self, spec: ContainerSpec) -> Container:
        """Make a container and return it, not started yet.

        Raises:
            InvalidError: If an environment variable cannot be one.
            UnavailableError: If the engine is closed.
        """
        check_envs(spec.envs)
        container = Container.created(spec)
        with self._lock:
            self._refuse_when_closed()
            self._entries[container.id] = _Entry(container, spec)
        return container

    def start(self, container_id: str) -> Container:
        """Start a container and return it once its program accepts connections. One that runs is left as it is.

        Raises:
            NotFoundError: If there is no such container.
            InvalidError: If its program ended, or did not listen in time.
            ConflictError: If it was removed meanwhile, or is being started already.
            UnavailableError: If no process can be started.
        """
        for _ in range(_ATTEMPTS):
            spawned = self._spawn(container_id)
            if isinstance(spawned, Container):
                return spawned
            entry, child, port = spawned
            heard = self._await_listener(child, port)
            if heard is ports.Listener.OURS and (container := self._mark_running(entry)):
                return container
            died = child.exit_code is not None
            child.end(self._stop_grace)
            with self._lock:
                self._refuse_when_gone(entry)
            # A port can only be handed to a program by number, so another may have been quicker to take it.
            if heard is not ports.Listener.ANOTHER:
                raise InvalidError(_why(entry, child, port, died=died, timeout=self._start_timeout))
        raise UnavailableError(f"No port of {ports.HOST} stayed free until {entry.container.name} listened.")

    def stop(self, container_id: str) -> Container:
        """Have a container's whole process group end. One that does not run is left as it is.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
        """
        with self._lock:
            entry = self._find(container_id)
            self._refuse_when_removing(entry)
            child = entry.child
        if child:
            child.end(self._stop_grace)
        with self._lock:
            return entry.container

    def logs(self, container_id: str, tail: int | None) -> str:
        """Return the end of what a container's program has written, or the last `tail` lines of it.

        Raises:
            NotFoundError: If there is no such container.
        """
        with self._lock:
            text = self._find(container_id).output.text()
        return text if tail is None else last_lines(text, tail)

    def get(self, container_id: str) -> Container:
        """Return a container by its id, or by the first 12 digits of it or more.

        Raises:
            NotFoundError: If there is no such container.
        """
        with self._lock:
            return self._find(container_id).container

    def list(self) -> Sequence[Container]:
        """Return all containers, the newest first, whether they run or not."""
        with self._lock:
            return [entry.container for entry in reversed(self._entries.values())]

    def remove(self, container_id: str) -> None:
        """Stop a container's whole process group and remove it.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed already.
        """
        with self._lock:
            entry = self._find(container_id)
            self._refuse_when_removing(entry)
            entry.container = replace(entry.container, status="removing")
        if entry.child:
            entry.child.end(self._stop_grace)
        with self._lock:
            del self._entries[entry.container.id]

    def adopt(self, container_id: str) -> None:
        """Answer for another agent's container. There never is one: a process ends with its agent."""

    def close(self) -> Collection[str]:
        """End all children, and refuse to start more. None is left."""
        with self._lock:
            self._closed = True
            entries = list(self._entries.values())
        ending = [threading.Thread(target=self._remove_quietly, args=(entry.container.id,)) for entry in entries]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        children = [entry.child for entry in entries if entry.child]
        for child in children:
            child.exited.wait()
        if self._reaper:
            self._reaper.close()
        return ()

    def _remove_quietly(self, container_id: str) -> None:
        with suppress(NotFoundError, ConflictError):
            self.remove(container_id)

    def _find(self, container_id: str) -> _Entry:
        return self._entries[whole_id(container_id, self._entries)]

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise UnavailableError("The agent is stopping.")

    def _refuse_when_removing(self, entry: _Entry) -> None:
        if entry.container.status == "removing":
            raise ConflictError(f"Container {entry.container.name} is being removed already.")

    def _refuse_when_gone(self, entry: _Entry) -> None:
        self._refuse_when_closed()
        if entry.container.status == "removing":
            raise ConflictError(f"{entry.container.name} was removed while it was being started.")

    def _spawn(self, container_id: str) -> tuple[_Entry, Child, int] | Container:
        """Start a container's program, or return the container if it runs."""
        with self._lock:
            self._refuse_when_closed()
            entry = self._find(container_id)
            self._refuse_when_gone(entry)
            if entry.container.status == "starting":
                raise ConflictError(f"{entry.container.name} is being started already.")
            if entry.container.running:
                return entry.container
            taken = {other.port for other in self._entries.values() if other.port}
            try:
                port = ports.free_port(taken)
                self._reaper = self._reaper or Reaper()
                child = Child(
                    [sys.executable, "-u", str(entry.spec.release.program)],
                    cwd=entry.spec.release.folder,
                    env=environment(os.environ, entry.spec, port),
                    output=entry.output,
                    reaper=self._reaper,
                    ended=lambda child: self._child_ended(entry, child),
                )
            except OSError as error:
                if error.errno == errno.E2BIG:
                    raise InvalidError("The params and envs are too long for an environment.") from error
                raise UnavailableError(f"No process can be started: {error.strerror}.") from error
            entry.child = child
            entry.port = port
            entry.container = replace(entry.container, status="starting", running=True, exit_code=None, ended_at=None)
            return entry, child, port

    def _await_listener(self, child: Child, port: int) -> ports.Listener:
        deadline = time.monotonic() + self._start_timeout
        pause = 0.01
        while True:
            over = child.exited.wait(pause) or time.monotonic() > deadline
            heard = ports.listener(port, child.pid)
            if over or heard is not ports.Listener.NOBODY:
                return heard
            pause = min(pause * 1.5, 0.1)

    def _mark_running(self, entry: _Entry) -> Container | None:
        with self._lock:
            if entry.child is None or entry.child.exit_code is not None or entry.container.status != "starting":
                return None
            entry.container = replace(
                entry.container,
                status="running",
                host_port=entry.port,
                endpoint=f"http://{ports.HOST}:{entry.port}",
            )
            return entry.container

    def _child_ended(self, entry: _Entry, child: Child) -> None:
        with self._lock:
            was = entry.container
            entry.port = None
            entry.container = now = replace(
                was,
                status="removing" if was.status == "removing" else "exited",
                running=False,
                host_port=None,
                endpoint=None,
                exit_code=child.exit_code,
                ended_at=utc_now(),
            )
        # Whoever starts it, or removes it, sees the end itself.
        if was.status == "running" and self._watcher:
            self._watcher.changed(now)


def environment(agents: Mapping[str, str], spec: ContainerSpec, port: int) -> dict[str, str]:
    """Return the environment of a container's program.

    From the agent's own it takes what a program needs to start. What the caller gave comes before that and before
    `PLUGIN_PARAMS`; the server address is the engine's alone, for it must find the program there. The release's folder
    comes first in `PYTHONPATH`, so that its package can be imported by name.

    Args:
        agents: The agent's own environment.
        spec: The container.
        port: The port on which the program is to listen.
    """
    search = [str(spec.release.folder), spec.envs.get("PYTHONPATH", "")]
    return {
        **{name: value for name, value in agents.items() if _PASSED_ON.fullmatch(name)},
        "PLUGIN_PARAMS": json.dumps(spec.params),
        **spec.envs,
        "PYTHONPATH": os.pathsep.join(filter(None, search)),
        "GRADIO_SERVER_NAME": ports.HOST,
        "GRADIO_SERVER_PORT": str(port),
    }


def _why(entry: _Entry, child: Child, port: int, *, died: bool, timeout: float) -> str:
    what = (
        f"ended with code {child.exit_code} before it listened"
        if died
        else f"did not listen on {ports.HOST}:{port} within {timeout:g} s"
    )
    return failure(entry.spec.release.name, what, entry.output.text())
