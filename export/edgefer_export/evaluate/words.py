"""Figures as text: what is not known is "unavailable", never 0."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edgefer_export.evaluate.evaluation import PLURALITY, STANDARD, Evaluation
from edgefer_export.evaluate.intervals import Interval
from edgefer_export.evaluate.scores import Score

UNAVAILABLE = "unavailable"


def percent(value: float | None) -> str:
    """0.6643 -> "66.4 %"; never a number where there is none."""
    return UNAVAILABLE if value is None or math.isnan(value) else f"{short(100 * value)} %"


def short(value: float, digits: int = 1) -> str:
    """Fixed digits, never "-0.0"; 100 without any, so that columns keep their width."""
    text = f"{round(value, digits) + 0.0:.{digits}f}"
    return "100" if float(text) == 100 else text


def between(found: Interval | None, factor: float = 100, digits: int = 1) -> str:
    """Interval(0.668, 0.698) -> " [66.8, 69.8]", with the space before it; "" of None."""
    if found is None:
        return ""
    low, high = (short(factor * value, digits) for value in found)
    return f" [{low}, {high}]"


def points(change: float, found: Interval | None) -> str:
    """-0.021 -> "-2.1 [-2.9, -1.3]": percentage points."""
    return f"{round(100 * change, 1) + 0.0:+.1f}{between(found)}"  # + 0.0: no "-0.0"


def figure(of: Score | None) -> str:
    """Accuracy, its 95 % interval and n: "68.3 % [66.8, 69.8] (n 3589)"."""
    if of is None or not of.n:
        return UNAVAILABLE
    return f"{percent(of.accuracy)}{between(of.intervals.accuracy)} (n {of.n})"


def in_words(result: Evaluation) -> str:
    """One line for a model's description: figure, label set, data."""
    parts = [f"{figure(result.standard)} by {STANDARD}"]
    if (crowd := result.score(PLURALITY)) is not None:
        parts.append(f"{figure(crowd)} by {PLURALITY}")
    return f"{result.dataset} {result.split} ({result.digest}): {'; '.join(parts)}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown, its columns padded so that a terminal shows them straight too."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
        return "| " + " | ".join((first, *rest)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join((line(head), rule, *map(line, rows)))
