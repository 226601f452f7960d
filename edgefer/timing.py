"""Clocks and arithmetic: a stage's time, percentiles, and the three rates, defined once."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgefer.data import Reading

clock = time.perf_counter
"""The one clock for durations, in seconds; on Linux all processes share it."""


def percentile(values: Sequence[float], q: float) -> float:
    """The q-th percentile, 0 to 100, between neighbours by linear interpolation; nan of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    at = (len(ordered) - 1) * q / 100
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


@dataclass(frozen=True, slots=True)
class Rates:
    """Frames a second. A rate of which nothing was measured is nan."""

    total: float
    """Unique frames that came out / wall-clock seconds."""
    detection: float
    """Frames detected / seconds spent detecting, summed over workers."""
    classification: float
    """Frames with a face / seconds spent on crop, preprocess, infer and decode of all faces."""
    serial: float
    """Serial-equivalent: what one loop would reach, 1 / (seconds of all three stages a frame)."""

    @property
    def overlap(self) -> float:
        """Total over serial-equivalent: above 1, stages ran side by side."""
        return ratio(self.total, self.serial)


def ratio(top: float, bottom: float) -> float:
    """A quotient that is nan, not an error, where the bottom is 0."""
    return top / bottom if bottom else math.nan


class Tally:
    """Adds stage times up. With a `window` it remembers only that many of the newest frames."""

    def __init__(self, window: int | None = None) -> None:
        self.frames = self.faces = self.dropped = 0
        """All that were ever added; the window does not bound them."""
        self._last: int | None = None
        self._capture: deque[float] = deque(maxlen=window)
        self._detection: deque[float] = deque(maxlen=window)
        self._classification: deque[float] = deque(maxlen=window)
        self._age: deque[float] = deque(maxlen=window)
        self._published: deque[float] = deque(maxlen=window)

    def add(self, reading: Reading) -> None:
        """One frame more; a gap in the sequence is frames dropped before they were read, and a
        step back a source that was opened again."""
        if self._last is not None:
            self.dropped += max(0, reading.sequence - self._last - 1)
        self._last = reading.sequence
        self.frames += 1
        self.faces += len(reading.faces)
        self._capture.append(reading.times.capture)
        self._detection.append(reading.times.detection)
        self._classification.append(reading.times.classification)
        self._age.append(reading.age)
        self._published.append(reading.published)

    def rates(self, wall: float | None = None) -> Rates:
        """Over what is remembered. `wall` is the wall-clock seconds in which all frames ever
        added came out; without it the total is that of the remembered ones, between the first
        publication and the last."""
        n = out = len(self._published)
        if wall is not None:
            out = self.frames
        elif n:
            wall, out = self._published[-1] - self._published[0], n - 1
        capture, detection, classification = self._seconds()
        searched = sum(1 for seconds in self._detection if seconds > 0)
        classified = sum(1 for seconds in self._classification if seconds > 0)
        return Rates(
            total=ratio(out, wall or 0.0),
            detection=ratio(searched, detection),
            classification=ratio(classified, classification),
            serial=ratio(n, capture + detection + classification),
        )

    def mean_seconds(self) -> tuple[float, float, float]:
        """Of capture, detection and classification, over all remembered frames."""
        n = len(self._published)
        capture, detection, classification = self._seconds()
        return ratio(capture, n), ratio(detection, n), ratio(classification, n)

    def _seconds(self) -> tuple[float, float, float]:
        return sum(self._capture), sum(self._detection), sum(self._classification)

    def percentiles(self, qs: Iterable[float] = (50, 95, 99)) -> dict[str, dict[str, float]]:
        """Milliseconds by stage and percentile, such as `["detection"]["p95"]`; the stages,
        and `age`, capture to publication. Classification counts frames that had a face."""
        series = {
            "capture": list(self._capture),
            "detection": [seconds for seconds in self._detection if seconds > 0],
            "classification": [seconds for seconds in self._classification if seconds > 0],
            "age": list(self._age),
        }
        wanted = list(qs)
        return {
            name: {f"p{q:g}": percentile(values, q) * 1000 for q in wanted}
            for name, values in series.items()
        }
