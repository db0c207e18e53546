"""The Docker engine: each container is one of a Docker daemon's, with port 7860 published on 127.0.0.1."""

import json
import logging
import math
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound
from docker.types import CancellableStream, LogConfig
from docker.utils import parse_bytes

from synapse_sdk.local_agent.engines import ports
from synapse_sdk.local_agent.engines.base import (
    BASE_IMAGE,
    PIDS,
    Container,
    ContainerSpec,
    Watcher,
    end_of,
    failure,
)
from synapse_sdk.local_agent.engines.daemon import Daemon
from synapse_sdk.local_agent.engines.envs import check_envs
from synapse_sdk.local_agent.engines.images import PORT, Build
from synapse_sdk.local_agent.errors import ConflictError, InvalidError, NotFoundError, UnavailableError

AGENT, RECORD, RELEASE, LABELS = "synapse.agent", "synapse.record", "synapse.release", "synapse.labels"
"""The labels that this engine's containers have in Docker."""

_PUBLISHED = f"{PORT}/tcp"
_ATTEMPTS = 3
_PORT_TAKEN = "address already in use"
_TAIL_LINES = 200
_LONGEST_PAUSE = 5.0
# A program may write without an end, and the disk has one.
_LOGS = LogConfig(type=LogConfig.types.JSON, config={"max-size": "10m", "max-file": "2"})
_CHANGES = ("create", "start", "oom", "die", "pause", "unpause")
# A host that a build's own containers know by name. Docker keeps nothing else of ours with them, and they are there
# still if it was killed meanwhile.
_BUILDER = f"{AGENT}."

_logger = logging.getLogger("synapse_sdk.local_agent")


