"""Which frames are searched for faces, and where the faces of the others are taken from.

Detection is the dear stage. A face hardly moves from one frame to the next: between two searches
it is expected where its track leads (every N frames, or as seldom as a camera's pace demands), and
in a picture that did not change it is where it was. Each frame is classified all the same.

    detect   searched for faces
    follow   the faces that are tracked, where they are expected
    still    the faces of the last search, as the picture is the same; for the tracker, a search

A face must be found in some frames in a row before it is followed, so until then each is searched.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.config import EventsConfig, PipelineConfig, TrackingConfig
from edgefer.data import Ended, Face, Frame, Image, Look, Reading, Tracked
from edgefer.tracking import Tracker
from edgefer.tracking.steady import Steady

ROWS, COLUMNS = 120, 160
"""Of the pixels that two pictures are compared by."""

DIFFERENT = 25
"""Grey levels by which a pixel must differ: a sensor's noise in a dim room stays below."""

REFRESH = 1.0
"""Seconds after which a picture that is still is searched all the same."""

SPARE = 0.85
"""Share of a camera's pace that the stages may take, when the machine chooses."""

SELDOM = 10
"""Frames from one search to the next at most, when the machine chooses: a third of a second."""

MEMORY = 0.9
"""Weight of what was measured before, against one new frame."""

DEFAULT = EventsConfig()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done with one frame."""

    look: Look
    faces: tuple[Face, ...] = ()
    """Where nothing is detected: those to classify."""
    tracked: tuple[Tracked, ...] = ()
    """Where they are followed: their tracks."""


class Following:
    """One source's frames. `plan` is called in their order, by one thread at a time; `seen` too,
    perhaps by others meanwhile."""

    def __init__(
        self,
        config: PipelineConfig,
        tracking: TrackingConfig,
        events: EventsConfig = DEFAULT,
        *,
        workers: int,
        live: bool,
    ) -> None:
        self.looks: Counter[Look] = Counter()
        """How many frames were planned for each."""
        self._config, self._workers, self._live = config, workers, live
        self._tracker, self._events = Tracker(tracking), events
        self._steady: dict[int, Steady] = {}  # by track
        self._turn = threading.Lock()
        self._searched: _Sample | None = None  # of the last search's picture
        self._searched_at = -math.inf
        self._since = 0  # frames planned since then
        self._found: tuple[Face, ...] | None = None  # None while a search is under way
        self._unsettled = True
        self._last = (0, math.nan)  # sequence and captured
        self._interval = self._detection = self._classification = 0.0

    @property
    def every(self) -> int:
        """Frames from one search to the next."""
        if self._config.detect_every:
            return self._config.detect_every
        if not self._live or not self._interval or not self._detection:
            return 1
        room = self._workers * self._interval * SPARE - self._classification
        return min(SELDOM, max(1, math.ceil(self._detection / room))) if room > 0 else SELDOM

    def plan(self, frame: Frame) -> Plan:
        """Whether this frame is searched; a few microseconds, and 30 where stillness is asked."""
        self._time(frame)
        sample = _sample(frame.image_bgr) if self._config.still else None
        with self._turn:
            plan = self._choose(frame, sample)
            self.looks[plan.look] += 1
            self._since += 1
            if plan.look == "detect":
                self._searched, self._searched_at = sample, frame.captured
                self._since, self._found = 0, None
        return plan

    def _choose(self, frame: Frame, sample: _Sample | None) -> Plan:
        fresh = frame.captured - self._searched_at < REFRESH
        if self._found is not None and fresh and self._is_still(sample):
            return Plan("still", self._found)
        if self._unsettled or self._since + 1 >= self.every:
            return Plan("detect")
        expected = self._tracker.predict(frame.captured)
        return Plan("follow", tuple(tracked.face for tracked in expected), expected)

    def _is_still(self, sample: _Sample | None) -> bool:
        before = self._searched
        if sample is None or before is None or sample.size != before.size:
            return False
        differing = np.count_nonzero(cv2.absdiff(sample.pixels, before.pixels) > DIFFERENT)
        return bool(differing <= self._config.still * sample.pixels.size)

    def seen(self, plan: Plan, reading: Reading) -> tuple[tuple[Tracked, ...], tuple[Ended, ...]]:
        """The track of each face, and what ended."""
        times = reading.times
        self._classification = _mean(self._classification, times.classification)
        with self._turn:
            if plan.look == "follow":  # a track may have ended since
                found = tuple(
                    replace(tracked, confirmed=self._tracker.knows(tracked.track))
                    for tracked in plan.tracked
                )
                return self._steadied(found, reading), ()
            if plan.look == "detect":
                self._detection = _mean(self._detection, times.detection)
                self._found = reading.faces
            found = self._tracker.update(reading)
            self._unsettled = any(not face.confirmed for face in found)
            return self._steadied(found, reading), self._forget(self._tracker.ended)

    def _steadied(self, found: tuple[Tracked, ...], reading: Reading) -> tuple[Tracked, ...]:
        """With the expression that each track holds."""
        now, steadied = reading.captured, []
        for tracked, expression in zip(found, reading.expressions, strict=True):
            steady = self._steady.get(tracked.track)
            if steady is None:
                steady = Steady(now, self._events)
                if self._tracker.knows(tracked.track):
                    self._steady[tracked.track] = steady
            steady.look(expression, now)
            label, probability = steady.shown
            steadied.append(replace(tracked, label=label, probability=probability))
        return tuple(steadied)

    def _forget(self, ended: tuple[Ended, ...]) -> tuple[Ended, ...]:
        for track in ended:
            self._steady.pop(track.track, None)
        return ended

    def expire(self, captured: float) -> tuple[Ended, ...]:
        """What ended by that moment, for a source that gives no frames."""
        with self._turn:
            return self._forget(self._tracker.expire(captured))

    def finish(self) -> tuple[Ended, ...]:
        """End all tracks, as the source is closed; another may follow, and numbers go on."""
        with self._turn:
            self._found, self._unsettled = None, True
            self._last = (0, math.nan)
            return self._forget(self._tracker.finish())

    def _time(self, frame: Frame) -> None:
        sequence, captured = self._last
        if frame.sequence > sequence and not math.isnan(captured):
            seconds = (frame.captured - captured) / (frame.sequence - sequence)
            self._interval = _mean(self._interval, seconds)
        self._last = frame.sequence, frame.captured


class _Sample(NamedTuple):
    size: tuple[int, ...]
    """Of the picture."""
    pixels: NDArray[np.uint8]
    """About (ROWS, COLUMNS), of the green channel: most of what the eye calls light."""


def _sample(image_bgr: Image) -> _Sample:
    height, width = image_bgr.shape[:2]
    picked = image_bgr[:: max(1, height // ROWS), :: max(1, width // COLUMNS), 1]
    return _Sample(image_bgr.shape, np.ascontiguousarray(picked))


def _mean(before: float, new: float) -> float:
    return new if not before else MEMORY * before + (1 - MEMORY) * new
