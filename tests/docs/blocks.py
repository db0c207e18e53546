"""Finds the code blocks of a Markdown page, and runs those of Python."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BLOCK = re.compile(r"^```(?P<language>\w*)(?P<rest>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


@frozen
class Block:
    """A code block of a page."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [
        Block(page, text[: found.start()].count("\n") + 1, found["language"], found["code"])
        for found in _BLOCK.finditer(text)
    ]


def run_python(page: Path, edit: Callable[[str], str]) -> tuple[dict[str, Any], str]:
    """Run a page's Python blocks in order, in one namespace, and return it and what they printed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks(page):
            if block.language == "python":
                exec(compile("\n" * block.line + edit(block.code), str(page), "exec"), names)  # noqa: S102
    return names, printed.getvalue()