class DockerEngine:
    """Runs containers on a Docker daemon: `DOCKER_HOST`, or the default socket. It implements `Engine`.

    The daemon need not be there: until it is, and while it does not answer, what is asked of it is `UnavailableError`.

    Args:
        base_image: The image that releases without a Dockerfile are built upon, which has Python.
        memory: How much memory a container may use, as Docker writes it (`512m`, `2g`). None sets no limit.
        pids: How many processes and threads a container may have.
        build_network: The network that builds run in, such as `host`. None leaves it to Docker.
        start_timeout: How long a program may take until it listens, in seconds.
        stop_grace: How long a program may take to end when asked to, in seconds. Then it is killed.

    Raises:
        ValueError: If a limit cannot be one.
    """

    name = "docker"

    def __init__(
        self,
        *,
        base_image: str = BASE_IMAGE,
        memory: str | None = None,
        pids: int = PIDS,
        build_network: str | None = None,
        start_timeout: float = 60.0,
        stop_grace: float = 10.0,
    ) -> None:
        self._base_image = base_image
        self._memory = _checked_memory(memory)
        if pids < 1:
            raise ValueError(f"pids: a container needs at least one process, not {pids}.")
        self._pids = pids
        self._build_network = build_network
        self._start_timeout = start_timeout
        self._grace = math.ceil(stop_grace)  # Docker knows whole seconds
        self._daemon = Daemon()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._mine: set[str] = set()
        self._starting: dict[str, bool] = {}  # and whether it was removed meanwhile
        self._removing: set[str] = set()
        self._building: dict[str, threading.Lock] = {}
        self._streams: set[CancellableStream[Any]] = set()
        self._watching: threading.Thread | None = None

    def __repr__(self) -> str:
        return f"DockerEngine({self._daemon.url})"

    def watch(self, watcher: Watcher) -> None:
        """Begin to follow the daemon's events, whenever it is there."""
        settled = threading.Event()
        self._watching = threading.Thread(
            target=self._watch, args=(watcher, settled), name="synapse-docker-events", daemon=True
        )
        self._watching.start()
        settled.wait()

    def check(self) -> None:
        """Return if the daemon answers.

        Raises:
            UnavailableError: If it does not.
        """
        self._daemon.ping()

    def create(self, spec: ContainerSpec) -> Container:
        """Build a release's image, unless there is one, and make a container from it.

        Raises:
            InvalidError: If the image cannot be built, with the end of what the build has written, or if an environment
                variable cannot be one.
            UnavailableError: If the daemon does not answer, or the engine is closed.
        """
        check_envs(spec.envs)
        self._refuse_when_closed()
        build = Build(spec.release, self._base_image)
        image = self._image(build, spec)
        with self._daemon.asked() as client:
            container_id = self._create(client, image, spec, build.python_path)
        with self._lock:
            self._mine.add(container_id)
        if self._closing.is_set():
            self._removed(container_id)
        self._refuse_when_closed()
        return self.get(container_id)

    def start(self, container_id: str) -> Container:
        """Start a container and return it once its program accepts connections. One that runs is left as it is.

        A container that is not of an agent's making is not waited for.

        Raises:
            NotFoundError: If there is no such container.
            InvalidError: If it cannot be started, its program ended, or it did not listen in time.
            ConflictError: If it is being removed, or started already.
            UnavailableError: If the daemon does not answer, or the engine is closed.
        """
        container = self.get(container_id)
        with self._lock:
            self._refuse_when_removing(container)
            self._refuse_when_closed()
            if container.id in self._starting:
                raise ConflictError(f"{container.name} is being started already.")
            if container.running:
                return container
            self._starting[container.id] = False
        try:
            self._start(container)
            if container.owner:
                self._await_listener(container)
        except (NotFoundError, ConflictError, InvalidError) as error:
            if self._starting[container.id]:
                raise ConflictError(f"{container.name} was removed while it was being started.") from error
            raise
        finally:
            with self._lock:
                del self._starting[container.id]
        return self.get(container.id)

    def stop(self, container_id: str) -> Container:
        """Have a container's program end. One that does not run is left as it is.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed.
            UnavailableError: If the daemon does not answer.
        """
        container = self.get(container_id)
        with self._lock:
            self._refuse_when_removing(container)
        self._stop(container.id)
        return self.get(container.id)

    def logs(self, container_id: str, tail: int | None) -> str:
        """Return what a container's program has written, or the last `tail` lines of it, as far as Docker keeps it.

        Raises:
            NotFoundError: If there is no such container.
            UnavailableError: If the daemon does not answer.
        """
        container = self.get(container_id)
        if tail == 0:
            return ""
        with self._daemon.asked(container.id) as client:
            written: bytes = client.logs(container.id, tail="all" if tail is None else tail)
        return written.decode(errors="replace")

    def get(self, container_id: str) -> Container:
        """Return a container by its id, or by the first 12 digits of it or more.

        Raises:
            NotFoundError: If there is no such container.
            UnavailableError: If the daemon does not answer.
        """
        return self._container(self._inspect(container_id))

    def list(self) -> Sequence[Container]:
        """Return all containers of the daemon, the newest first, whoever made them.

        Raises:
            UnavailableError: If the daemon does not answer.
        """
        with self._daemon.asked() as client:
            ids = [found["Id"] for found in client.containers(all=True)]
        containers = []
        for container_id in ids:
            with suppress(NotFoundError):
                containers.append(self.get(container_id))
        return sorted(containers, key=lambda container: container.created_at, reverse=True)

    def remove(self, container_id: str) -> None:
        """Stop a container and remove it.

        Raises:
            NotFoundError: If there is no such container.
            ConflictError: If it is being removed already.
            UnavailableError: If the daemon does not answer.
        """
        container = self.get(container_id)
        with self._lock:
            self._refuse_when_removing(container)
            self._removing.add(container.id)
            if container.id in self._starting:
                self._starting[container.id] = True
        try:
            self._stop(container.id)
            with self._daemon.asked(container.id) as client:
                # The volumes without a name of other programs' containers may hold what they still need.
                client.remove_container(container.id, v=container.owner is not None, force=True)
        finally:
            with self._lock:
                self._removing.discard(container.id)
        with self._lock:
            self._mine.discard(container.id)

    def adopt(self, container_id: str) -> None:
        """Answer for a container that an agent made which is gone."""
        with self._lock:
            self._mine.add(container_id)

    def close(self) -> Collection[str]:
        """End builds, refuse to start anything more, and remove the containers that this agent made or has adopted.

        Returns:
            The ids of those that could not be removed, because the daemon does not answer.
        """
        with self._lock:
            self._closing.set()
            streams, mine = list(self._streams), list(self._mine)
        for stream in streams:
            _cut_off(stream)
        if self._watching:
            self._watching.join(_LONGEST_PAUSE)
        left = self._left_of(mine)
        self._daemon.close()
        return left

    def _left_of(self, mine: Sequence[str]) -> Collection[str]:
        """Remove containers, and return those that could not be removed."""
        try:
            self.check()
        except UnavailableError as error:
            # Asked for each of them, it would not answer for longer.
            if mine:
                _logger.warning("%d containers are left: %s", len(mine), error)
            return mine
        with ThreadPoolExecutor(max_workers=16) as threads:
            removed = list(threads.map(self._removed, mine))
        return {container_id for container_id, gone in zip(mine, removed, strict=True) if not gone}

    def _removed(self, container_id: str) -> bool:
        try:
            self.remove(container_id)
        except (NotFoundError, ConflictError):
            return True
        except UnavailableError as error:
            _logger.warning("Container %s is left: %s", container_id[:12], error)
            return False
        return True

    def _refuse_when_closed(self) -> None:
        if self._closing.is_set():
            raise UnavailableError("The agent is stopping.")

    def _refuse_when_removing(self, container: Container) -> None:
        if container.id in self._removing:
            raise ConflictError(f"Container {container.name} is being removed already.")

    def _inspect(self, container_id: str) -> Mapping[str, Any]:
        with self._daemon.asked(container_id) as client:
            found: Mapping[str, Any] = client.inspect_container(container_id)
            return found

    def _container(self, found: Mapping[str, Any]) -> Container:
        with self._lock:
            phase = "starting" if found["Id"] in self._starting and found["State"]["Running"] else None
            phase = "removing" if found["Id"] in self._removing else phase
        return container_of(found, phase)

    def _image(self, build: Build, spec: ContainerSpec) -> str:
        """Return the name of a release's image, which is built if it is not there."""
        digest = build.digest()
        with self._lock:
            turn = self._building.setdefault(digest, threading.Lock())
        with turn:
            tag = build.tag(digest)
            with self._daemon.asked() as client, suppress(ImageNotFound):
                client.inspect_image(tag)  # type: ignore[no-untyped-call]
                return tag
            with tempfile.TemporaryFile(prefix="synapse-build-") as file:
                # What has changed since the digest was taken goes by the name that it has now.
                tag = build.tag(build.write(file))
                file.seek(0)
                self._build(file, build.dockerfile, tag, spec)
            return tag

    def _build(self, file: Any, dockerfile: str, tag: str, spec: ContainerSpec) -> None:
        written = ""
        with self._daemon.asked() as client, self._abandoned_when_closed(client) as building:
            parts = building.build(
                fileobj=file,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tag,
                labels={RELEASE: spec.release.name},
                network_mode=self._build_network,
                extra_hosts={f"{_BUILDER}{spec.owner}/{spec.record_id}": ports.HOST},
                rm=True,
                forcerm=True,
                decode=True,
            )
            try:
                for part in parts:
                    written = end_of(written + (part.get("stream") or part.get("error") or part.get("status") or ""))
                    if "error" in part:
                        raise InvalidError(failure(spec.release.name, "could not be built", written))
            except APIError as error:
                # A Dockerfile that Docker cannot read is refused before the first step.
                if error.status_code != 400:
                    raise
                raise InvalidError(_refusal(spec.release.name, "could not be built", error)) from error
        self._refuse_when_closed()

    @contextmanager
    def _abandoned_when_closed(self, client: APIClient) -> Iterator[APIClient]:
        """Yield a client of the same daemon, whose answers are cut off when the engine is closed."""
        streams = {}

        def answered(response: Any, **_: Any) -> None:
            stream = CancellableStream(iter(()), response)
            streams[stream] = response
            self._keep(stream)

        building = self._daemon.another(client)
        building.hooks["response"] = [answered]
        try:
            yield building
        except Exception:
            self._refuse_when_closed()
            raise
        finally:
            with self._lock:
                self._streams.difference_update(streams)
            # One that was not read to its end is not the pool's, which closes the others.
            for response in streams.values():
                response.close()
            building.close()

    def _keep(self, stream: "CancellableStream[Any]") -> None:
        """Have a stream closed with the engine."""
        with self._lock:
            self._streams.add(stream)
        if self._closing.is_set():
            _cut_off(stream)

    def _create(self, client: APIClient, image: str, spec: ContainerSpec, python_path: str | None) -> str:
        host = client.create_host_config(
            port_bindings={_PUBLISHED: (ports.HOST, None)},
            init=True,
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            mem_limit=self._memory,
            memswap_limit=self._memory,
            pids_limit=self._pids,
            log_config=_LOGS,
        )
        name = container_name(spec.name)
        make = partial(
            client.create_container,
            image,
            environment=environment(spec, python_path),
            labels=docker_labels(spec),
            ports=[PORT],
            host_config=host,
        )
        try:
            try:
                made = make(name=name)
            except APIError as error:
                if error.status_code != 409:
                    raise
                # Agents with databases of their own count from 1, each.
                made = make(name=f"{name}-{secrets.token_hex(4)}")
        except APIError as error:
            if error.status_code != 400:
                raise
            raise InvalidError(_refusal(spec.release.name, "could not be made a container", error)) from error
        return str(made["Id"])

    def _start(self, container: Container) -> None:
        for _ in range(_ATTEMPTS):
            with self._daemon.asked(container.id) as client:
                try:
                    client.start(container.id)
                except APIError as error:
                    if error.status_code in (404, 409):
                        raise
                    # The daemon picks a free port, but another program may be quicker to take it.
                    if _PORT_TAKEN not in str(error.explanation):
                        name = container.plugin_release or container.name
                        raise InvalidError(_refusal(name, "could not be started", error)) from error
                else:
                    return
        raise UnavailableError(f"No port of {ports.HOST} stayed free until {container.name} was started.")

    def _await_listener(self, container: Container) -> None:
        """Return when a container's program accepts connections."""
        release = container.plugin_release or container.name
        deadline = time.monotonic() + self._start_timeout
        pause = 0.01
        while True:
            found = self._inspect(container.id)
            if not found["State"]["Running"]:
                code = container_of(found).exit_code
                what = f"ended with code {code} before it listened"
                raise InvalidError(failure(release, what, self.logs(container.id, _TAIL_LINES)))
            if _listens(found):
                return
            if time.monotonic() > deadline:
                written = self.logs(container.id, _TAIL_LINES)
                self._stop(container.id)
                what = f"did not listen on port {PORT} within {self._start_timeout:g} s"
                raise InvalidError(failure(release, what, written))
            self._closing.wait(pause)
            self._refuse_when_closed()
            pause = min(pause * 1.5, 0.2)

    def _stop(self, container_id: str) -> None:
        with self._daemon.asked(container_id) as client:
            client.stop(container_id, timeout=self._grace)

    def _watch(self, watcher: Watcher, settled: threading.Event) -> None:
        pause = 0.1
        said = ""
        while not self._closing.is_set():
            try:
                for event in self._events(watcher):
                    settled.set()
                    pause, said = 0.1, ""
                    if event:
                        self._tell(watcher, event)
            except UnavailableError as error:
                # Once, and not as often as it is tried again.
                if str(error) != said:
                    said = str(error)
                    _logger.warning("%s", said)
            except Exception:
                _logger.exception("What becomes of containers could not be followed")
            settled.set()
            self._closing.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _events(self, watcher: Watcher) -> Iterator[Mapping[str, Any]]:
        """Yield an empty event when the containers that are there have been told of, then those of the daemon."""
        # A daemon that is stopped lets itself be asked for events, and for that there is no timeout.
        self._daemon.ping()
        with self._daemon.asked() as client:
            # From now on, also what happens between its answer and its listening.
            now = int(time.time())
            stream = client.events(since=now, decode=True, filters={"type": "container", "label": AGENT})
        self._keep(stream)
        try:
            watcher.found(self.list())
            yield {}
            yield from stream
        finally:
            with self._lock:
                self._streams.discard(stream)
            _cut_off(stream)

    def _tell(self, watcher: Watcher, event: Mapping[str, Any]) -> None:
        if event["Action"] == "destroy":
            watcher.gone(event["id"])
        elif event["Action"] in _CHANGES:
            with suppress(NotFoundError):
                watcher.changed(self.get(event["id"]))


