"""How often somebody may ask, and how much may be in memory for it."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edgefer.outputs import WebConfig
from edgefer.timing import clock as real_clock
from edgefer.web.answers import Busy

KNOWN = 1024
"""Clients that are told apart; who has not come for longest is forgotten first."""

FORM = 65536
"""Bytes of a form around its pictures."""

BODIES = 4
"""Bodies of the largest size that are in memory at once; of smaller ones, so many more."""


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


def body_limit(config: WebConfig) -> int:
    """Bytes of a body at most: of all its pictures together."""
    return int(config.megabytes * 1e6) + FORM


class Room:
    """Memory for bodies, taken as they come: who only says that it will send much keeps nobody
    out."""

    def __init__(self, size: int) -> None:
        self.left = size
        """Bytes."""

    @contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """A function that takes so many bytes more, and raises Busy where they are not left; all
        are given back at the end."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self.left:
                raise Busy("others send pictures already; come again")
            self.left -= size
            taken += size

        try:
            yield take
        finally:
            self.left += taken
