"""When a camera's next frame is best taken: so that it finds the device of its stage free.

A stage that owns a device takes one frame at a time. A frame taken while others still wait for it
only grows old in the line, and a newer one would have come meanwhile.
"""

from __future__ import annotations

import threading

from edgefer.timing import clock

MEMORY = 0.9
"""Weight of what was measured before, against one new frame."""


class Device:
    """The entrance of a stage that owns a device: a lock for a `with`, which knows who is on the
    way to it, and how long a stay takes. A thread brings one frame at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: set[int] = set()  # threads
        self._entered: float | None = None
        self._stay = 0.0  # seconds, the running mean

    def expect(self) -> None:
        """The calling thread's frame is on the way."""
        self._coming.add(threading.get_ident())

    def expect_no_more(self) -> None:
        """It has been here, or does not come."""
        self._coming.discard(threading.get_ident())

    def busy(self) -> float:
        """Seconds until it is expected to be free for one more frame."""
        entered = self._entered
        left = 0.0 if entered is None else max(0.0, self._stay - (clock() - entered))
        return left + len(self._coming) * self._stay

    def __enter__(self) -> None:
        self._lock.acquire()
        self._entered = clock()
        self.expect_no_more()

    def __exit__(self, *_: object) -> None:
        assert self._entered is not None
        stayed, self._entered = clock() - self._entered, None
        self._stay = MEMORY * self._stay + (1 - MEMORY) * stayed if self._stay else stayed
        self._lock.release()


class Pace:
    """Of one camera's frames, which come to the detector's device at once, and to the classifier's
    after detection; None: that stage owns none."""

    def __init__(self, detector: Device | None, classifier: Device | None) -> None:
        self._detector, self._classifier = detector, classifier
        self._detection = 0.0  # seconds, the running mean

    def wait(self) -> float:
        """Seconds until the next frame is best taken; 0: now."""
        here = self._detector.busy() if self._detector else 0.0
        there = self._classifier.busy() - self._detection if self._classifier else 0.0
        return max(0.0, here, there)

    def take(self, *, search: bool) -> None:
        """The calling thread has taken a frame, which is searched for faces or not."""
        if search and self._detector:
            self._detector.expect()
        if self._classifier:
            self._classifier.expect()

    def done(self, detection: float) -> None:
        """The calling thread's frame is over; detection took so long, or 0 where there was none."""
        if detection:
            before = self._detection
            self._detection = MEMORY * before + (1 - MEMORY) * detection if before else detection
        for device in (self._detector, self._classifier):
            if device:
                device.expect_no_more()
