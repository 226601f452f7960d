"""A line through what was sampled: how fast a figure grows, how sure that is, and if it matters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from edgefer.tables import number, text_table

BLOCKS, T95 = 30, 2.048
"""Means that a line is laid through, as neighbouring samples are not independent; and Student's t
for 95 % with BLOCKS - 2 degrees of freedom (any table of it)."""

WARM_UP = 0.5
"""The share of the samples that is counted and not used: caches and pools fill, and a heap reaches
its highest mark late. In 50 minutes of full rate it grew by 1.4 MB between the fifth and the
twentieth, and by 0.1 MB in the thirty after them."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one figure went."""

    figure: str
    unit: str
    """Of what it is held against, such as an hour."""
    first: float
    """Mean of the first block."""
    last: float
    slope: float
    """A unit."""
    error: float
    """Standard error of the slope."""
    negligible: float
    """A slope that does not matter."""
    n: int
    """Samples used."""
    discarded: int

    @property
    def flat(self) -> bool:
        """No growth: its 95 % interval reaches down to 0, or not up to what matters."""
        reach = T95 * self.error
        return self.slope - reach <= 0 or self.slope + reach <= self.negligible


def line(x: Sequence[float], y: Sequence[float], figure: str, unit: str, negligible: float) -> Line:
    """Through the means of BLOCKS equal stretches, by least squares, after the warm-up.

    Raises ValueError for too few samples."""
    discarded = math.ceil(len(x) * WARM_UP)
    xs, ys = _blocks(x[discarded:]), _blocks(y[discarded:])
    slope, error = least_squares(xs, ys)
    return Line(
        figure, unit, ys[0], ys[-1], slope, error, negligible, len(x) - discarded, discarded
    )


def least_squares(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """The slope of y over x, and its standard error."""
    n, mean_x, mean_y = len(x), sum(x) / len(x), sum(y) / len(y)
    square = sum((a - mean_x) ** 2 for a in x)
    slope = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / square
    rest = sum((b - mean_y - slope * (a - mean_x)) ** 2 for a, b in zip(x, y, strict=True))
    return slope, math.sqrt(rest / (n - 2) / square)


def _blocks(values: Sequence[float]) -> list[float]:
    """The mean of each of BLOCKS stretches."""
    n = len(values)
    if n < BLOCKS:
        raise ValueError(f"{n} samples are too few for {BLOCKS} blocks")
    cuts = [n * block // BLOCKS for block in range(BLOCKS + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(cuts)]


def table(lines: Sequence[Line]) -> str:
    """For a terminal."""
    rows = [
        [one.figure, number(one.first), number(one.last),
         f"{one.slope:+.2f} +- {one.error:.2f} / {one.unit}", "flat" if one.flat else "GROWS"]
        for one in lines
    ]  # fmt: skip
    return text_table(["", "first", "last", "slope", ""], rows)
