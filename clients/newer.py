"""A copy of the agent whose contract and answers have a field more."""

import shutil
from pathlib import Path

from clients.language import ROOT

_IN_CONTRACT = "        running:\n          type: boolean\n"
_IN_ANSWERS = '        "docker_id": container.id,\n'


def make_newer_agent(folder: Path) -> Path:
    """Make a copy of the agent's code and of the contract, with the field `node` in every Docker container.

    Args:
        folder: Where to make it.

    Returns:
        The folder of its code.

    Raises:
        ValueError: If the place for the field is not where it was.
    """
    shutil.copytree(ROOT / "synapse_sdk", folder / "synapse_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "openapi", folder / "openapi")
    field = "        node:\n          type: string\n          description: Where it runs.\n"
    _insert(folder / "openapi" / "agent.yaml", field, _IN_CONTRACT)
    _insert(folder / "synapse_sdk" / "local_agent" / "handlers.py", '        "node": "first",\n', _IN_ANSWERS)
    return folder


def _insert(path: Path, text: str, before: str) -> None:
    whole = path.read_text()
    if whole.count(before) != 1:
        raise ValueError(f"{path.name} has {before!r} {whole.count(before)} times")
    path.write_text(whole.replace(before, text + before))
