"""The records that travel: Frame -> Detected -> Reading. Frozen; nothing travels back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, blue-green-red, as OpenCV reads it."""

Landmarks = tuple[
    tuple[float, float],
    tuple[float, float],
    tuple[float, float],
    tuple[float, float],
    tuple[float, float],
]
"""Right eye, left eye, nose, right and left mouth corner (the person's right), in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """(x1, y1, x2, y2) in pixels of the full frame, half-open; it may reach over the edge."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return max(0.0, self.width) * max(0.0, self.height)

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face."""

    box: Box
    score: float
    """The detector's own confidence, 0 to 1; 1 where it has none."""
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture from a source."""

    image_bgr: Image
    sequence: int
    """Counted by the source from 0; a gap is a frame that was dropped before it was read."""
    captured: float
    """`time.perf_counter()` seconds: when a camera delivered it, or when a file's read began."""


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """A frame and the faces found in it."""

    frame: Frame
    faces: tuple[Face, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """What a classifier says of one face: a label for how it looks, not for what is felt."""

    labels: tuple[str, ...]
    """From the model's spec; shared by all its expressions."""
    probs: tuple[float, ...]
    """One probability per label; they sum to 1."""

    @property
    def label(self) -> str:
        """The most probable label."""
        return self.labels[self.probs.index(max(self.probs))]

    @property
    def probability(self) -> float:
        """Of `label`, 0 to 1."""
        return max(self.probs)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A face and its track."""

    track: int
    """From 1; never given twice for one source."""
    face: Face
    """As detected; where `predicted`, where it is expected."""
    box: Box
    """The filter's estimate, steadier than the detected box."""
    age: float
    """Seconds since the track's first face."""
    hits: int
    """Detections so far."""
    confirmed: bool
    """It was detected often enough in a row to count; once true, it stays true."""
    predicted: bool = False
    label: str = ""
    """The expression that it is said to show, smoothed over time and with hysteresis
    (tracking/steady.py); "" before anything looked."""
    probability: float = 0.0
    """Of `label`, smoothed, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A track that is over."""

    track: int
    first: float
    """`captured` of its first face and of its last."""
    last: float
    confirmed: bool


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds one frame spent in each stage; waiting for another worker of the same pipeline is
    excluded, waiting for a device that other cameras share is not."""

    capture: float
    """Waiting for a picture that did not exist yet is not work and does not count."""
    detection: float
    """0.0 where the frame was not searched for faces."""
    classification: float
    """Crop, preprocess, infer and decode of all its faces; 0.0 where there was no face."""


Look = Literal["detect", "follow", "still"]
"""Searched for faces; faces taken from where they are expected; the same picture as before."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Everything known about one frame, in the order of the frames."""

    sequence: int
    captured: float
    """`time.perf_counter()` seconds, from the frame."""
    published: float
    """`time.perf_counter()` seconds when it left the pipeline; the difference is its age."""
    size: tuple[int, int]
    """Width and height of the frame, px."""
    faces: tuple[Face, ...]
    expressions: tuple[Expression, ...]
    """One per face, in the same order."""
    times: StageTimes
    image_bgr: Image | None = None
    """The frame itself, only where a preview was asked for."""
    look: Look = "detect"
    """Where its faces are from (following.py)."""
    tracked: tuple[Tracked, ...] = ()
    """One per face, in the same order, where faces are followed; else ()."""
    ended: tuple[Ended, ...] = ()
    """Tracks that are over since the reading before."""

    @property
    def age(self) -> float:
        """Seconds from capture to publication."""
        return self.published - self.captured

    @property
    def shown(self) -> tuple[tuple[str, float], ...]:
        """The label and its probability that each face is shown with: its track's, which does not
        flicker, or where faces are not followed this frame's own."""
        if self.tracked:
            return tuple((face.label, face.probability) for face in self.tracked)
        return tuple((one.label, one.probability) for one in self.expressions)