def container_of(found: Mapping[str, Any], phase: str | None = None) -> Container:
    """Return a container from what the daemon says of it when it is inspected.

    Args:
        found: What the daemon says.
        phase: Its status, where this engine knows better.
    """
    state, labels = found["State"], found["Config"].get("Labels") or {}
    # An image of an agent's making has one of them, too.
    labels = labels if AGENT in labels else {}
    running = bool(state["Running"])
    has_ended = not running and not state["FinishedAt"].startswith("0001-")
    host_port = _host_port(found) if running and phase is None and labels else None
    code = exit_code(state["ExitCode"]) if has_ended else None
    agent, record = (labels[AGENT], labels.get(RECORD, "")) if labels else _builder(found)
    return Container(
        id=found["Id"],
        name=found["Name"].removeprefix("/"),
        image=found["Config"]["Image"],
        status=phase or state["Status"],
        running=running,
        host_port=host_port,
        endpoint=f"http://{ports.HOST}:{host_port}" if host_port else None,
        plugin_release=labels.get(RELEASE),
        labels=_json_list(labels.get(LABELS)),
        created_at=in_microseconds(found["Created"]),
        record_id=int(record) if record.isdecimal() else None,
        exit_code=code,
        ended_at=in_microseconds(state["FinishedAt"]) if has_ended else None,
        # Docker says so, too, of a program that outlived the death of a child.
        reason="killed because it was out of memory" if state.get("OOMKilled") and code == -9 else None,
        owner=agent,
    )


