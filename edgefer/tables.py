"""Plain tables for a terminal of 80 columns, and the same as Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        return "  ".join((first, *rest)).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([line(header), rule, *(line(row) for row in rows)])


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A GitHub table, the first column to the left, the others to the right."""
    rule = [":--", *("--:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def counted(n: int, noun: str) -> str:
    """ "1 frame", "2 frames"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def number(value: float | None, digits: int = 1) -> str:
    """A measured figure, or "-" where there is none: never a 0 that nobody measured."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:,.{digits}f}"
