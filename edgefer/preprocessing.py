"""Faces in a frame become the tensor a classifier reads; training and device share this code.

Everything is one affine map from frame to tensor, in pixel coordinates whose whole numbers
are pixel centres: a square around the box, or the similarity that brings five landmarks to
where the model expects them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face, Image, Landmarks
from edgefer.spec import Point, Preprocessing

Affine = NDArray[np.float64]
"""(2, 3): tensor pixel = affine @ (x, y, 1) of the frame."""


def tensor(image_bgr: Image, faces: Sequence[Face], how: Preprocessing) -> NDArray[np.float32]:
    """(H, W, 3) uint8 and N faces -> (N, channels, height, width) float32, normalised."""
    crops = np.empty((len(faces), how.height, how.width, 3), np.uint8)
    for crop, face in zip(crops, faces, strict=True):
        warp(image_bgr, placement(face, how), crop)
    return normalise(crops, how)


def placement(face: Face, how: Preprocessing) -> Affine:
    """The map that puts a face where the model expects it: by its landmarks where both it and
    the model have them, else by its box."""
    if how.landmarks is not None and face.landmarks is not None:
        return align(face.landmarks, how.landmarks)
    box = face.box
    side = max(box.width, box.height) * (1 + how.margin)
    sx, sy = how.width / side, how.height / side
    left, top = (box.x1 + box.x2 - side) / 2, (box.y1 + box.y2 - side) / 2
    # Box edges lie between pixel centres, hence the halves.
    return np.array(
        [[sx, 0, (0.5 - left) * sx - 0.5], [0, sy, (0.5 - top) * sy - 0.5]], dtype=np.float64
    )


def align(found: Landmarks, wanted: Sequence[Point]) -> Affine:
    """The rotation, scale and shift that bring `found` nearest to `wanted`, by least squares.

    Source: Umeyama 1991, in the complex plane, where a similarity is z -> a z + b.
    """
    z = np.array([complex(x, y) for x, y in found])
    w = np.array([complex(x, y) for x, y in wanted])
    dz, dw = z - z.mean(), w - w.mean()
    spread = float((dz.conj() @ dz).real)
    a = (dz.conj() @ dw) / spread if spread > 0 else 1 + 0j  # all five on one spot: no turn
    b = w.mean() - a * z.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp(image_bgr: Image, affine: Affine, out: Image) -> None:
    """Fill `out`, (h, w, 3), from the frame; beyond the frame its edge pixels repeat.

    A face much larger than the tensor is first shrunk by averaging, since interpolation alone
    would pick single pixels out of it.
    """
    height, width = out.shape[:2]
    shrink = int(1 / max(float(np.hypot(affine[0, 0], affine[1, 0])), 1e-6))
    if shrink >= 2:
        image_bgr, affine = _shrunk(image_bgr, affine, shrink, width, height)
    cv2.warpAffine(
        image_bgr,
        affine,
        (width, height),
        dst=out,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _shrunk(
    image: Image, affine: Affine, factor: int, width: int, height: int
) -> tuple[Image, Affine]:
    """The part of the frame that the tensor shows, `factor` times smaller, and its map."""
    linear = affine[:, :2]
    corners = np.array([[0, 0, width, width], [0, height, 0, height]], dtype=np.float64)
    seen = np.linalg.solve(linear, corners - affine[:, 2:])  # (2, 4) in the frame
    frame_height, frame_width = image.shape[:2]
    x1, y1 = np.clip(np.floor(seen.min(axis=1)).astype(int) - factor, 0, None).tolist()
    x2, y2 = (np.ceil(seen.max(axis=1)).astype(int) + factor).tolist()
    x1, y1 = min(x1, frame_width - 1), min(y1, frame_height - 1)
    part = image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)]
    size = (max(1, part.shape[1] // factor), max(1, part.shape[0] // factor))
    # The real factors, since sides are not whole multiples.
    fx, fy = part.shape[1] / size[0], part.shape[0] / size[1]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    moved = affine.copy()
    moved[:, 2] += linear @ (x1 + (fx - 1) / 2, y1 + (fy - 1) / 2)
    moved[:, 0] *= fx
    moved[:, 1] *= fy
    return np.asarray(small, np.uint8), moved


def normalise(crops: NDArray[np.uint8], how: Preprocessing) -> NDArray[np.float32]:
    """(N, h, w, 3) uint8 blue-green-red -> (N, channels, h, w): `(x / 255 - mean) / std`."""
    scale = np.array([1 / (255 * s) for s in how.std], np.float32)
    shift = np.array([-m / s for m, s in zip(how.mean, how.std, strict=True)], np.float32)
    n, height, width, _ = crops.shape
    out = np.empty((n, how.channels, height, width), np.float32)
    if how.colour == "grey":
        flat = cv2.cvtColor(crops.reshape(n * height, width, 3), cv2.COLOR_BGR2GRAY)
        planes = [flat.reshape(n, height, width)] * how.channels
    else:
        order = (2, 1, 0) if how.colour == "rgb" else (0, 1, 2)
        planes = [crops[..., channel] for channel in order]
    for channel, plane in enumerate(planes):
        np.multiply(plane, scale[channel], out=out[:, channel])
    out += shift[:, None, None]
    return out