def exit_code(code: int) -> int:
    """Return an exit code, negative for a signal, from Docker's, which is 128 more than the signal."""
    return 128 - code if 128 < code <= 128 + 64 else code


def in_microseconds(moment: str) -> str:
    """Return a time in the form of `utc_now` from Docker's, which has up to nine decimals."""
    seconds, _, decimals = moment.removesuffix("Z").partition(".")
    return f"{seconds}.{decimals[:6]:0<6}Z"


def container_name(wanted: str) -> str:
    """Return a name for a container, in the characters that Docker allows."""
    return re.sub("[^A-Za-z0-9_.-]", "-", wanted).lstrip("_.-")


def environment(spec: ContainerSpec, python_path: str | None = None) -> dict[str, str]:
    """Return the environment of a container's program, over that of its image.

    What the caller gave comes before `PLUGIN_PARAMS`; the server address is the engine's alone, which publishes it.

    Args:
        spec: The container.
        python_path: What comes first in `PYTHONPATH`. None leaves that to the image.
    """
    search = ":".join(filter(None, [python_path, spec.envs.get("PYTHONPATH")]))
    return {
        "PLUGIN_PARAMS": json.dumps(spec.params),
        **spec.envs,
        **({"PYTHONPATH": search} if python_path else {}),
        "GRADIO_SERVER_NAME": "0.0.0.0",  # noqa: S104 - within the container
        "GRADIO_SERVER_PORT": str(PORT),
    }


