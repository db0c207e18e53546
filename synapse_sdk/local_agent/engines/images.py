"""Images of plugin releases: what one is built from, and the name that says so.

The name ends with a digest of everything that goes into the build, so that a release is built again when something of
it has changed, and only then.
"""

import hashlib
import io
import os
import re
import stat
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, cast

from docker.utils.build import exclude_paths

from synapse_sdk.local_agent.errors import InvalidError
from synapse_sdk.local_agent.releases import Release

PORT = 7860

_DOCKERFILE = "Dockerfile"
_IGNORED = ".dockerignore"
_REQUIREMENTS = "requirements.txt"
_GENERATED = ".synapse.Dockerfile"
# What running a release on this machine leaves in its folder is no part of it.
_NEVER = ("**/__pycache__",)
_FOLDER = "/plugin"
# Lines of requirements that name no file of the release, for certain.
_BY_NAME = re.compile(r"[\w-]+(\[.*?\])?\s*([<>=!~;#].*)?|--hash=.*|--(extra-)?index-url\b.*|--trusted-host\b.*|--pre")


class Build:
    """What the image of a release is built from.

    Args:
        release: The release.
        base_image: The image that it is built upon, unless it has a Dockerfile of its own.

    Attributes:
        dockerfile: The name of the Dockerfile within what is built from.
        python_path: The folder of the release within the image, where this and not the release says which it is.

    Raises:
        InvalidError: If the release's folder holds what cannot be built from; the message names it.
    """

    def __init__(self, release: Release, base_image: str) -> None:
        self._release = release
        try:
            self._names = _names(release)
            has_own = (release.folder / _DOCKERFILE).is_file()
            requires = not has_own and _REQUIREMENTS in self._names
            requirements = _text(release.folder / _REQUIREMENTS) if requires else ""
        except OSError as error:
            raise _unreadable(release, os.path.relpath(error.filename, release.folder), error) from error
        self.dockerfile = _DOCKERFILE if has_own else _GENERATED
        self.python_path = None if has_own else _FOLDER
        self._generated = None if has_own else generated_dockerfile(release, base_image, requirements)

    def digest(self) -> str:
        """Return what tells this from all that would be built otherwise.

        Raises:
            InvalidError: If a file cannot be read.
        """
        return self._pack(lambda _: None)

    def write(self, file: IO[bytes]) -> str:
        """Write a tar file to build from, and return its digest.

        Raises:
            InvalidError: If a file cannot be read.
        """
        return self._pack(file.write)

    def tag(self, digest: str) -> str:
        """Return the name of the image that is built from what has this digest."""
        return image_tag(self._release, digest)

    def _pack(self, write: Callable[[bytes], object]) -> str:
        sink = _Digested(write)
        # What differs from one copy of the same release to another is left out.
        with tarfile.open(fileobj=cast("Any", sink), mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for name in self._names:
                self._add(tar, name)
            if self._generated is not None:
                generated = tarfile.TarInfo(_GENERATED)
                generated.size = len(self._generated.encode())
                tar.addfile(generated, io.BytesIO(self._generated.encode()))
        return sink.digest()

    def _add(self, tar: tarfile.TarFile, name: str) -> None:
        path = self._release.folder / name
        entry = tarfile.TarInfo(name)
        try:
            found = path.lstat()
            entry.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
            if path.is_symlink():
                entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
                tar.addfile(entry)
            elif path.is_dir():
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                entry.size = found.st_size
                with path.open("rb") as file:
                    tar.addfile(entry, file)
        except OSError as error:
            raise _unreadable(self._release, name, error) from error


class _Digested:
    """Takes what is written, and has its digest."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._hash = hashlib.sha256()

    def write(self, part: bytes) -> int:
        self._hash.update(part)
        self._write(part)
        return len(part)

    def digest(self) -> str:
        return self._hash.hexdigest()


def generated_dockerfile(release: Release, base_image: str, requirements: str) -> str:
    """Return the Dockerfile of a release that has none.

    Args:
        release: The release.
        base_image: The image to build upon, which has Python.
        requirements: What its requirements.txt holds.
    """
    program = release.program.relative_to(release.folder).as_posix()
    wanted = [line.strip() for line in requirements.splitlines() if line.strip() and not line.strip().startswith("#")]
    options = "--no-cache-dir --disable-pip-version-check --root-user-action=ignore"
    install = f"RUN python -m pip install {options} -r {_REQUIREMENTS}"
    # Alone, they are installed again only when they have changed.
    first = f"COPY {_REQUIREMENTS} ./" if all(_BY_NAME.fullmatch(line) for line in wanted) else "COPY . ."
    lines = [
        f"FROM {base_image}",
        f"WORKDIR {_FOLDER}",
        f"ENV PYTHONPATH={_FOLDER} PYTHONUNBUFFERED=1",
        *((first, install) if wanted else ()),
        "COPY . .",
        f"EXPOSE {PORT}",
        f'CMD ["python", "{program}"]',
    ]
    return "\n".join(lines) + "\n"


def image_tag(release: Release, digest: str) -> str:
    """Return the name of a release's image, in the characters that such a name may have."""
    code = re.sub("[^a-z0-9]+", "-", release.code.lower())[:100].strip("-") or "release"
    version = re.sub("[^A-Za-z0-9_.-]+", "-", release.version)[:100].lstrip(".-") or "0"
    return f"synapse/{code}:{version}-{digest[:12]}"


def _names(release: Release) -> Sequence[str]:
    """Return what of a release's folder goes into its image, relative to the folder, in order."""
    ignored = release.folder / _IGNORED
    lines = _text(ignored).splitlines() if ignored.is_file() else []
    patterns = [*_NEVER, *(line.strip() for line in lines if line.strip() and not line.startswith("#"))]
    names = sorted(exclude_paths(str(release.folder), patterns))
    for name in names:
        path = release.folder / name
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            if path.readlink().is_absolute() or not Path(os.path.realpath(path)).is_relative_to(release.folder):
                raise InvalidError(f"{release.name}: the symbolic link {_shown(name)} leaves the release's folder.")
        elif not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
            raise InvalidError(f"{release.name}: {_shown(name)} is neither a file nor a folder nor a symbolic link.")
    return names


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig", errors="replace")


def _unreadable(release: Release, name: str, error: OSError) -> InvalidError:
    reason = error.strerror or "it changes while it is read"
    return InvalidError(f"{release.name}: {_shown(name)} cannot be read: {reason}.")


def _shown(name: str) -> str:
    """Return the name of a file, which may be any bytes, as a text."""
    return os.fsencode(name).decode(errors="replace")
