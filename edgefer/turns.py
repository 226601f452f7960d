"""Short work takes turns.

Each call into OpenCV or NumPy lets go of Python's interpreter lock and asks for it back. While
another worker is awake it takes the lock in between, and the hand-over costs more than a call of
some microseconds: two workers that prepare tensors at the same time are slower than one after the
other. So the stretch of small calls that makes a classifier's tensor is held under one lock, and
the networks' runs, nine tenths of the time, are not. It gains 2 % on two idle cores; what gains
more is to make fewer calls (detectors/yunet_graph.py). `python -m benchmarks.pipeline` measures it.
"""

from __future__ import annotations

import threading
from collections import deque

short_work = threading.Lock()
"""For a stretch of small calls that takes well under a millisecond; never around a network's run
or anything that may block."""


class FifoLock:
    """A lock that goes to whoever has waited longest.

    A `threading.Lock` goes to whoever asks first once it is free, and that is often the thread
    that has just let go of it. Two threads, one holding it 20 times as long: the other waited for
    up to 9 turns, and, where the work kept the interpreter's lock, for 3 s.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of the fields below
        self._held = False
        self._line: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._line.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().release()  # it stays held, by the next
            else:
                self._held = False
