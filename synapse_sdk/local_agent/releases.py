"""Plugin releases: folders `code@version`, each with a `config.yaml`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from synapse_sdk.local_agent.errors import InvalidError, NotFoundError

CONFIG = "config.yaml"
_LISTED = 50


@dataclass(frozen=True)
class Release:
    """A plugin release that can be run.

    Attributes:
        code: The plugin's code.
        version: The release's version.
        folder: The release's folder, absolute.
        program: The file that is run, absolute.
    """

    code: str
    version: str
    folder: Path
    program: Path

    @property
    def name(self) -> str:
        """`code@version`."""
        return f"{self.code}@{self.version}"


class Releases:
    """The plugin releases of a folder.

    Args:
        folder: The folder that holds a folder `code@version` for each.

    Raises:
        NotADirectoryError: If there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(f"The plugins folder {folder} is not there.")
        self._folder = folder.resolve()

    def names(self) -> list[str]:
        """Return the names of the releases that there are, sorted."""
        return sorted(path.parent.name for path in self._folder.glob(f"*@*/{CONFIG}"))

    def find(self, name: str) -> Release:
        """Return a release by its name, `code@version`.

        It is read anew each time, so that a release can be added or changed while the agent runs.

        Raises:
            NotFoundError: If there is none of that name; the message lists what there is.
            InvalidError: If the name leaves the folder, or the release cannot be run; the message says why.
        """
        code, _, version = name.partition("@")
        folder = self._folder / name
        if "\0" in name or folder.parent != self._folder or folder.resolve() != folder:
            raise InvalidError(f"{name!r} leaves the plugins folder.")
        if not folder.is_dir():
            raise missing(name, self.names())
        try:
            config = yaml.safe_load((folder / CONFIG).read_bytes())
        except FileNotFoundError:
            raise InvalidError(f"{name} has no {CONFIG}.") from None
        except OSError as error:
            raise InvalidError(f"{name}: {CONFIG} cannot be read: {error.strerror}.") from error
        except yaml.YAMLError as error:
            raise InvalidError(f"{name}: {CONFIG} is not YAML: {error}") from error
        try:
            program = folder / entrypoint_file(config, code, version)
        except ValueError as error:
            raise InvalidError(f"{name}: {CONFIG}: {error}.") from None
        if not program.resolve().is_relative_to(folder):
            raise InvalidError(f"{name}: {program.relative_to(folder)} leaves the release's folder.")
        if not program.is_file():
            raise InvalidError(f"{name}: {CONFIG}: the entrypoint's file {program.relative_to(folder)} is not there.")
        return Release(code, version, folder, program)


def missing(name: str, names: Sequence[str]) -> NotFoundError:
    """Return the error that says that there is no release of a name, and which there are."""
    listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return NotFoundError(f"There is no plugin release {name}. There is {listed or 'none at all'}.")


def entrypoint_file(config: object, code: str, version: str) -> Path:
    """Return the file that a release's configuration wants to be run, relative to the release's folder.

    It is the module of the first action's entrypoint: `plugin/gradio_interface.py` for `plugin.gradio_interface.app`.

    Args:
        config: What `config.yaml` holds.
        code: The code that it must name.
        version: The version that it must name.

    Raises:
        ValueError: If the configuration is not one of this release; the message says why.
    """
    config = config if isinstance(config, Mapping) else {}
    for key, expected in (("code", code), ("version", version)):
        if str(config.get(key)) != expected:
            raise ValueError(f"{key} is {config.get(key)!r} where the folder's name says {expected!r}")
    entrypoint = _first_action(config.get("actions")).get("entrypoint")
    parts = entrypoint.split(".") if isinstance(entrypoint, str) else []
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise ValueError(f"the entrypoint {entrypoint!r} is not of the form package.module.name")
    return Path(*parts[:-1]).with_suffix(".py")


def _first_action(actions: Any) -> Mapping[str, Any]:
    """Return the first of the actions, which are a mapping from their names, or a list."""
    several = list(actions.values()) if isinstance(actions, Mapping) else actions
    if not isinstance(several, list) or not several or not isinstance(several[0], Mapping):
        raise ValueError("actions must have one with an entrypoint")
    return several[0]
