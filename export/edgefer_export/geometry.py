"""Where faces stand in FER2013's pictures, so that faces from a camera can be put there too.

FER2013 came cut: 48x48 px that a face nearly fills. The detectors that run on the device are
run on those pictures, enlarged and set into a grey surround, and the medians of what they
find become a recipe's `[preprocessing]`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Box, Face, Image
from edgefer.errors import ConfigError
from edgefer.protocols import Detector
from edgefer.spec import Point
from edgefer_export.data import SIDE, Split

ENLARGED, CANVAS = 192, 320
"""Side of the enlarged picture and of its surround, px: faces of a size both detectors know."""
CORNER = (CANVAS - ENLARGED) // 2

MIN_SCORE = 0.8
MOST_ROLL = 10.0
"""Degrees that the line between the eyes may slope."""
MOST_YAW = 0.15
"""How far the nose may stand from the eyes' middle, along their line, in eye distances."""

MIRRORED = (1, 0, 2, 4, 3)
"""Which landmark each becomes in a mirror image."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """A detector's boxes against the whole picture; medians, in sides of the picture."""

    found: int
    width: float
    height: float
    centre: Point
    margin: float
    """What makes a square of the box's longer side as large as the picture."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What was found, and in how many pictures."""

    rows: int
    frontal: int
    """Pictures with a confident, level, frontal face: those whose landmarks count."""
    landmarks: tuple[Point, ...]
    """Medians, in pixels of a tensor of the size asked for; mirror images of each other."""
    by_landmarks: Boxes
    by_box: Boxes


def measure(split: Split, size: int, by_landmarks: Detector, by_box: Detector) -> Geometry:
    """Run both detectors on every picture of a split, for a tensor of `size` px.

    Raises ConfigError where a detector found no face at all.
    """
    points, framed, boxed = [], [], []
    for grey in split.images:
        canvas = surrounded(grey)
        face = next(iter(by_landmarks.detect(canvas)), None)
        if face is not None and frontal(face):
            points.append(in_picture(np.array(face.landmarks) + 0.5))  # from centres to edges
            framed.append(face.box)
        boxes = [face.box for face in by_box.detect(canvas)]
        if boxes:
            boxed.append(max(boxes, key=lambda box: box.area))
    if not points or not boxed:
        raise ConfigError(
            f"of {len(split)} pictures, {by_landmarks.name} finds a frontal face in {len(points)} "
            f"and {by_box.name} a face in {len(boxed)}; take more with --rows, or other data"
        )
    return Geometry(
        rows=len(split),
        frontal=len(points),
        landmarks=symmetrical(np.median(points, axis=0) * size - 0.5, size),
        by_landmarks=summed_up(framed),
        by_box=summed_up(boxed),
    )


def surrounded(grey: NDArray[np.uint8]) -> Image:
    """(48, 48) -> (CANVAS, CANVAS, 3) uint8, the enlarged picture in the middle of mid-grey."""
    canvas = np.full((CANVAS, CANVAS), 128, np.uint8)
    inside = slice(CORNER, CORNER + ENLARGED)
    canvas[inside, inside] = cv2.resize(grey, (ENLARGED, ENLARGED), interpolation=cv2.INTER_LINEAR)
    return np.repeat(canvas[:, :, None], 3, axis=2)


def in_picture(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates of the canvas, measured from its edge -> sides of the picture, 0 to 1."""
    return (edges - CORNER) / ENLARGED


def frontal(face: Face) -> bool:
    """Level and looking at the camera, by its eyes and nose; False without landmarks."""
    if face.landmarks is None:
        return False
    right, left, nose = (complex(x, y) for x, y in face.landmarks[:3])
    eyes = left - right
    if eyes.real <= 0:
        return False
    yaw = ((nose - (left + right) / 2) / eyes).real
    roll = np.degrees(np.angle(eyes))
    return bool(abs(roll) < MOST_ROLL and abs(yaw) < MOST_YAW)


def symmetrical(points: NDArray[np.float64], size: int) -> tuple[Point, ...]:
    """(5, 2) -> the mean of the points and of their mirror image, to hundredths of a pixel."""
    mirror = points[list(MIRRORED)] * (-1, 1) + (size - 1, 0)
    return tuple((x, y) for x, y in ((points + mirror) / 2).round(2).tolist())


def summed_up(boxes: list[Box]) -> Boxes:
    corners = np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes]).reshape(-1, 2, 2)
    corners = in_picture(corners)  # (n, 2, 2)
    sides = corners[:, 1] - corners[:, 0]
    width, height = np.median(sides, axis=0).tolist()
    x, y = np.median(corners.mean(axis=1), axis=0).tolist()
    margin = float(np.median(1 / sides.max(axis=1))) - 1
    return Boxes(len(boxes), width, height, (x, y), margin)


def to_toml(found: Geometry, command: str) -> str:
    """The recipe's table, with what it rests on in its comments.

    The margin is the box detector's: where there are landmarks, none is needed.
    """
    lines = [
        f"# Measured: {command}",
        f"# Landmarks: medians of {found.frontal} frontal faces among {found.rows} pictures. "
        f"Margin: of {found.by_box.found}",
        f"# boxes without landmarks (side {found.by_box.width:.3f} of the picture, centre "
        f"{found.by_box.centre[0]:.3f}, {found.by_box.centre[1]:.3f}). Boxes with",
        f"# landmarks are {found.by_landmarks.width:.3f} x {found.by_landmarks.height:.3f}, centre "
        f"{found.by_landmarks.centre[0]:.3f}, {found.by_landmarks.centre[1]:.3f}; "
        f"their margin would be {found.by_landmarks.margin:.3f}.",
        "[preprocessing]",
        f"margin = {found.by_box.margin:.3f}",
        "landmarks = [",
        *(f"    [{x}, {y}]," for x, y in found.landmarks),
        "]",
    ]
    return "\n".join(lines)


def sample(split: Split, rows: int, seed: int) -> Split:
    """That many rows, or all, picked at random."""
    order = np.random.default_rng(seed).permutation(len(split))
    return split.where(order[:rows])


assert ENLARGED % SIDE == 0  # whole factors keep every pixel's weight equal
