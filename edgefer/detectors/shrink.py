"""From a frame to the smaller picture that a detector works on."""

from __future__ import annotations

import threading

import cv2
import numpy as np

from edgefer.data import Image
from edgefer.errors import SourceError


class Shrink(threading.local):
    """Scales pictures down until their longer side fits; each thread has its own buffer."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._into: Image = np.empty((0, 0, 3), np.uint8)

    def __call__(self, image_bgr: Image) -> Image:
        """(H, W, 3) uint8 -> (h, w, 3) uint8 with max(h, w) <= longest: the picture itself
        where it is small enough, otherwise a buffer that this thread's next call overwrites.

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
        if longer <= self._longest:
            return image_bgr
        w = max(1, round(width * self._longest / longer))
        h = max(1, round(height * self._longest / longer))
        if self._into.shape[:2] != (h, w):
            self._into = np.empty((h, w, 3), np.uint8)
        # Averaging costs as little as interpolating only where the factor is whole;
        # elsewhere it takes fifteen times as long, as much as the network itself.
        whole = width % w == 0 and height % h == 0
        how = cv2.INTER_AREA if whole else cv2.INTER_LINEAR
        cv2.resize(image_bgr, (w, h), dst=self._into, interpolation=how)
        return self._into


def _described(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    return f"a {type(value).__name__}"
