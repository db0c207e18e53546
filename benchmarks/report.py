"""What was found, as tables that are meant to be read: in a terminal, and in a page."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.measure import ratio, typical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.measure import Measure, Took

_HEADS = ("", "this SDK", "httpx", "by hand", "published", "target", "")
_WIDTH = 120
_LEGEND = (
    "A ratio is to httpx in the same process and round; in brackets stands what it is a ratio of, a median of a call.",
    "By hand: `http.client` and `json`; where it says async, aiohttp. Published: the platform's client.",
)


@dataclass(frozen=True)
class Target:
    """What is to be reached.

    Attributes:
        limit: The number.
        text: How it is shown.
        least: Whether it is the least that will do, and not the most.
    """

    limit: float
    text: str
    least: bool = False

    def met(self, value: float) -> bool:
        """Return whether a value reaches it."""
        return value >= self.limit if self.least else value <= self.limit


@dataclass(frozen=True)
class Row:
    """What was found of one thing.

    Attributes:
        what: The thing.
        value: The SDK's figure, which is held against the target; None where it has none, since something failed.
        ours: How that is shown.
        httpx: The same of httpx.
        by_hand: The same of what a program could do with less.
        published: The same of the platform's published client.
        target: What is to be reached, if anything.
    """

    what: str
    value: float | None
    ours: str
    httpx: str = ""
    by_hand: str = ""
    published: str = ""
    target: Target | None = None

    @property
    def failed(self) -> bool:
        """Whether a target was missed, or there is no figure at all."""
        return self.value is None or (self.target is not None and not self.target.met(self.value))

    def cells(self) -> list[str]:
        """Return what a table shows of it."""
        target = self.target.text if self.target else ""
        verdict = "not met" if self.failed else "met" if self.target else ""
        return [self.what, self.ours, self.httpx, self.by_hand, self.published, target, verdict]


@dataclass(frozen=True)
class Table:
    """A table, and what is to be said below it.

    Attributes:
        heads: What stands above its columns.
        lines: Its lines, a text a column.
        notes: What is said below.
    """

    heads: Sequence[str]
    lines: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def text(self) -> str:
        """Return it for a terminal."""
        widths = self._widths()
        lines = [_aligned(self.heads, widths), ["-" * width for width in widths]]
        lines += [_aligned(line, widths) for line in self.lines]
        notes = [part for note in self.notes for part in textwrap.wrap(note, _WIDTH)]
        return "\n".join(["  ".join(line).rstrip() for line in lines] + ["", *notes])

    def markdown(self) -> str:
        """Return it for a page."""
        widths = self._widths()
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines = [_aligned(self.heads, widths), rule, *(_aligned(line, widths) for line in self.lines)]
        return "\n".join([f"| {' | '.join(line)} |" for line in lines] + [""] + [f"- {note}" for note in self.notes])

    def _widths(self) -> list[int]:
        return [max(3, *map(len, column)) for column in zip(self.heads, *self.lines, strict=True)]


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    # The first column is words, the others are figures.
    return [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]


@dataclass
class Found:
    """What some benchmarks found.

    Attributes:
        rows: What belongs into the one table.
        notes: What is to be said below it.
        tables: What has a table of its own, by its title.
    """

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)

    def add(self, other: Found) -> None:
        """Add what another benchmark found."""
        self.rows += other.rows
        self.notes += [note for note in other.notes if note not in self.notes]
        self.tables |= other.tables

    @property
    def failed(self) -> bool:
        """Whether a target was missed."""
        return any(row.failed for row in self.rows)

    def all_tables(self) -> Iterator[tuple[str, Table]]:
        """Yield every table with its title, the one table first, without one."""
        if self.rows:
            yield "", Table(_HEADS, [row.cells() for row in self.rows], (*_LEGEND, *self.notes))
        yield from self.tables.items()


def text(found: Found, machine: Sequence[str]) -> str:
    """Return all of it for a terminal."""
    parts = ["\n".join(machine)]
    parts += ["\n\n".join(filter(None, (title, table.text()))) for title, table in found.all_tables()]
    return "\n\n".join(parts)


def markdown(found: Found, machine: Sequence[str]) -> str:
    """Return all of it for a page."""
    parts = ["\n".join(f"- {line}" for line in machine)]
    parts += [
        "\n\n".join(filter(None, (title and f"### {title}", table.markdown()))) for title, table in found.all_tables()
    ]
    return "\n\n".join(parts)


def write(path: Path, page: str) -> None:
    """Put what was found into a page, between its two marks.

    Raises:
        ValueError: If the page does not have the marks.
    """
    begin, end = "<!-- figures of a run: begin -->", "<!-- figures of a run: end -->"
    given = path.read_text()
    if given.count(begin) != 1 or given.count(end) != 1:
        raise ValueError(f"{path} must have the lines {begin} and {end}")
    head, tail = given[: given.index(begin) + len(begin)], given[given.index(end) :]
    path.write_text(f"{head}\n\n{page}\n\n{tail}")


def compare(what: str, took: Mapping[str, Sequence[Took]], measure: Measure, target: Target | None = None) -> Row:
    """Return the row of a `contest`: what each took, relative to the httpx of its own process.

    Args:
        what: What they did.
        took: What each took, in each round.
        measure: What is compared.
        target: What this SDK is to reach.
    """

    def shown(name: str, reference: str) -> str:
        if name not in took:
            return ""
        return f"{ratio(took[name], took[reference], measure):.2f} ({duration(typical(took[name], measure))})"

    return Row(
        what,
        ratio(took["sdk"], took["httpx"], measure),
        shown("sdk", "httpx"),
        shown("httpx", "httpx"),
        shown("by hand", "httpx"),
        shown("published", "published's httpx"),
        target,
    )


def duration(seconds: float) -> str:
    """Return how a duration is shown."""
    for unit, name in ((1e-6, "µs"), (1e-3, "ms")):
        if seconds < 1000 * unit:
            return f"{seconds / unit:.{0 if seconds >= 10 * unit else 1}f} {name}"
    return f"{seconds:.2f} s"


def size(number: float) -> str:
    """Return how a number of bytes is shown."""
    return f"{number / 1e6:.0f} MB" if number >= 1e7 else f"{number / 1e6:.1f} MB"
