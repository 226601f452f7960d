"""What the detector tests share: pictures, and the number of faces in each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face, Image

ONE_FACE = ("astronaut.png", "grace_hopper.jpg")
TWELVE_FACES = "london_group12.jpg"


def picture(shared: Path, name: str) -> Image:
    """(H, W, 3) uint8, blue-green-red."""
    image = cv2.imread(str(shared / "media" / name))
    assert image is not None, name
    return image  # type: ignore[return-value]  # cv2 says integer or floating; imread gives uint8


def landmarks(face: Face) -> NDArray[np.float64]:
    """(5, 2) float64, pixels."""
    assert face.landmarks is not None
    return np.array(face.landmarks)
