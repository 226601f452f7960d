"""A bounded box between the threads that carry frames and a task of the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """First in, first out; any thread puts, one task of the loop that made it takes.

    `async for item in box` ends after `close()` once the box is empty, or raises what
    `close(error)` was given. A full box drops its oldest item and counts it in `dropped`, or,
    where `lossless`, makes `put` wait for room: then nothing is ever lost.
    """

    def __init__(self, capacity: int, *, lossless: bool) -> None:
        self.dropped = 0
        self._capacity, self._lossless = capacity, lossless
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._taker_sleeps = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> None:
        """Leave an item; after `close` it is let go of. Not for the loop's own thread where
        the box is lossless: it would wait for itself."""
        with self._changed:
            if self._lossless:
                while len(self._items) >= self._capacity and not self._closed:
                    self._changed.wait()
            elif len(self._items) >= self._capacity:
                self._items.popleft()
                self.dropped += 1
            if self._closed:
                return
            self._items.append(item)
            self._rouse()

    def close(self, error: BaseException | None = None) -> None:
        """No more items; the first error given is raised to the taker after the last one."""
        with self._changed:
            self._error = self._error or error
            self._closed = True
            self._changed.notify_all()
            self._rouse()

    def _rouse(self) -> None:
        # One call into the loop per sleep, not per item: that call is the dear part.
        if self._taker_sleeps:
            self._taker_sleeps = False
            self._loop.call_soon_threadsafe(self._wake.set)

    def __aiter__(self) -> Mailbox[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            with self._changed:
                if self._items:
                    item = self._items.popleft()
                    if self._lossless:
                        self._changed.notify()
                    return item
                if self._error is not None:
                    raise self._error
                if self._closed:
                    raise StopAsyncIteration
                self._taker_sleeps = True
                self._wake.clear()
            await self._wake.wait()
