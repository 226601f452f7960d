"""From a frame to the smaller picture that a detector works on."""

from __future__ import annotations

import cv2
import numpy as np

from edgefer.data import Image
from edgefer.errors import SourceError


def fitting(image_bgr: Image, longest: int) -> tuple[int, int]:
    """(height, width) of the picture scaled down, never up, until its longer side fits.

    Raises SourceError where the picture is not (H, W, 3) uint8 with H, W >= 1.
    """
    if (
        not isinstance(image_bgr, np.ndarray)
        or image_bgr.dtype != np.uint8
        or image_bgr.ndim != 3
        or image_bgr.shape[2] != 3
        or image_bgr.size == 0
    ):
        raise SourceError(
            f"a frame is {_described(image_bgr)}; detectors take (H, W, 3) uint8, "
            "blue-green-red, of at least one pixel"
        )
    height, width = image_bgr.shape[:2]
    longer = max(height, width)
    if longer <= longest:
        return height, width
    return max(1, round(height * longest / longer)), max(1, round(width * longest / longer))


def shrink(image_bgr: Image, into: Image) -> None:
    """Fill `into`, of the size that is `fitting`, with the whole picture."""
    height, width = image_bgr.shape[:2]
    h, w = into.shape[:2]
    if (h, w) == (height, width):
        into[:] = image_bgr
        return
    # Averaging costs as little as interpolating only where the factor is whole;
    # elsewhere it takes fifteen times as long, as much as the network itself.
    whole = width % w == 0 and height % h == 0
    how = cv2.INTER_AREA if whole else cv2.INTER_LINEAR
    cv2.resize(image_bgr, (w, h), dst=into, interpolation=how)


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return f"a {type(value).__name__}"
