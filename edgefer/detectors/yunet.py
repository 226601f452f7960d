"""YuNet on ONNX Runtime: scaling, one run, faces.

Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023. The network predicts, for
each cell of three grids (strides 8, 16 and 32 px), whether a face is centred there, its box and
five landmarks. What the graph computes beside that: yunet_graph.py.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.config import DetectorConfig
from edgefer.data import Box, Face, Image
from edgefer.detectors.shrink import fitting, shrink
from edgefer.detectors.yunet_graph import FACES, GRID, PICTURE, grid, rewrite
from edgefer.engines.session import on_cpu, open_session, run
from edgefer.errors import ConfigError, InferenceError

if TYPE_CHECKING:
    from edgefer.engines.session import InferenceSession

NMS_IOU = 0.3
"""Of two boxes that overlap by more, the less certain goes; the network's authors' value."""


class YuNet:
    """One session for all threads. The picture is scaled to `config.size` on its longer side,
    never up, and padded with black at the right and the bottom to a multiple of 32."""

    def __init__(self, path: Path, config: DetectorConfig, threads: int = 1) -> None:
        """Raises NotInstalled without ONNX Runtime, ModelError where the file is no YuNet, and
        ConfigError where its input has a fixed size that is not `config.size`."""
        graph = rewrite(path, config.min_score, NMS_IOU)
        if graph.fixed is not None and max(graph.fixed) != config.size:
            raise ConfigError(
                f"detector.size is {config.size}, but {path} has a fixed input of "
                f"{graph.fixed[1]}x{graph.fixed[0]}. Set it to {max(graph.fixed)}, or fetch the "
                "model that takes any size: edgefer pull yunet"
            )
        session = open_session(path, threads, content=graph.model)
        self.name = f"yunet {config.size}"
        self.exclusive = not on_cpu(session)
        self._session: InferenceSession | None = session
        self._config = config
        self._canvas = _Canvas(graph.fixed)

    def working(self, image_bgr: Image) -> Image:
        """The picture that it looks at, (h, w, 3) uint8, without the padding."""
        small = np.empty((*fitting(image_bgr, self._config.size), 3), np.uint8)
        shrink(image_bgr, small)
        return small

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        """Faces with landmarks, the most certain first.

        (H, W, 3) uint8 in; raises SourceError for anything else, and InferenceError where the
        network fails or the detector is closed.
        """
        session = self._session
        if session is None:
            raise InferenceError(f"{self.name} is closed; open another")
        h, w = fitting(image_bgr, self._config.size)
        (rows,) = run(session, (FACES,), self._canvas.fill(image_bgr, h, w))
        sx, sy = image_bgr.shape[1] / w, image_bgr.shape[0] / h
        faces = []
        for row in rows.tolist():
            x1, y1, x2, y2 = row[0] * sx, row[1] * sy, row[2] * sx, row[3] * sy
            if min(x2 - x1, y2 - y1) >= self._config.min_face:
                right_eye, left_eye, nose, right_mouth, left_mouth = (
                    (row[n] * sx, row[n + 1] * sy) for n in range(4, 14, 2)
                )
                at = (right_eye, left_eye, nose, right_mouth, left_mouth)
                faces.append(Face(Box(x1, y1, x2, y2), row[14], at))
        return tuple(faces[: self._config.max_faces])

    def close(self) -> None:
        """Let go of the session; a `detect` under way in another thread still ends well."""
        self._session = None


class _Canvas(threading.local):
    """The network's inputs, for each thread its own, made anew only when the size changes."""

    def __init__(self, fixed: tuple[int, int] | None) -> None:
        self._fixed = fixed
        self._picture: Image = np.empty((0, 0, 3), np.uint8)
        self._inputs: dict[str, NDArray[np.uint8] | NDArray[np.float32]] = {}

    def fill(
        self, image_bgr: Image, h: int, w: int
    ) -> dict[str, NDArray[np.uint8] | NDArray[np.float32]]:
        """The picture scaled to (h, w), as the network's inputs, valid until this thread's next
        call."""
        if self._picture.shape[:2] != (h, w):
            height, width = self._fixed or (-(-h // 32) * 32, -(-w // 32) * 32)
            padded = np.zeros((height, width, 3), np.uint8)
            self._picture = padded[:h, :w]
            self._inputs = {
                PICTURE: padded.reshape(1, 1, height, -1),
                GRID: grid(height, width),
            }
        shrink(image_bgr, self._picture)
        return self._inputs
