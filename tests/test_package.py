"""The package as it is imported."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import synapse_agent_types

import synapse_sdk
from synapse_sdk import contract, types

if TYPE_CHECKING:
    from pathlib import Path


def test_the_version_is_a_semantic_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", synapse_sdk.__version__)


def test_the_types_for_annotations_are_those_made_from_the_contract() -> None:
    for name in types.__all__:
        assert getattr(types, name) is getattr(synapse_agent_types, name)


def test_an_installation_without_the_contract_says_where_it_was_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(contract, "_PACKAGE", tmp_path / "synapse_sdk")
    with pytest.raises(FileNotFoundError, match=r"agent\.yaml is neither in .*synapse_sdk nor in .*openapi"):
        contract.contract_path()
