"""Tables for people."""

from collections.abc import Sequence


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as a table in Markdown, the first of which is the head. What begins with a digit stands right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    head, *body = [_line(row, widths) for row in rows]
    return "\n".join([head, _line(["-" * width for width in widths], widths), *body])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(_laid(cell, width) for cell, width in zip(cells, widths, strict=True))} |"


def _laid(cell: str, width: int) -> str:
    return cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
