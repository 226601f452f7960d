"""How often somebody may ask."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from edgefer.timing import clock as real_clock

KNOWN = 1024
"""Clients that are told apart; who has not come for longest is forgotten first."""


class Rate:
    """Each client may come `burst` times at once, and `per_second` times in the long run."""

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = real_clock
    ) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str) -> int:
        """0, or the whole seconds after which to come again."""
        now = self._clock()
        left, at = self._left.pop(client, (float(self._burst), now))
        left = min(self._burst, left + (now - at) * self._per_second)
        wait = 0 if left >= 1 else math.ceil((1 - left) / self._per_second)
        self._left[client] = (left if wait else left - 1, now)
        if len(self._left) > KNOWN:
            self._left.popitem(last=False)
        return wait
