"""A pen for smooth, drawn shapes, and what is drawn with it: arcs, and shades of a colour."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Box

Colour = tuple[float, float, float]
"""Blue, green, red, 0 to 255."""
Points = Sequence[tuple[float, float]]


class Pen:
    """Draws smooth shapes, given in units of `unit` pixels, onto an image whose upper left corner
    is that of `corner`, in units too."""

    def __init__(self, image: NDArray[np.uint8], unit: float, corner: Box) -> None:
        self.image, self.unit, self._corner = image, unit, (corner.x1, corner.y1)

    def _pixels(self, points: Points) -> NDArray[np.int32]:
        # OpenCV takes sixteenths of a pixel with shift=4.
        sixteenths = (np.array(points) - self._corner) * (self.unit * 16)
        return np.asarray(np.rint(sixteenths), np.int32)

    def fill(self, points: Points, colour: Colour) -> None:
        """A closed shape."""
        cv2.fillPoly(self.image, [self._pixels(points)], colour, cv2.LINE_AA, 4)

    def stroke(self, points: Points, colour: Colour, width: float) -> None:
        """An open line, `width` units thick."""
        thick = max(1, round(width * self.unit))
        cv2.polylines(self.image, [self._pixels(points)], False, colour, thick, cv2.LINE_AA, 4)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        """A filled, upright ellipse."""
        self.fill(arc(x, y, rx, ry), colour)


def arc(
    x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360, steps: int = 40
) -> list[tuple[float, float]]:
    """Points of an ellipse from `start` to `end` degrees; 90 is below the centre."""
    turns = [math.radians(start + (end - start) * i / (steps - 1)) for i in range(steps)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns]


def shade(colour: Colour, factor: float) -> Colour:
    """The colour, brighter above 1 and darker below."""
    blue, green, red = (min(255.0, channel * factor) for channel in colour)
    return blue, green, red
