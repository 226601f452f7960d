"""YuNet on ONNX Runtime: the scaling before it and the decoding behind it.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023. The network predicts, for
each cell of three grids (strides 8, 16 and 32 px), whether a face is centred there, its box and
five landmarks. Takes (1, 3, H, W) float32, blue-green-red, 0 to 255, H and W multiples of 32.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.config import DetectorConfig
from edgefer.data import Box, Face, Image
from edgefer.detectors.shrink import Shrink
from edgefer.engines.session import on_cpu, open_session, run
from edgefer.errors import ConfigError, InferenceError, ModelError
from edgefer.turns import short_work

if TYPE_CHECKING:
    from edgefer.engines.session import InferenceSession

Array = NDArray[np.float32]

STRIDES = (8, 16, 32)
OUTPUTS = tuple(f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in STRIDES)
NMS_IOU = 0.3
"""Of two boxes that overlap by more, the less certain goes; the network's authors' value."""


class YuNet:
    """One session for all threads. The picture is scaled to `config.size` on its longer side,
    never up, and padded with black at the right and the bottom to a multiple of 32."""

    def __init__(self, path: Path, config: DetectorConfig, threads: int = 1) -> None:
        """Raises NotInstalled without ONNX Runtime, ModelError where the file is no YuNet, and
        ConfigError where its input has a fixed size that is not `config.size`."""
        session = open_session(path, threads)
        self.name = f"yunet {config.size}"
        self.exclusive = not on_cpu(session)
        self._session: InferenceSession | None = session
        self._input, fixed = _described(session, path)
        if fixed is not None and max(fixed) != config.size:
            raise ConfigError(
                f"detector.size is {config.size}, but {path} has a fixed input of "
                f"{fixed[1]}x{fixed[0]}. Set it to {max(fixed)}, or fetch the model that takes "
                "any size: edgefer pull yunet"
            )
        self._config = config
        self._shrink = Shrink(config.size)
        self._canvas = _Canvas(fixed)

    def working(self, image_bgr: Image) -> Image:
        """The picture that it looks at, (h, w, 3) uint8, without the padding."""
        small: Image = self._shrink(image_bgr).copy()
        return small

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        """Faces with landmarks, the most certain first.

        (H, W, 3) uint8 in; raises SourceError for anything else, and InferenceError where the
        network fails or the detector is closed.
        """
        session = self._session
        if session is None:
            raise InferenceError(f"{self.name} is closed; open another")
        with short_work:
            small = self._shrink(image_bgr)
            tensor = self._canvas.fill(small)
        outputs = run(session, OUTPUTS, {self._input: tensor})
        scale = (image_bgr.shape[1] / small.shape[1], image_bgr.shape[0] / small.shape[0])
        with short_work:
            return self._faces(outputs, tensor.shape[2:], scale)

    def _faces(
        self, outputs: Sequence[Array], size: tuple[int, int], scale: tuple[float, float]
    ) -> tuple[Face, ...]:
        scores, points = decode(outputs, *size, self._config.min_score)
        if not len(scores):
            return ()
        kept = _suppress(scores, points)
        faces = []
        for score, face in zip(scores[kept].tolist(), (points[kept] * scale).tolist(), strict=True):
            (x1, y1), (x2, y2), *landmarks = face
            if min(x2 - x1, y2 - y1) >= self._config.min_face:
                right_eye, left_eye, nose, right_mouth, left_mouth = map(tuple, landmarks)
                at = (right_eye, left_eye, nose, right_mouth, left_mouth)
                faces.append(Face(Box(x1, y1, x2, y2), score, at))
        return tuple(faces[: self._config.max_faces])

    def close(self) -> None:
        """Let go of the session; a `detect` under way in another thread still ends well."""
        self._session = None


class _Canvas(threading.local):
    """The network's input, one for each thread, made anew only when the picture's size changes."""

    def __init__(self, fixed: tuple[int, int] | None) -> None:
        self._fixed = fixed
        self._size = (0, 0)
        self._tensor: Array = np.empty((1, 3, 0, 0), np.float32)
        self._planes: list[NDArray[np.uint8]] = []

    def fill(self, image_bgr: Image) -> Array:
        """(h, w, 3) uint8 -> (1, 3, H, W) float32, valid until this thread's next call."""
        h, w = image_bgr.shape[:2]
        if self._size != (h, w):
            height, width = self._fixed or (-(-h // 32) * 32, -(-w // 32) * 32)
            self._tensor = np.zeros((1, 3, height, width), np.float32)
            self._planes = [np.empty((h, w), np.uint8) for _ in range(3)]
            self._size = h, w
        # Faster than a strided copy (2.5 times) and than cv2.dnn.blobFromImage (30 times).
        cv2.split(image_bgr, self._planes)
        for channel, plane in zip(self._tensor[0], self._planes, strict=True):
            channel[:h, :w] = plane
        return self._tensor


def decode(
    outputs: Sequence[Array], height: int, width: int, min_score: float
) -> tuple[Array, Array]:
    """Scores (n,) and points (n, 7, 2) of the cells that reach `min_score`, in pixels of the
    (height, width) input: top left and bottom right of the box, then the five landmarks.

    `outputs` are the network's, in the order of OUTPUTS. Only cells that pass are decoded.
    """
    cls, obj = np.concatenate(outputs[0:3], axis=1), np.concatenate(outputs[3:6], axis=1)
    # Both went through a sigmoid in the graph. The score is their geometric mean; its root is
    # taken of what passes only.
    product = (cls * obj).ravel()
    (cells,) = np.nonzero(product >= min_score**2)
    if not len(cells):
        return np.empty(0, np.float32), np.empty((0, 7, 2), np.float32)
    boxes = np.concatenate(outputs[6:9], axis=1)[0, cells].reshape(-1, 2, 2)
    points = np.empty((len(cells), 7, 2), np.float32)
    half = np.exp(boxes[:, 1]) / 2
    points[:, 0] = boxes[:, 0] - half
    points[:, 1] = boxes[:, 0] + half
    points[:, 2:] = np.concatenate(outputs[9:12], axis=1)[0, cells].reshape(-1, 5, 2)
    corners, strides = _grid(height, width)
    points += corners[cells]
    points *= strides[cells]
    return np.sqrt(product[cells]), points


@lru_cache(maxsize=8)
def _grid(height: int, width: int) -> tuple[Array, Array]:
    """Each cell's column and row (cells, 1, 2), and its stride in pixels (cells, 1, 1)."""
    corners, strides = [], []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride].reshape(2, -1)
        corners.append(np.stack((columns, rows), axis=1))
        strides.append(np.full(len(rows), stride))
    return (
        np.concatenate(corners).astype(np.float32)[:, None],
        np.concatenate(strides).astype(np.float32)[:, None, None],
    )


def _suppress(scores: Array, points: Array) -> list[int]:
    """Which detections stay, the most certain first.

    Plain Python: a face gives a handful of cells, and a call into OpenCV would let go of the
    interpreter's lock, which costs more than the comparisons where another worker waits for it.
    """
    boxes = [Box(*box) for box in points[:, :2].reshape(-1, 4).tolist()]
    kept: list[int] = []
    for candidate in np.argsort(-scores, kind="stable").tolist():
        if all(boxes[candidate].iou(boxes[better]) <= NMS_IOU for better in kept):
            kept.append(candidate)
    return kept


def _described(session: InferenceSession, path: Path) -> tuple[str, tuple[int, int] | None]:
    """The input's name, and its (height, width) where the graph fixes them. Raises ModelError."""
    inputs = session.get_inputs()
    missing = set(OUTPUTS) - {output.name for output in session.get_outputs()}
    if missing or len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ModelError(
            f"{path} is not a YuNet: it needs one input of four dimensions and the outputs "
            f"{', '.join(OUTPUTS)}. Fetch one: edgefer pull yunet"
        )
    height, width = inputs[0].shape[2:]
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return inputs[0].name, fixed
