"""How long to wait before what failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

from edgefer.timing import clock as real_clock


class Backoff:
    """Pauses that double from `first` to `longest` seconds, and begin anew after a steady time.

    Each is shortened by chance, by half at most, so that many devices do not come back at once.
    """

    def __init__(
        self,
        first: float,
        longest: float,
        *,
        steady: float | None = None,
        clock: Callable[[], float] = real_clock,
    ) -> None:
        """What went well for more than `steady` seconds is no longer held to its failures; None
        stands for as many as the pause that is due, so that waiting never takes the longer part.
        """
        self._first, self._longest, self._steady, self._clock = first, longest, steady, clock
        self._due = first
        self._well_since: float | None = None

    def went_well(self) -> None:
        """What was tried works, from now on; until the next pause, later calls say nothing new."""
        if self._well_since is None:
            self._well_since = self._clock()

    def pause(self) -> float:
        """Seconds to wait now, after a failure."""
        steady = self._due if self._steady is None else self._steady
        if self._well_since is not None and self._clock() - self._well_since > steady:
            self._due = self._first
        self._well_since = None
        due, self._due = self._due, min(self._due * 2, self._longest)
        return due * random.uniform(0.5, 1)
