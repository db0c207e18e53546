from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.local_agent.faults.report import TOLD
from tests.local_agent.faults.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local_agent.dockerd import Dockerd

Tell = Callable[[str, str], None]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """A scene for each engine."""
    if request.param == "process":
        return Scene("process", tmp_path)
    found: Scene = request.getfixturevalue("docker_scene")
    return found


@pytest.fixture
def docker_scene(dockerd: Dockerd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scene]:
    """A scene for Docker alone."""
    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    scene = Scene("docker", tmp_path, dockerd)
    yield scene
    scene.client.close()


@pytest.fixture
def tell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Tell:
    """Has a line of what was done, and what was found after it, printed at the end of the run."""
    params = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    kind = params.get("scene", "docker")
    trouble = f"{params['trouble']}: " if "trouble" in params else ""

    def tell(done: str, found: str) -> None:
        record_property(TOLD, f"{kind}: {trouble}{done} -> {found}")

    return tell
