"""YuNet as its authors publish it, decoded in NumPy: what the rewritten graph must agree with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Box, Image
from edgefer.detectors.yunet_graph import STRIDES
from edgefer.engines.session import open_session, run

Array = NDArray[np.float32]

_OUTPUTS = [f"{kind}_{stride}" for stride in STRIDES for kind in ("bbox", "kps", "cls", "obj")]


def faces(path: Path, picture: Image, min_score: float, nms_iou: float) -> Array:
    """(n, 15): boxes, landmarks and scores in a picture whose sides are multiples of 32, the
    most certain first."""
    session = open_session(path, threads=1)
    planes = picture.transpose(2, 0, 1)[None].astype(np.float32)
    outputs = run(session, _OUTPUTS, {session.get_inputs()[0].name: planes})
    rows = decoded(outputs, picture.shape[1])
    certain = rows[rows[:, 14] >= min_score]
    return suppressed(certain[np.argsort(-certain[:, 14], kind="stable")], nms_iou)


def decoded(outputs: Sequence[Array], width: int) -> Array:
    """(cells, 15), of the outputs of the three levels in turn."""
    levels = []
    for stride, (bbox, kps, cls, obj) in zip(
        STRIDES, (outputs[:4], outputs[4:8], outputs[8:]), strict=True
    ):
        cells = np.arange(bbox.shape[1])
        corner = np.stack((cells % (width // stride), cells // (width // stride)), axis=1)
        middle, half = bbox[0, :, :2] + corner, np.exp(bbox[0, :, 2:]) / 2
        points = kps[0].reshape(-1, 5, 2) + corner[:, None]
        score = np.sqrt(cls[0] * obj[0])
        at = np.concatenate((middle - half, middle + half, points.reshape(-1, 10)), axis=1)
        levels.append(np.concatenate((at * stride, score), axis=1))
    return np.concatenate(levels).astype(np.float32)


def suppressed(rows: Array, nms_iou: float) -> Array:
    """Those of the rows, the most certain first, that overlap with none before by more."""
    kept: list[int] = []
    boxes = [Box(*row[:4].tolist()) for row in rows]
    for n, box in enumerate(boxes):
        if all(box.iou(boxes[better]) <= nms_iou for better in kept):
            kept.append(n)
    return rows[kept]
