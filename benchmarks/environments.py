"""Environments besides this one: the platform's published client, and one with nothing but this SDK."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Worker, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

ROOT = Path(__file__).parents[1]

#: The platform's client, which runs on Python 3.12 and newer.
PUBLISHED = "synapse-sdk==2026.2.17"

_PUBLISHED_PYTHON = "3.12"
_PUBLISHED_FOLDER = ROOT / ".venv-published"
_LONGEST_INSTALLATION = 900
_INSTALLERS = {"pip", "setuptools"}
_LIBRARIES = ("httpx", "httpcore", "h11", "anyio", "msgspec", "attrs", "aiohttp", "httpx-aiohttp")


class UnavailableError(RuntimeError):
    """There is no such environment here; the text says why."""


@dataclass(frozen=True)
class Installed:
    """What an environment holds.

    Attributes:
        packages: The names of its distributions, without what installs them.
        size: The size of its site-packages without those, in bytes.
    """

    packages: tuple[str, ...]
    size: int


@cache
def published() -> tuple[Path, str]:
    """Return the Python of an environment with the published client, which is made once and kept.

    Returns:
        That, and why it is not there: nothing where it is.
    """
    python, ready = _PUBLISHED_FOLDER / "bin" / "python", _PUBLISHED_FOLDER / "ready"
    try:
        if not (ready.exists() and ready.read_text() == PUBLISHED):
            _make_published(python)
            ready.write_text(PUBLISHED)
    except UnavailableError as error:
        return python, f"The published client ({PUBLISHED}) is left out: {error}."
    return python, ""


def _make_published(python: Path) -> None:
    listed = _run(ROOT / "scripts" / "pythons").splitlines()
    paths = [path for found, _, path in (line.partition(" ") for line in listed) if found == _PUBLISHED_PYTHON]
    if not paths:
        raise UnavailableError(f"there is no Python {_PUBLISHED_PYTHON} here")
    print(f"making {_PUBLISHED_FOLDER.name} with {PUBLISHED}, once: it is large", file=sys.stderr)
    _run(paths[0], "-m", "venv", "--clear", _PUBLISHED_FOLDER)
    _pip(python, "install", PUBLISHED, "httpx")


def published_worker(url: str) -> AbstractContextManager[Worker | None]:
    """Return a process of contestants beside the published client, or nothing where it is not to be had."""
    python, missing = published()
    return nullcontext() if missing else Worker(python, url)


@contextmanager
def clean() -> Iterator[Path]:
    """Make an environment with this project's wheel, without extras, and give a `with` block its Python.

    Raises:
        UnavailableError: If it cannot be made.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
        [wheel] = folder.glob("*.whl")
        _run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        python = folder / "venv" / "bin" / "python"
        _pip(python, "install", "--constraint", ROOT / "constraints.txt", wheel)
        yield python


def installed(python: Path) -> Installed:
    """Return what an environment holds."""
    [site] = python.parents[1].glob("lib/python*/site-packages")
    names = {path.name.split("-")[0].lower() for path in site.glob("*.dist-info")}
    files = [path for path in site.rglob("*") if path.is_file()]
    owners = [path.relative_to(site).parts[0].split("-")[0] for path in files]
    size = sum(path.stat().st_size for path, owner in zip(files, owners, strict=True) if owner not in _INSTALLERS)
    return Installed(tuple(sorted(names - _INSTALLERS)), size)


def machine() -> list[str]:
    """Return on what is measured, a line each for the machine, this environment, and the published client's."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    cores = len(os.sched_getaffinity(0))
    lines = [
        f"{cores} core{'s' * (cores != 1)}, {model}, {platform.system()}",
        f"Python {platform.python_version()}, {', '.join(_versions())}",
    ]
    python, missing = published()
    if not missing:
        asked = "import platform, httpx; print(f'Python {platform.python_version()}, httpx {httpx.__version__}')"
        lines.append(f"published: {PUBLISHED.replace('==', ' ')}, {_run(python, '-I', '-c', asked).strip()}")
    return lines


def _versions() -> Iterator[str]:
    for name in _LIBRARIES:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def _pip(python: str | Path, *arguments: str | Path) -> str:
    return _run(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "--quiet"), *arguments
    )


def _run(*command: str | Path) -> str:
    """Run a command, and return what it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_INSTALLATION,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines() or [f"it ended with {error.returncode}"]
        raise UnavailableError(f"{Path(command[0]).name} said: {said[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from error
    return done.stdout
