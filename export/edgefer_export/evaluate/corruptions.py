"""Named, repeatable ways in which pictures from a camera differ from those of a data set.

Lengths are given for a picture 48 px wide and grow with it, so that a name means the same harm
at any size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Pictures = NDArray[np.uint8]
"""(N, H, W) grey or (N, H, W, 3) blue-green-red."""

SIDE = 48
NOISE_SEED = 0
EYES = (0.28, 0.47)
MOUTH = (0.66, 0.86)
"""Bands of the height. In FER2013's pictures the eyes' medians lie at 0.38 of it and the
mouth's corners at 0.77 (`edgefer-export geometry`)."""
COVER = 128


def same(pictures: Pictures) -> Pictures:
    """The pictures themselves."""
    return pictures


@dataclass(frozen=True, slots=True)
class Corruption:
    """One column of the table: a change of the pictures, or of the box around the face."""

    name: str
    about: str
    change: Callable[[Pictures], Pictures] = same
    scale: float = 1.0
    """Of the box, see `edgefer_export.evaluate.tensors`."""


def brighter(pictures: Pictures, levels: int) -> Pictures:
    """Add grey levels, cut off at 0 and 255."""
    return _whole(pictures.astype(np.int16) + levels)


def contrast(pictures: Pictures, factor: float) -> Pictures:
    """Move each pixel away from, or towards, its own picture's mean."""
    axes = tuple(range(1, pictures.ndim))
    mean = pictures.mean(axis=axes, keepdims=True, dtype=np.float32)
    moved = mean + np.float32(factor) * (pictures - mean)
    return _whole(moved)


def blurred(pictures: Pictures, sigma: float) -> Pictures:
    """Gaussian blur of a standard deviation in px of a 48 px picture."""
    wide = sigma * pictures.shape[2] / SIDE
    return _each(pictures, lambda image: cv2.GaussianBlur(image, (0, 0), wide))


def noisy(pictures: Pictures, sigma: float) -> Pictures:
    """Add Gaussian noise of a standard deviation in grey levels, another for each pixel."""
    rng = np.random.default_rng(NOISE_SEED)
    noise = rng.standard_normal(pictures.shape, np.float32) * np.float32(sigma)
    return _whole(pictures + noise)


def jpeg(pictures: Pictures, quality: int) -> Pictures:
    """Compress as JPEG and read again."""

    def through(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        done, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        assert done  # any uint8 picture can be
        read = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
        assert read is not None
        return np.asarray(read, np.uint8)

    return _each(pictures, through)


def turned(pictures: Pictures, degrees: float) -> Pictures:
    """Turn about the middle, anticlockwise where positive; edge pixels fill the corners."""
    height, width = pictures.shape[1:3]
    affine = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return _each(
        pictures,
        lambda image: cv2.warpAffine(
            image, affine, (width, height), borderMode=cv2.BORDER_REPLICATE
        ),
    )


def covered(pictures: Pictures, band: tuple[float, float]) -> Pictures:
    """Paint a band over the whole width mid-grey; its edges are shares of the height."""
    out: Pictures = pictures.copy()
    top, bottom = (round(share * pictures.shape[1]) for share in band)
    out[:, top:bottom] = COVER
    return out


def _whole(values: NDArray[Any]) -> Pictures:
    """Rounded, and cut off at what a pixel can hold."""
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


def _each(pictures: Pictures, change: Callable[[NDArray[np.uint8]], object]) -> Pictures:
    return np.stack([np.asarray(change(image), np.uint8) for image in pictures])


CROPS = (0.8, 0.85, 0.9, 1.1, 1.15, 1.2)

CORRUPTIONS: tuple[Corruption, ...] = (
    Corruption("brightness -50", "50 grey levels darker", partial(brighter, levels=-50)),
    Corruption("brightness +50", "50 grey levels brighter", partial(brighter, levels=50)),
    Corruption("contrast x0.5", "half the distance from the mean", partial(contrast, factor=0.5)),
    Corruption("contrast x1.5", "1.5 times the distance", partial(contrast, factor=1.5)),
    Corruption("blur 1 px", "Gaussian, sigma 1 px at 48 px", partial(blurred, sigma=1.0)),
    Corruption("noise 10", "Gaussian, sigma 10 grey levels, seed 0", partial(noisy, sigma=10.0)),
    Corruption("jpeg 20", "JPEG of quality 20", partial(jpeg, quality=20)),
    Corruption("rotation -15", "15 degrees clockwise", partial(turned, degrees=-15.0)),
    Corruption("rotation +15", "15 degrees anticlockwise", partial(turned, degrees=15.0)),
    Corruption(
        "eyes covered", "grey band, 0.28 to 0.47 of the height", partial(covered, band=EYES)
    ),
    Corruption("mouth covered", "grey band, 0.66 to 0.86", partial(covered, band=MOUTH)),
    *(Corruption(f"crop x{s:g}", f"box {s:g} times as large", scale=s) for s in CROPS),
)
