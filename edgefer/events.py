"""What is worth telling of each tracked face: that it came, went, or changed its expression.

A reading a frame is a flood; these are few. Probabilities are smoothed over time, not frames, and
a new expression must lead the old one by a margin for a while. Limits hold back what is still too
much, and count it. What was held back is made up for as soon as the limit allows, so that whoever
listens is never left with a wrong picture:

    {"event": "face_appeared", "track": 3, "sequence": 71, "captured": 12.41}
    {"event": "expression_changed", "track": 3, "sequence": 95, "captured": 13.22,
     "before": null, "after": "happy", "probability": 0.83, "lasted": 0.81}
    {"event": "face_left", "track": 3, "sequence": 400, "captured": 24.0, "duration": 10.6}
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from edgefer.config import EventsConfig
from edgefer.data import Ended, Expression, Reading, Tracked
from edgefer.tracking.steady import Steady

MINUTE = 60.0

Limit = Literal["track", "overall"]


@dataclass(frozen=True, slots=True)
class FaceAppeared:
    """A new face was seen often enough to count."""

    track: int
    sequence: int
    """Of the newest frame at the time."""
    captured: float
    """`time.perf_counter()` seconds of the moment that made it known."""

    def as_record(self) -> dict[str, Any]:
        return {"event": "face_appeared", **_place(self)}


@dataclass(frozen=True, slots=True)
class FaceLeft:
    """A face that was told of is no longer seen."""

    track: int
    sequence: int
    captured: float
    duration: float
    """Seconds from the first to the last time that it was detected."""

    def as_record(self) -> dict[str, Any]:
        return {"event": "face_left", **_place(self), "duration": round(self.duration, 3)}


@dataclass(frozen=True, slots=True)
class ExpressionChanged:
    """A face looks different from what was last told of it."""

    track: int
    sequence: int
    captured: float
    before: str | None
    """What was last told; None the first time."""
    after: str
    probability: float
    """Of `after`, smoothed, 0 to 1."""
    lasted: float
    """Seconds that `before` stood; the first time, since the face was first detected."""

    def as_record(self) -> dict[str, Any]:
        return {
            "event": "expression_changed",
            **_place(self),
            "before": self.before,
            "after": self.after,
            "probability": round(self.probability, 4),
            "lasted": round(self.lasted, 3),
        }


Event = FaceAppeared | FaceLeft | ExpressionChanged


def _place(event: Event) -> dict[str, Any]:
    return {
        "track": event.track,
        "sequence": event.sequence,
        "captured": round(event.captured, 6),
    }


class Events:
    """Readings in, in order, with their tracks; events out. Not for several threads; it reads no
    clock."""

    def __init__(self, config: EventsConfig) -> None:
        self.config = config
        self.suppressed: Counter[tuple[str, Limit]] = Counter()
        """Events that were never told, by kind ("face_appeared", ...) and the limit that held
        them back. One that is only told later is not among them."""
        self._faces: dict[int, _Known] = {}
        self._told = _Window(config.overall)
        self._newest = (-math.inf, 0)  # captured and sequence, of the newest frame

    def update(
        self, reading: Reading, tracked: Sequence[Tracked], ended: Sequence[Ended]
    ) -> tuple[Event, ...]:
        """The events of one reading: first the faces that left, then the others in their order.

        `tracked` is one for each face of the reading, as Tracker gives it; `ended` what it ended:
        a track that is never named there is kept for ever. Raises ValueError where faces and
        tracks are not equally many.
        """
        now = reading.captured
        # Not the highest number: a source that is opened again may count from 0.
        self._newest = max(self._newest, (now, reading.sequence))
        events: list[Event] = list(self.left(ended, now))
        for face, expression in zip(tracked, reading.expressions, strict=True):
            if not face.confirmed:
                continue
            known = self._faces.get(face.track)
            if known is None:
                known = _Known(face.track, now - face.age, self.config)
                self._faces[face.track] = known
            known.look(expression, now)
            events += self._tell(known, now)
        return tuple(events)

    def left(self, ended: Sequence[Ended], captured: float) -> tuple[FaceLeft, ...]:
        """For tracks that ended at that moment, without a reading or with one.

        No limit holds FaceLeft back, so that each FaceAppeared has its end.
        """
        events = []
        for track in ended:
            known = self._faces.pop(track.track, None)
            if known is None:
                continue
            if known.pending:
                self.suppressed["expression_changed", known.held_by] += 1
            if known.announced:
                seconds = track.last - track.first
                events.append(FaceLeft(track.track, self._newest[1], captured, seconds))
            else:
                self.suppressed["face_appeared", "overall"] += 1
                self.suppressed["face_left", "overall"] += 1
        return tuple(events)

    def _tell(self, known: _Known, now: float) -> list[Event]:
        events: list[Event] = []
        if not known.announced:
            if not self._told.has_room(now):
                known.held_by = "overall"
                self._count(known)
                return events
            self._told.add(now)
            known.announced = True
            events.append(FaceAppeared(known.track, self._newest[1], now))
        if known.pending:
            if not known.window.has_room(now):
                known.held_by = "track"
            elif not self._told.has_room(now):
                known.held_by = "overall"
            else:
                self._told.add(now)
                known.window.add(now)
                events.append(known.tell(self._newest[1], now))
        self._count(known)
        return events

    def _count(self, known: _Known) -> None:
        """Changes that another change overtook before they could be told."""
        if known.overtaken:
            self.suppressed["expression_changed", known.held_by] += known.overtaken
            known.overtaken = 0


class _Window:
    """At most so many events in any minute."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def has_room(self, now: float) -> bool:
        # abs: a clock that began anew must not close the window until it has caught up.
        while self._times and abs(now - self._times[0]) >= MINUTE:
            self._times.popleft()
        return len(self._times) < self._limit

    def add(self, now: float) -> None:
        self._times.append(now)


class _Known:
    """One face: which expression holds, and which one was told."""

    def __init__(self, track: int, first: float, config: EventsConfig) -> None:
        self.track, self.announced = track, False
        self.window = _Window(config.per_track)
        self.held_by: Limit = "overall"
        self.overtaken = 0
        self._steady = Steady(first, config)
        self._told: str | None = None
        self._told_since = first

    @property
    def pending(self) -> bool:
        """The expression that holds is not the one that was told."""
        return self._steady.label != self._told

    def look(self, expression: Expression, now: float) -> None:
        """See whether another expression holds now."""
        waited = self.pending
        if self._steady.look(expression, now) and waited:
            self.overtaken += 1 + (not self.pending)  # the way there and back is two

    def tell(self, sequence: int, now: float) -> ExpressionChanged:
        steady = self._steady
        assert steady.label is not None
        before, lasted = self._told, steady.since - self._told_since
        self._told, self._told_since = steady.label, steady.since
        return ExpressionChanged(
            self.track,
            sequence,
            now,
            before,
            steady.label,
            steady.probability(steady.label),
            lasted,
        )
