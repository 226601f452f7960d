"""The Haar cascade that comes inside OpenCV 4: no model to fetch, frontal faces only."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from edgefer.config import DetectorConfig
from edgefer.data import Box, Face, Image
from edgefer.detectors.shrink import fitting, shrink
from edgefer.errors import ModelError, NotInstalled

CASCADE = "haarcascade_frontalface_default.xml"

_SCALE_FACTOR = 1.2
"""Between the sizes at which the window is tried. Beside 1.1 it halves the time; at 320 px
it finds 8 of 12 faces of 50 px where 1.1 finds 10, and fewer things that are no face."""

_NEIGHBOURS = 5
"""Overlapping hits that make a face: with 4 and fewer, a textured background becomes one."""


class Haar:
    """Viola-Jones on equalised grey. Any number of threads may call `detect` at once."""

    exclusive = False

    def __init__(self, config: DetectorConfig) -> None:
        """Raises NotInstalled under OpenCV 5, ModelError where the cascade cannot be read."""
        self.name = f"haar {config.size}"
        self._config = config
        self._own = _Cascade(cascade_file())

    def working(self, image_bgr: Image) -> Image:
        """The picture that it looks at, (h, w) uint8."""
        small = self._own.shrunk(image_bgr, fitting(image_bgr, self._config.size))
        grey = cv2.equalizeHist(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
        return np.asarray(grey, np.uint8)

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        """Faces, those with the most overlapping hits first; every score is 1.

        (H, W, 3) uint8 in; raises SourceError for anything else.
        """
        grey = self.working(image_bgr)
        sx = image_bgr.shape[1] / grey.shape[1]
        sy = image_bgr.shape[0] / grey.shape[0]
        least = max(1, round(self._config.min_face / max(sx, sy)))
        boxes, hits = self._own.cascade.detectMultiScale2(
            grey, scaleFactor=_SCALE_FACTOR, minNeighbors=_NEIGHBOURS, minSize=(least, least)
        )
        if len(boxes) == 0:
            return ()
        found = np.asarray(boxes)[np.argsort(-np.asarray(hits), kind="stable")] * (sx, sy, sx, sy)
        faces = (
            Face(Box(x, y, x + w, y + h), score=1.0)
            for x, y, w, h in found.tolist()
            if min(w, h) >= self._config.min_face
        )
        return tuple(faces)[: self._config.max_faces]

    def close(self) -> None:
        """Nothing outside Python's memory is held."""


class _Cascade(threading.local):
    """A classifier and a buffer for each thread: OpenCV's keeps the picture it is working on in
    itself."""

    def __init__(self, path: Path) -> None:
        self._small: Image = np.empty((0, 0, 3), np.uint8)
        self.cascade = cv2.CascadeClassifier()
        try:
            loaded, why = self.cascade.load(str(path)), ""
        except cv2.error as exc:
            loaded, why = False, f" ({exc})"
        if not loaded:
            raise ModelError(
                f"OpenCV {cv2.__version__} cannot read its own {path}{why}. Reinstall it: "
                "pip install --force-reinstall 'opencv-python-headless<5'"
            )

    def shrunk(self, image_bgr: Image, size: tuple[int, int]) -> Image:
        """The picture in (height, width): itself where it has that size, otherwise a buffer that
        this thread's next call overwrites."""
        if image_bgr.shape[:2] == size:
            return image_bgr
        if self._small.shape[:2] != size:
            self._small = np.empty((*size, 3), np.uint8)
        shrink(image_bgr, self._small)
        return self._small


def cascade_file() -> Path:
    """Where OpenCV keeps the cascade. Raises NotInstalled where it has none, as OpenCV 5."""
    folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
    path = Path(folder or "") / CASCADE
    if folder and path.is_file() and hasattr(cv2, "CascadeClassifier"):
        return path
    raise NotInstalled(
        f"OpenCV {cv2.__version__} has no Haar cascades; version 5 dropped them. "
        "Install 'opencv-python-headless<5', or use yunet: edgefer pull yunet"
    )
