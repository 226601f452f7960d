"""When a camera's next frame is best taken: so that it finds the device of its stage free.

A frame that is taken while others are still in its way only grows old in the line, and a newer one
would have come meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Set
from typing import Protocol

from edgefer.timing import clock
from edgefer.turns import FifoLock

MEMORY = 0.9
"""Weight of what was measured before, against one new frame."""
JOINED = 1.2
"""Requests in the mean call from which on others' are taken to join a camera's."""
PAYS = 1.1
"""A batch pays where it gives so many times the requests that calls of one give in its time: for
less, frames half as old are worth more."""

TRIED = 200
"""Calls after which batches are tried anew: the first of a size may take seconds, and where frames
are held there comes no second one to tell."""


class Entrance(Protocol):
    """What a Pace asks of a stage's device. A thread brings one frame at a time."""

    def expect(self) -> None:
        """The calling thread's frame is on the way."""
        ...

    def expect_no_more(self) -> None:
        """It has been here, or does not come."""
        ...

    def busy(self, workers: Set[int]) -> float:
        """Seconds until it is expected to be free for one more frame of the camera that these
        threads carry."""
        ...


class Device:
    """The entrance of a device that takes one frame at a time: a lock for a `with`, in order of
    arrival, which knows who is on the way to it, and how long a stay takes."""

    def __init__(self) -> None:
        self._lock = FifoLock()
        self._coming: set[int] = set()  # threads
        self._entered: float | None = None
        self._stay = 0.0  # seconds, the running mean

    def expect(self) -> None:
        self._coming.add(threading.get_ident())

    def expect_no_more(self) -> None:
        self._coming.discard(threading.get_ident())

    def busy(self, workers: Set[int]) -> float:  # noqa: ARG002 - other cameras' frames count too
        entered = self._entered
        left = 0.0 if entered is None else max(0.0, self._stay - (clock() - entered))
        return left + len(self._coming) * self._stay

    def __enter__(self) -> None:
        self._lock.__enter__()
        self._entered = clock()
        self.expect_no_more()

    def __exit__(self, *_: object) -> None:
        assert self._entered is not None
        stayed, self._entered = clock() - self._entered, None
        self._stay = MEMORY * self._stay + (1 - MEMORY) * stayed if self._stay else stayed
        self._lock.__exit__()


class Batches:
    """The entrance of an engine that runs those together who wait for it.

    Other cameras' frames join the same call, so only a camera's own are in its way. But a frame
    that comes a moment too late for its call costs the next one half its batch: where batches pay,
    frames that may join one are taken at once, and wait.
    """

    def __init__(self) -> None:
        self._coming: set[int] = set()  # threads
        self._call: tuple[float, int] | None = None  # since when, and how many requests
        self._took: dict[int, float] = {}  # seconds, by the number of requests
        self._size = 1.0  # requests in a call, the running mean
        self._calls = 0

    def expect(self) -> None:
        self._coming.add(threading.get_ident())

    def expect_no_more(self) -> None:
        self._coming.discard(threading.get_ident())

    def begin(self, threads: Collection[int]) -> None:
        """The requests of these threads run from now on; () where nobody waits."""
        self._coming.difference_update(threads)
        self._call = (clock(), len(threads)) if threads else None

    def end(self) -> None:
        """They have run."""
        assert self._call is not None
        began, size = self._call
        took = clock() - began
        before = self._took.get(size, took)
        # What is shorter is believed at once: an engine's first call may take seconds.
        self._took[size] = min(took, MEMORY * before + (1 - MEMORY) * took)
        self._size = MEMORY * self._size + (1 - MEMORY) * size
        self._calls += 1
        if self._calls % TRIED == 0:
            self._took = {n: seconds for n, seconds in self._took.items() if n == 1}

    def busy(self, workers: Set[int]) -> float:
        call, took = self._call, self._took.copy()
        # Of two workers, one is in the call and one waits: no two frames that could join.
        if (len(workers) > 2 or self._size > JOINED) and _pays(took):
            return 0.0
        one = took.get(1, 0.0)
        left = max(0.0, took.get(call[1], one) - (clock() - call[0])) if call else 0.0
        return left + len(workers & self._coming) * one


def _pays(took: dict[int, float]) -> bool:
    """Whether requests are better run together; so where nobody knows yet."""
    if len(took) < 2 or 1 not in took:
        return True
    return took[1] > PAYS * min(seconds / size for size, seconds in took.items())


class Pace:
    """Of one camera's frames, which come to the detector's device at once, and to the classifier's
    after detection. Both are asked for each time, as models may be replaced; None: that stage owns
    none."""

    def __init__(
        self, detector: Callable[[], Entrance | None], classifier: Callable[[], Entrance | None]
    ) -> None:
        self._detector, self._classifier = detector, classifier
        self._workers: set[int] = set()  # threads
        self._detection = 0.0  # seconds, the running mean

    def wait(self) -> float:
        """Seconds until the next frame is best taken; 0: now."""
        detector, classifier = self._detector(), self._classifier()
        here = detector.busy(self._workers) if detector else 0.0
        there = classifier.busy(self._workers) - self._detection if classifier else 0.0
        return max(0.0, here, there)

    def take(self, *, search: bool) -> None:
        """The calling thread has taken a frame, which is searched for faces or not. One thread at
        a time may call this or `wait`."""
        self._workers.add(threading.get_ident())
        detector, classifier = self._detector(), self._classifier()
        if search and detector:
            detector.expect()
        if classifier:
            classifier.expect()

    def done(self, detection: float) -> None:
        """The calling thread's frame is over; detection took so long, or 0 where there was none."""
        if detection:
            before = self._detection
            self._detection = MEMORY * before + (1 - MEMORY) * detection if before else detection
        for device in (self._detector(), self._classifier()):
            if device:
                device.expect_no_more()
