"""Readings of faces that were never seen: boxes and expressions at chosen moments."""

from __future__ import annotations

from collections.abc import Sequence

from edgefer.data import Box, Expression, Face, Reading, StageTimes

LABELS = ("neutral", "happy", "sad")
NO_TIME = StageTimes(0.0, 0.0, 0.0)


def square(x: float, y: float, side: float = 100.0) -> Box:
    """A box around its centre."""
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def looks(label: str, probability: float = 1.0, labels: tuple[str, ...] = LABELS) -> Expression:
    """That label, and the rest spread evenly over the others."""
    rest = (1 - probability) / (len(labels) - 1)
    return Expression(labels, tuple(probability if one == label else rest for one in labels))


def reading(
    captured: float,
    boxes: Sequence[Box],
    expressions: Sequence[Expression] | None = None,
    *,
    size: tuple[int, int] = (1280, 720),
    sequence: int = 0,
) -> Reading:
    """A reading of faces at these boxes; all neutral where nothing else is said."""
    chosen = [looks("neutral")] * len(boxes) if expressions is None else expressions
    faces = tuple(Face(box, 1.0) for box in boxes)
    return Reading(sequence, captured, captured, size, faces, tuple(chosen), NO_TIME)
