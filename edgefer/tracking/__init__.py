"""Which face is the same face as in the frames before: a Kalman filter and overlap, as in SORT.

A. Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, arXiv:1602.00763. What differs:
time is the frame's `captured` and not a count of frames, the noise is relative to the face's size
and not in pixels, overlap below the threshold is ruled out before the assignment, and a face that
no track is expected at may be one that stayed where it was last seen.

Position and overlap are all that is known of a face. Two that change places from one frame to
the next change their numbers too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from edgefer.config import TrackingConfig
from edgefer.data import Box, Ended, Face, Reading, Tracked
from edgefer.tracking.assignment import associate
from edgefer.tracking.track import Track


class Tracker:
    """Gives each face of each reading a track. Not for several threads; it reads no clock."""

    def __init__(self, config: TrackingConfig) -> None:
        self.config = config
        self.ended: tuple[Ended, ...] = ()
        """Tracks that the last call of `update`, `expire` or `finish` ended, by their number."""
        self.late = 0
        """Readings that were captured before one that came earlier."""
        self._tracks: list[Track] = []
        self._next = 1
        self._now = -math.inf
        self._size: tuple[int, int] | None = None

    def update(self, reading: Reading) -> tuple[Tracked, ...]:
        """One for each face, in the order of the faces.

        A late reading finds its tracks but changes none; a face of it that has no track gets a
        number that never comes again. One that is late by more than `seconds` belongs to another
        clock, and everything begins anew. A frame of another size shows the same view, scaled.
        """
        now = reading.captured
        over: list[Track] = []
        if now < self._now:
            if self._now - now <= self.config.seconds:
                return self._look_up(reading)
            over, self._tracks = self._tracks, []
        over += self._take(lambda track: now - track.last > self.config.seconds)
        self._now = now
        self._scale_to(reading.size)
        for track in self._tracks:
            track.advance(now)
        found = self._find(reading.faces, now)
        seen = {id(track) for track in found.values()}
        for track in self._tracks:
            if id(track) not in seen:
                track.misses += 1
        over += self._take(
            lambda track: (
                track.misses >= self.config.misses or (track.misses > 0 and not track.confirmed)
            )
        )
        tracked = []
        for n, face in enumerate(reading.faces):
            if n in found:
                found[n].see(face)
            else:
                found[n] = Track(self._number(), face, now)
                self._tracks.append(found[n])
            found[n].confirmed |= found[n].hits >= self.config.hits
            tracked.append(found[n].tracked(face, now))
        self._end(over)
        return tuple(tracked)

    def predict(self, captured: float) -> tuple[Tracked, ...]:
        """Where the faces of the last update are expected at that moment, by their number.

        For frames in which nothing is detected. Only tracks that count; a face that the last
        detection itself missed is not made up. It changes nothing.
        """
        return tuple(
            track.tracked(track.expected(captured), captured, predicted=True)
            for track in self._tracks
            if track.confirmed and not track.misses
            if captured - track.last <= self.config.seconds
        )

    def knows(self, track: int) -> bool:
        """Whether it has not ended."""
        return any(known.number == track for known in self._tracks)

    def expire(self, captured: float) -> tuple[Ended, ...]:
        """End what was not seen for `seconds` at that moment: for a source that gives no frames."""
        return self._end(self._take(lambda track: captured - track.last > self.config.seconds))

    def finish(self) -> tuple[Ended, ...]:
        """End all tracks; numbers go on after it."""
        return self._end(self._take(lambda _: True))

    def _take(self, over: Callable[[Track], bool]) -> list[Track]:
        taken = [track for track in self._tracks if over(track)]
        if taken:
            self._tracks = [track for track in self._tracks if not over(track)]
        return taken

    def _end(self, over: list[Track]) -> tuple[Ended, ...]:
        over.sort(key=lambda track: track.number)
        self.ended = tuple(Ended(t.number, t.first, t.last, t.confirmed) for t in over)
        return self.ended

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _find(self, faces: Sequence[Face], when: float) -> dict[int, Track]:
        """The track of each face that has one, by the face's place."""
        places, tracks = range(len(faces)), self._tracks
        found = self._pair(faces, places, tracks, [track.box_at(when) for track in tracks])
        # Who turns back while frames are missing is not where the velocity says.
        taken = {id(track) for track in found.values()}
        places_left = [n for n in places if n not in found]
        tracks_left = [track for track in tracks if id(track) not in taken]
        last_seen = [track.face.box for track in tracks_left]
        found.update(self._pair(faces, places_left, tracks_left, last_seen))
        return found

    def _pair(
        self, faces: Sequence[Face], places: Sequence[int], tracks: Sequence[Track], at: list[Box]
    ) -> dict[int, Track]:
        pairs = associate(at, [faces[n].box for n in places], self.config.min_iou)
        return {places[face]: tracks[track] for face, track in pairs.items()}

    def _look_up(self, reading: Reading) -> tuple[Tracked, ...]:
        self.late += 1
        self.ended = ()
        now, found = reading.captured, self._find(reading.faces, reading.captured)
        return tuple(
            found[n].tracked(face, now)
            if n in found
            else Tracked(self._number(), face, face.box, 0.0, 1, confirmed=False)
            for n, face in enumerate(reading.faces)
        )

    def _scale_to(self, size: tuple[int, int]) -> None:
        if self._size not in (None, size):
            across, down = (new / old for new, old in zip(size, self._size, strict=True))
            for track in self._tracks:
                track.scale(across, down)
        self._size = size
