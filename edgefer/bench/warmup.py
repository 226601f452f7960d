"""How long a measurement warms up: until the rate stands still."""

from __future__ import annotations

import math

LEAST, TIMES, SECONDS = 50, 20, 30.0
"""Frames at least; and at most so many times those, or so long. Memory pools, caches and a GPU's
clocks settle within them; heat does not, and shows as drift."""
WINDOW = 25
"""Frames at least over which one rate is taken."""
ALIKE = 0.03
"""How far the last three windows' rates may lie apart, as a share of the least (perf_analyzer's
rule); and they must not each be faster than the one before. What is left of a start that is three
times as slow, and fades within 100 frames, then moves the mean of the 1,000 frames that follow by
less than 1 % in 19 of 20 (simulated in tests/bench)."""


class Warmup:
    """Told when frames came out; says when to begin counting.

    `period` is after how many frames the same pictures come again: a window holds whole periods,
    so that a crowd in some of them is no change of the rate.
    """

    def __init__(self, least: int = LEAST, period: int = 1) -> None:
        self._least = least
        self._window = period * math.ceil(WINDOW / period)
        self._began: float | None = None
        self._marks: list[float] = []
        self.frames = 0
        self.settled: bool | None = None
        """Whether the rate stands still; None while there were too few frames to tell."""

    def over(self, published: float) -> bool:
        """One frame more, out at that second: whether it was the last to be discarded."""
        if self._began is None:
            self._began = published
        self.frames += 1
        if self.frames % self._window == 0:
            self._marks.append(published)
            self.settled = self._alike()
        long = self.frames >= TIMES * self._least or published - self._began >= SECONDS
        return self.frames >= self._least and (bool(self.settled) or long)

    def _alike(self) -> bool | None:
        if len(self._marks) < 4:
            return None
        a, b, c, d = self._marks[-4:]
        spans = (b - a, c - b, d - c)
        speeding = spans[0] > spans[1] > spans[2]
        return 0 < max(spans) <= min(spans) * (1 + ALIKE) and not speeding
