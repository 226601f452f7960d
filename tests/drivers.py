"""Named drivers for tests: real implementations of the protocols that need no device.

Each passes the same contract (`tests/contracts.py`) as the ones that are shipped.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Box, Expression, Face, Frame, Image, Reading, StageTimes
from edgefer.errors import OutputError
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing
from edgefer.timing import clock

T = TypeVar("T")

FACE = Face(Box(4, 4, 28, 28), 0.9)


class PictureSource:
    """Gives `frames` grey pictures; then ends, raises `error`, or, if `blocks`, waits for
    `close` as a dead camera does."""

    def __init__(
        self,
        frames: int,
        *,
        live: bool = False,
        error: Exception | None = None,
        blocks: bool = False,
        skip: int = 0,
    ) -> None:
        self._frames, self._error, self._blocks, self._skip = frames, error, blocks, skip
        self.live = live
        self.given = 0
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        if self._closed.is_set():
            return None
        if self.given < self._frames:
            n = self.given
            self.given += 1
            image = np.full((32, 32, 3), n % 256, np.uint8)
            return Frame(image, n * (1 + self._skip), clock())
        if self._error is not None:
            raise self._error
        if self._blocks:
            self._closed.wait()
        return None

    def close(self) -> None:
        self._closed.set()


class FixedDetector:
    """Finds the same face in every picture; `at` is called first, with the picture."""

    name = "fixed"

    def __init__(
        self,
        faces: tuple[Face, ...] = (FACE,),
        *,
        exclusive: bool = False,
        at: Callable[[Image], object] | None = None,
    ) -> None:
        self._faces, self.exclusive, self._at = faces, exclusive, at

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        if image_bgr.ndim != 3 or image_bgr.dtype != np.uint8:
            raise ValueError(f"(H, W, 3) uint8 is wanted, not {image_bgr.shape}")
        if self._at is not None:
            self._at(image_bgr)
        return self._faces

    def close(self) -> None:
        """Nothing is held."""


class MeanEngine:
    """Answers 1 for the label whose number is the batch row's mean pixel modulo seven."""

    runtime = "numpy"

    def __init__(self, *, exclusive: bool = False, answer: float | None = None) -> None:
        self.exclusive, self._answer = exclusive, answer
        self.calls: list[int] = []
        self.spec = ModelSpec(
            name="mean",
            labels=EXPRESSIONS,
            preprocessing=Preprocessing(8, 8, mean=(0, 0, 0), std=(1, 1, 1)),
            output="probs",
        )

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append(len(batch))
        if self._answer is not None:
            return np.full((len(batch), 7), self._answer, np.float32)
        means = np.rint(batch.mean(axis=(1, 2, 3)) * 255).astype(int) % 7
        answers: NDArray[np.float32] = np.eye(7, dtype=np.float32)[means]
        return answers

    def close(self) -> None:
        """Nothing is held."""


class GatedEngine:
    """Owns a device: a call is held until `finish` lets it end, and a second one beside it is
    refused. Answers the first seven numbers of each row, so that every row is known again;
    `fails` is called with the batch before that, and may raise."""

    runtime, exclusive = "gated", True

    def __init__(self, fails: Callable[[NDArray[np.float32]], object] = lambda _: None) -> None:
        self.spec = ModelSpec("gated", EXPRESSIONS, Preprocessing(8, 8))
        self.calls: list[NDArray[np.float32]] = []
        self.closed: list[str] = []
        self._fails = fails
        self._owned = threading.Lock()
        self._gate = threading.Semaphore(0)

    @property
    def busy(self) -> bool:
        return self._owned.locked()

    def finish(self, calls: int = 1) -> None:
        self._gate.release(calls)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self._owned.acquire(blocking=False):
            raise RuntimeError("a second call into an engine that owns a device")
        try:
            self.calls.append(batch)
            self._gate.acquire()
            self._fails(batch)
            answers: NDArray[np.float32] = batch[:, 0, 0, :7].copy()
            return answers
        finally:
            self._owned.release()

    def close(self) -> None:
        self.closed.append("busy" if self.busy else "idle")


class RecordingSink:
    """Keeps what it is given; `error` is raised at reading number `fails_at`, and a `gate`
    holds it up until set."""

    def __init__(self, *, fails_at: int | None = None, gate: asyncio.Event | None = None) -> None:
        self.readings: list[Reading] = []
        self.closed = 0
        self._fails_at, self._gate = fails_at, gate

    async def put(self, reading: Reading) -> None:
        if self._gate is not None:
            await self._gate.wait()
        if len(self.readings) == self._fails_at:
            raise OutputError("the recording is full")
        self.readings.append(reading)

    async def close(self) -> None:
        self.closed += 1


def reading(
    sequence: int = 0,
    *,
    faces: tuple[Face, ...] = (FACE,),
    image_bgr: Image | None = None,
    times: StageTimes | None = None,
    published: float = 0.02,
) -> Reading:
    """A reading of a 32x32 frame (or of `image_bgr`) with every face happy."""
    happy = Expression(EXPRESSIONS, (0.0, 0.0, 0.0, 0.75, 0.0, 0.0, 0.25))
    height, width = (32, 32) if image_bgr is None else image_bgr.shape[:2]
    return Reading(
        sequence=sequence,
        captured=0.0,
        published=published,
        size=(width, height),
        faces=faces,
        expressions=(happy,) * len(faces),
        times=times or StageTimes(0.001, 0.002, 0.003 if faces else 0.0),
        image_bgr=image_bgr,
    )


class Ledger:
    """Keeps a core busy for known times, and writes down how long each call really took, on a
    clock that is not the one the bench reads."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float]] = []
        """When each began and ended."""

    def busy(self, seconds: float, work: Callable[[], T]) -> T:
        """What `work` gives, after `seconds` of it and of busy waiting."""
        began = _raw()
        answer = work()
        while _raw() < began + seconds:
            hashlib.sha256(_BLOCK)  # lets go of Python's lock, as a network's run does
        self.calls.append((began, _raw()))
        return answer

    def spent(self, first: int, count: int) -> list[float]:
        """Seconds of `count` calls from the `first` on."""
        return [end - begin for begin, end in self.calls[first : first + count]]


_BLOCK = bytes(4096)


def _raw() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC_RAW)


class BusyDetector(FixedDetector):
    """Finds its face after `seconds` of busy waiting."""

    name = "busy"

    def __init__(self, seconds: float, *, exclusive: bool = False) -> None:
        super().__init__(exclusive=exclusive)
        self.ledger = Ledger()
        self.seconds = seconds

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        return self.ledger.busy(self.seconds, lambda: super(BusyDetector, self).detect(image_bgr))


class BusyEngine(MeanEngine):
    """Answers after `seconds` of busy waiting; each `every`-th call takes `stall` more."""

    runtime = "busy"

    def __init__(
        self, seconds: float, *, exclusive: bool = False, every: int = 100, stall: float = 0.0
    ) -> None:
        super().__init__(exclusive=exclusive)
        self.ledger = Ledger()
        self.seconds, self._every, self._stall = seconds, every, stall

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        stalled = (len(self.calls) + 1) % self._every == 0
        seconds = self.seconds + (self._stall if stalled else 0.0)
        return self.ledger.busy(seconds, lambda: super(BusyEngine, self).infer(batch))
