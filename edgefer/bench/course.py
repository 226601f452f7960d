"""How a figure that only shows its value of now went, from readings of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Course:
    """How one figure went."""

    start: float
    end: float
    least: float
    most: float
    mean: float
    """Over time, not over readings."""


class Readings:
    """Adds readings up, by trapezoids."""

    def __init__(self) -> None:
        self._area = self._span = 0.0
        self._last: tuple[float, float] | None = None

    def add(self, now: float, value: float) -> None:
        if self._last is None:
            self._start = self._least = self._most = value
        else:
            before, was = self._last
            self._area += (now - before) * (value + was) / 2
            self._span += now - before
            self._least, self._most = min(self._least, value), max(self._most, value)
        self._last = now, value

    def summary(self) -> Course:
        assert self._last is not None
        end = self._last[1]
        mean = self._area / self._span if self._span else end
        return Course(self._start, end, self._least, self._most, mean)
