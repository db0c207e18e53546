"""The programs of `scripts/` that are written in Python, for tests that need their parts."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

SCRIPTS = Path(__file__).parents[1] / "scripts"


class _Loader(SourceFileLoader):
    def set_data(self, path: str, data: object, *, _mode: int = 0) -> None:
        """Keep no compiled copy beside the program."""


def load(program: str) -> ModuleType:
    """Return a program as a module."""
    name = program.replace("-", "_")
    spec = spec_from_loader(name, _Loader(name, str(SCRIPTS / program)))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    # Data classes look for the module that they are of.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
