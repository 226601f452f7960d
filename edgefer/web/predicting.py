"""One thread beside the cameras for what visitors ask of the models."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from edgefer.timing import clock
from edgefer.web.answers import Busy
from edgefer.web.serving import Lender, Serving

T = TypeVar("T")

NICE = 10
"""By how much its thread stands back: a tenth of a camera's share where both want all. With 19 it
hardly gets any, and visitors wait for minutes."""

REST = 3.0
"""How long it rests after each piece, times what that took: all visitors together take a quarter of
one core at most, however large their pictures are."""


class Predicting:
    """Runs one piece of work at a time, in the order it came; the cameras go first.

    A visitor who comes while `waiting` pieces wait is told to come again.
    """

    def __init__(self, lend: Lender, waiting: int) -> None:
        self._lend, self._waiting = lend, waiting
        self._pieces: deque[_Piece] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, work: Callable[[Serving], T]) -> T:
        """What `work` gives for the models that answer now, or raises; it runs in the thread.

        Raises Busy. Cancelled before its turn, it never runs.
        """
        piece = _Piece(work, asyncio.get_running_loop())
        with self._changed:
            if self._closed or len(self._pieces) >= self._waiting:
                raise Busy("others wait to be answered already; come again")
            self._pieces.append(piece)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="visitors", daemon=True)
                self._thread.start()
            self._changed.notify()
        answer: T = await piece.future
        return answer

    def close(self) -> None:
        """What waits is cancelled; what is under way ends by itself."""
        with self._changed:
            self._closed = True
            for piece in self._pieces:
                piece.loop.call_soon_threadsafe(piece.future.cancel)
            self._pieces.clear()
            self._changed.notify()

    def _work(self) -> None:
        _stand_back()
        while True:
            with self._changed:
                while not self._pieces and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                piece = self._pieces.popleft()
            began = clock()
            if not piece.future.cancelled():
                piece.run(self._lend)
            spent = clock() - began
            del piece  # with its picture
            self._rest(REST * spent)

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)


def _stand_back() -> None:
    """Give this thread what the cameras leave: on Linux each thread has a priority of its own."""
    with suppress(OSError):
        own = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, own + NICE))


class _Piece:
    def __init__(self, work: Callable[[Serving], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work, self.loop = work, loop
        self.future: asyncio.Future[Any] = loop.create_future()

    def run(self, lend: Lender) -> None:
        answer, error = None, None
        try:
            with lend() as serving:
                answer = self.work(serving)
        except Exception as exc:  # noqa: BLE001 - a thread's border: raised again to who waits
            error = exc
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self.loop.call_soon_threadsafe(self._settle, answer, error)

    def _settle(self, answer: Any, error: Exception | None) -> None:
        if self.future.done():
            return  # who asked has left
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(answer)
