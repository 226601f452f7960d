"""One face's track: a Kalman filter on its centre, area and aspect, after time and not frames."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

from edgefer.data import Box, Face, Landmarks, Tracked

# Standard deviations, in sides (the root of the area) or areas of the face itself. The centre's
# are about those of DeepSORT (Wojke et al. 2017, arXiv:1703.07402) at 30 frames a second: 1/20 of
# the height and, a frame, 1/160 of it: sqrt(30) * 30 / 160 = 1.03 a second; 10 / 160 at birth.
CENTRE_NOISE, AREA_NOISE, ASPECT_NOISE = 0.05, 0.1, 0.05
CENTRE_DRIFT, AREA_DRIFT, ASPECT_DRIFT = 1.0, 1.0, 0.1
"""How far the velocity (of the aspect: the value) strays in a second; with its square root."""
CENTRE_SPEED, AREA_SPEED = 2.0, 2.0
"""Of the velocity at birth, which is taken as 0, a second."""
LEAST = 1e-3
"""Pixels that a box without width or height is given, so that it has an aspect."""


class Axis:
    """A value and its velocity, with their covariance [[a, b], [b, c]].

    SORT's filter has seven values, but none of its matrices ties the centre's two, the area and
    the aspect together: it is four of these, exactly.
    """

    __slots__ = ("a", "b", "c", "v", "x")

    def __init__(self, x: float, noise: float, speed: float) -> None:
        self.x, self.v = x, 0.0
        self.a, self.b, self.c = noise * noise, 0.0, speed * speed

    def advance(self, dt: float, stray: float, drift: float = 0.0) -> None:
        """`dt` seconds on; each second, velocity strays by `drift` and the value by `stray`."""
        q = drift * drift
        self.x += self.v * dt
        self.a += dt * (2 * self.b + stray * stray + dt * (self.c + q * dt / 3))
        self.b += dt * (self.c + q * dt / 2)
        self.c += q * dt

    def correct(self, seen: float, noise: float) -> None:
        """Take a measurement in, of that standard deviation."""
        whole = self.a + noise * noise
        gain, gain_v, wrong = self.a / whole, self.b / whole, seen - self.x
        self.x += gain * wrong
        self.v += gain_v * wrong
        self.c -= gain_v * self.b
        self.b -= gain * self.b
        self.a -= gain * self.a

    def scale(self, by: float) -> None:
        """Into other units."""
        self.x, self.v = self.x * by, self.v * by
        self.a, self.b, self.c = self.a * by * by, self.b * by * by, self.c * by * by


class Track:
    """The filter, and how often the face was seen."""

    def __init__(self, number: int, face: Face, captured: float) -> None:
        self.number, self.face = number, face
        self.first = self.last = self.time = captured
        """`captured` of the first and the last face, and of the filter's state."""
        self.hits, self.misses, self.confirmed = 1, 0, False
        x, y, area, aspect = _measured(face.box)
        side = math.sqrt(area)
        self._x = Axis(x, CENTRE_NOISE * side, CENTRE_SPEED * side)
        self._y = Axis(y, CENTRE_NOISE * side, CENTRE_SPEED * side)
        self._area = Axis(area, AREA_NOISE * area, AREA_SPEED * area)
        self._aspect = Axis(aspect, ASPECT_NOISE * aspect, 0.0)

    def advance(self, captured: float) -> None:
        """On to that moment, which is not before the last."""
        dt, self.time = captured - self.time, captured
        if self._area.x + self._area.v * dt <= 0:
            self._area.v = 0.0  # as SORT does: a face does not shrink to nothing
        area = self._area.x
        side = math.sqrt(area)
        self._x.advance(dt, 0.0, CENTRE_DRIFT * side)
        self._y.advance(dt, 0.0, CENTRE_DRIFT * side)
        self._area.advance(dt, 0.0, AREA_DRIFT * area)
        self._aspect.advance(dt, ASPECT_DRIFT * self._aspect.x)

    def see(self, face: Face) -> None:
        """The face, at the moment that the filter was advanced to."""
        self.face, self.last = face, self.time
        self.hits, self.misses = self.hits + 1, 0
        x, y, area, aspect = _measured(face.box)
        side = math.sqrt(area)
        self._x.correct(x, CENTRE_NOISE * side)
        self._y.correct(y, CENTRE_NOISE * side)
        self._area.correct(area, AREA_NOISE * area)
        self._aspect.correct(aspect, ASPECT_NOISE * aspect)

    def scale(self, across: float, down: float) -> None:
        """The frame became so many times wider and higher."""
        self._x.scale(across)
        self._y.scale(down)
        self._area.scale(across * down)
        self._aspect.scale(across / down)
        box = self.face.box
        larger = Box(box.x1 * across, box.y1 * down, box.x2 * across, box.y2 * down)
        self.face = _moved(self.face, larger)

    def box_at(self, captured: float) -> Box:
        """The expected box, also a little before the filter's state."""
        dt = captured - self.time
        area = self._area.x + self._area.v * dt
        if area <= 0:
            area = self._area.x
        width = math.sqrt(area * self._aspect.x)
        height = area / width
        x, y = self._x.x + self._x.v * dt, self._y.x + self._y.v * dt
        return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)

    def expected(self, captured: float) -> Face:
        """The last face, with its landmarks, moved to the expected box."""
        return _moved(self.face, self.box_at(captured))

    def tracked(self, face: Face, captured: float, *, predicted: bool = False) -> Tracked:
        box = face.box if predicted else self.box_at(captured)
        age = max(0.0, captured - self.first)
        return Tracked(self.number, face, box, age, self.hits, self.confirmed, predicted)


def _measured(box: Box) -> tuple[float, float, float, float]:
    """Centre, area and aspect (width to height)."""
    width, height = max(box.width, LEAST), max(box.height, LEAST)
    return (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2, width * height, width / height


def _moved(face: Face, box: Box) -> Face:
    if face.landmarks is None:
        return replace(face, box=box)
    old = face.box
    across = box.width / max(old.width, LEAST)
    down = box.height / max(old.height, LEAST)
    points = tuple(
        (box.x1 + (x - old.x1) * across, box.y1 + (y - old.y1) * down) for x, y in face.landmarks
    )
    return replace(face, box=box, landmarks=cast("Landmarks", points))
