"""What waits to be sent: bounded, the oldest dropped first, every drop counted by its reason."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Generic, TypeVar

from edgefer.timing import clock

T = TypeVar("T")


class Outbox(Generic[T]):
    """Any thread puts, one takes. Nothing here waits for a network."""

    def __init__(self, capacity: int, dropped: Callable[[str], None] | None = None) -> None:
        """`dropped` is told the reason of each drop, such as "overflow"."""
        self.drops: Counter[str] = Counter()
        self.changed = threading.Condition()
        """Notified at every change; its owner may wait on it for changes of its own."""
        self._items: deque[T] = deque()
        self._capacity, self._told = capacity, dropped
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Leave an item; a full box drops its oldest one. Returns at once."""
        self._insert(item, self._items.append)

    def take(self) -> T | None:
        """The oldest item, or None."""
        with self.changed:
            return self._items.popleft() if self._items else None

    def give_back(self, item: T) -> None:
        """An item that could not be sent goes to the front; in a full box it is the oldest."""
        self._insert(item, self._items.appendleft)

    def _insert(self, item: T, add: Callable[[T], None]) -> None:
        with self.changed:
            full = len(self._items) >= self._capacity
            if not self._closed:
                add(item)
                if full:
                    self._items.popleft()
            lost = "closed" if self._closed else "overflow" if full else ""
            self.changed.notify_all()
        if lost:
            self.drop(lost)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count items that are lost."""
        for _ in range(count):
            with self.changed:
                self.drops[reason] += 1
            if self._told is not None:
                self._told(reason)

    def close(self) -> None:
        """Count what was never sent, and what comes from here on."""
        with self.changed:
            self._closed = True
            left = len(self._items)
            self._items.clear()
        self.drop("closed", left)

    def wait(self, until: Callable[[], bool], timeout: float) -> bool:
        """Sleep until a condition holds that some change brings; False after `timeout` s."""
        deadline = clock() + timeout
        with self.changed:
            while not until():
                left = deadline - clock()
                if left <= 0:
                    return False
                self.changed.wait(left)
        return True

    def touch(self) -> None:
        """Wake whoever waits."""
        with self.changed:
            self.changed.notify_all()
