"""How often a part may be started again."""

from __future__ import annotations

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
