"""How often a part may be started again, and how long it waits before that."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from edgefer.timing import clock as real_clock


class Budget:
    """At most `restarts` within any `window` seconds."""

    def __init__(
        self, restarts: int, window: float, clock: Callable[[], float] = real_clock
    ) -> None:
        self.restarts, self.window = restarts, window
        self._clock = clock
        self._spent: deque[float] = deque()

    def spend(self) -> bool:
        """Take one; False where none is left."""
        now = self._clock()
        while self._spent and now - self._spent[0] >= self.window:
            self._spent.popleft()
        if len(self._spent) >= self.restarts:
            return False
        self._spent.append(now)
        return True

    def __str__(self) -> str:
        return f"{self.restarts} times in {self.window:g} s"


class Backoff:
    """Pauses that double from `first` to `longest`, and begin anew after a steady time.

    Each is shortened by chance, by half at most, so that many devices do not come back at once.
    """

    def __init__(
        self,
        first: float,
        longest: float,
        steady: float = 10.0,
        clock: Callable[[], float] = real_clock,
    ) -> None:
        self._first, self._longest, self._steady, self._clock = first, longest, steady, clock
        self._next = first
        self._resumed = clock()

    def pause(self) -> float:
        """Seconds to wait now. Asked for again `steady` seconds after that wait was over, it is
        the first one."""
        now = self._clock()
        if now - self._resumed > self._steady:
            self._next = self._first
        pause = self._next * random.uniform(0.5, 1)
        self._next = min(self._next * 2, self._longest)
        self._resumed = now + pause
        return pause