def docker_labels(spec: ContainerSpec) -> dict[str, str]:
    """Return the labels that a container has in Docker."""
    return {
        AGENT: spec.owner,
        RECORD: str(spec.record_id),
        RELEASE: spec.release.name,
        LABELS: json.dumps(list(spec.labels), ensure_ascii=False),
    }


def _checked_memory(memory: str | None) -> int | None:
    if memory is None:
        return None
    try:
        size = int(parse_bytes(memory))
    except (DockerException, ValueError, OverflowError):
        raise ValueError(f"memory: {memory!r} is no size such as 512m or 2g.") from None
    if size < 6 * 1024 * 1024:
        raise ValueError(f"memory: a container needs at least 6m, not {memory}.")
    return size


def _refusal(release: str, what: str, error: APIError) -> str:
    return failure(release, what, str(error.explanation or error))


def _cut_off(stream: "CancellableStream[Any]") -> None:
    """End a stream, whatever thread waits for it and whatever has become of it already."""
    with suppress(Exception):
        stream.close()


def _builder(found: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return which agent a container builds an image for, and the number of its record, if it does so."""
    for host in found["HostConfig"].get("ExtraHosts") or ():
        if host.startswith(_BUILDER):
            agent, _, record = host.removeprefix(_BUILDER).rpartition(":")[0].rpartition("/")
            return agent, record
    return None, ""


def _host_port(found: Mapping[str, Any]) -> int | None:
    for binding in (found["NetworkSettings"]["Ports"] or {}).get(_PUBLISHED) or ():
        return int(binding["HostPort"])
    return None


def _json_list(text: str | None) -> Sequence[str]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        found = []  # anybody can give a container such a label
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _listens(found: Mapping[str, Any]) -> bool:
    port = _host_port(found)
    if port is None:
        return False
    inside = ports.listens_inside(found["State"]["Pid"], found["Id"], PORT)
    return ports.is_answered(port) if inside is None else inside
