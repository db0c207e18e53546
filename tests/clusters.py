"""The program `scripts/with-postgres`, for tests that need its parts."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

PROGRAM = Path(__file__).parents[1] / "scripts" / "with-postgres"


class _Loader(SourceFileLoader):
    def set_data(self, path: str, data: object, *, _mode: int = 0) -> None:
        """Keep no compiled copy beside the program."""


def with_postgres() -> ModuleType:
    """Return the program as a module."""
    spec = spec_from_loader("with_postgres", _Loader("with_postgres", str(PROGRAM)))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
