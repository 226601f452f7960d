"""Picture files for the tests of loaders: each is noise of its own, so that none is a copy."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edgefer.data import Image


def noise(number: int, height: int = 20, width: int = 20) -> Image:
    """(height, width, 3) uint8, always the same for one number."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_picture(path: Path, image: Image) -> Path:
    """Without a loss where the name ends in .png; the folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def fill(folder: Path, count: int, first: int) -> None:
    """`count` pictures of 20 x 20, noise numbers `first` and on."""
    for number in range(first, first + count):
        write_picture(folder / f"{number}.png", noise(number))
