"""How long a measurement warms up: until the rate stands still."""

from __future__ import annotations

LEAST, TIMES, SECONDS = 50, 20, 10.0
"""Frames at least; and at most so many times those, or so long. Memory pools, caches and a GPU's
clocks settle within them; heat does not, and shows as drift."""
WINDOW = 25
"""Frames over which one rate is taken."""
ALIKE = 0.03
"""How far the last three windows' rates may lie apart, as a share of the least (perf_analyzer's
rule); and they must not each be faster than the one before. What is left of a start that is three
times as slow, and fades within 100 frames, then moves the mean of the 1,000 frames that follow by
less than 1 % in 19 of 20 (simulated in tests/bench)."""


class Warmup:
    """Told when frames came out; says when to begin counting."""

    def __init__(self, least: int = LEAST) -> None:
        self._least = least
        self._began: float | None = None
        self._marks: list[float] = []
        self.frames = 0
        self.settled = False

    def over(self, published: float) -> bool:
        """One frame more, out at that second: whether it was the last to be discarded."""
        self.frames += 1
        if self.frames % WINDOW == 0:
            self._marks.append(published)
            self.settled = self._alike()
        if self._began is None:
            self._began = published
        long = self.frames >= TIMES * self._least or published - self._began >= SECONDS
        return self.frames >= self._least and (self.settled or long)

    def _alike(self) -> bool:
        if len(self._marks) < 4:
            return False
        a, b, c, d = self._marks[-4:]
        spans = (b - a, c - b, d - c)
        speeding = spans[0] > spans[1] > spans[2]
        return 0 < max(spans) <= min(spans) * (1 + ALIKE) and not speeding
