from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tests.local_agent.faults.report import TOLD
from tests.local_agent.faults.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local_agent.dockerd import Dockerd

Tell = Callable[[str, str], None]


def _docker_scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Scene:
    dockerd: Dockerd = request.getfixturevalue("dockerd")
    monkeypatch.setenv("DOCKER_HOST", dockerd.host)
    return Scene("docker", folder, dockerd)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    """A scene for each engine."""
    if request.param == "docker":
        return _docker_scene(request, monkeypatch, tmp_path)
    return Scene("process", tmp_path)


@pytest.fixture
def docker_scene(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Scene:
    """A scene for Docker alone."""
    return _docker_scene(request, monkeypatch, tmp_path)


@pytest.fixture
def tell(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Tell:
    """Has a line of what was done, and what was found after it, printed at the end of the run."""
    callspec = getattr(request.node, "callspec", None)
    kind = callspec.params.get("scene", "docker") if callspec else "docker"

    def tell(done: str, found: str) -> None:
        record_property(TOLD, f"{kind}: {done} -> {found}")

    return tell
