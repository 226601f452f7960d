"""Faces in a frame become the tensor a classifier reads; training and device share this code.

Everything is one affine map from frame to tensor, in pixel coordinates whose whole numbers
are pixel centres: a square around the box, or the similarity that brings five landmarks to
where the model expects them.

The steps that papers name, and what asks for them in a model's `Preprocessing`:
resize `width`, `height`; five-point alignment `landmarks`; grey `colour`; histogram
equalisation, CLAHE and Canny edges `planes`; scaling to (-1, 1) `mean` 0.5 and `std` 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face, Image, Landmarks
from edgefer.spec import Plane, Point, Preprocessing

CLAHE_CLIP, CLAHE_TILES = 2.0, (8, 8)
"""Contrast-limited equalisation: 8 x 8 tiles whatever the picture's size, so 6 x 6 px each at
48 px, 8 x 8 at 64. The clip, in multiples of a flat histogram, is a whole number of pixels a
grey level and at least 1: up to 120 px it is 1."""
CANNY = (100, 200)
"""Lower and upper threshold of the gradient, L1 norm, 3 x 3 Sobel: those of OpenCV's tutorial."""

GreyImage = NDArray[np.uint8]
"""(h, w) uint8."""

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

    Source: Umeyama 1991, in the complex plane, where a similarity is z -> a z + b. Plain Python:
    for five points NumPy's calls cost more than their arithmetic.
    """
    z = [complex(x, y) for x, y in found]
    w = [complex(x, y) for x, y in wanted]
    middle_z, middle_w = sum(z) / len(z), sum(w) / len(w)
    spread = sum(abs(p - middle_z) ** 2 for p in z)
    a = 1 + 0j  # all on one spot: no turn
    if spread > 0:
        pairs = zip(z, w, strict=True)
        a = sum((p - middle_z).conjugate() * (q - middle_w) for p, q in pairs) / spread
    b = middle_w - a * middle_z
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def warp(image_bgr: Image, affine: Affine, out: Image) -> None:
    """Fill `out`, (h, w, 3), from the frame; beyond the frame its edge pixels repeat.

    A face much larger than the tensor is first shrunk by averaging, since interpolation alone
    would pick single pixels out of it.
    """
    height, width = out.shape[:2]
    shrink = int(1 / max(math.hypot(affine[0, 0], affine[1, 0]), 1e-6))
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
    (a, b, tx), (c, d, ty) = affine.tolist()
    area = a * d - b * c
    corners = [(u - tx, v - ty) for u in (0, width) for v in (0, height)]
    xs = [(d * u - b * v) / area for u, v in corners]  # where the tensor's corners lie
    ys = [(a * v - c * u) / area for u, v in corners]
    frame_height, frame_width = image.shape[:2]
    x1 = min(max(math.floor(min(xs)) - factor, 0), frame_width - 1)
    y1 = min(max(math.floor(min(ys)) - factor, 0), frame_height - 1)
    # Whole multiples of the factor: averaging over anything else takes ten times as long.
    columns = max(1, (min(math.ceil(max(xs)) + factor, frame_width) - x1) // factor)
    rows = max(1, (min(math.ceil(max(ys)) + factor, frame_height) - y1) // factor)
    part = image[y1 : y1 + rows * factor, x1 : x1 + columns * factor]
    how = cv2.INTER_AREA
    if factor % 2 and part.shape[:2] == (rows * factor, columns * factor):
        # The mean around every pixel, then one of each square: half the time, and the same
        # numbers, since no mean of an odd number of whole ones lies between two of them.
        part = np.asarray(cv2.boxFilter(part, -1, (factor, factor), anchor=(0, 0)), np.uint8)
        how = cv2.INTER_NEAREST
    small = cv2.resize(part, (columns, rows), interpolation=how)
    fx, fy = part.shape[1] / columns, part.shape[0] / rows  # less than `factor` at an edge only
    left, top = x1 + (fx - 1) / 2, y1 + (fy - 1) / 2
    moved = [[a * fx, b * fy, a * left + b * top + tx], [c * fx, d * fy, c * left + d * top + ty]]
    return np.asarray(small, np.uint8), np.array(moved)


def normalise(crops: NDArray[np.uint8], how: Preprocessing) -> NDArray[np.float32]:
    """(N, h, w, 3) uint8 blue-green-red -> (N, channels, h, w): `(x / 255 - mean) / std`."""
    n, height, width, _ = crops.shape
    out = np.empty((n, how.channels, height, width), np.float32)
    channels = list(zip(_channels(crops, how), how.mean, how.std, strict=True))

    def normalised(plane: GreyImage, mean: float, std: float) -> NDArray[np.float32]:
        # cv2.LUT: three times as fast as indexing the table with the pixels.
        values = cv2.LUT(plane, _table(mean, std))
        return np.asarray(values, np.float32).reshape(n, 1, height, width)

    if len({(id(plane), mean, std) for plane, mean, std in channels}) == 1:
        out[:] = normalised(*channels[0])  # grey in each: looked up once
    else:
        for at, channel in enumerate(channels):
            out[:, at : at + 1] = normalised(*channel)
    return out


def _channels(crops: NDArray[np.uint8], how: Preprocessing) -> Sequence[GreyImage]:
    """(N, h, w, 3) -> one (N * h, w) for each channel of the tensor."""
    n, height, width, _ = crops.shape
    flat = crops.reshape(n * height, width, 3)
    if how.colour != "grey":
        bgr = cv2.split(flat)
        return bgr[::-1] if how.colour == "rgb" else bgr  # type: ignore[return-value]
    grey = np.asarray(cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY), np.uint8)
    if how.planes is None:
        return [grey] * how.channels
    each = [planes(face, how.planes) for face in grey.reshape(n, height, width)]
    return [np.concatenate(same) for same in zip(*each, strict=True)]


def planes(grey: GreyImage, how: Sequence[Plane]) -> tuple[GreyImage, ...]:
    """(h, w) uint8 -> one (h, w) uint8 for each name, in order.

    `grey` is the picture itself; `equalised` its histogram made flat; `clahe` the same within
    tiles, the contrast limited; `edges` Canny's, 0 or 255, of the plane before it, of the
    picture where it comes first.
    """
    made: list[GreyImage] = []
    for name in how:
        made.append(_plane(grey, name, made[-1] if made else grey))
    return tuple(made)


def _plane(grey: GreyImage, name: Plane, before: GreyImage) -> GreyImage:
    match name:
        case "grey":
            return grey
        case "equalised":
            made = cv2.equalizeHist(grey)
        case "clahe":
            # One for each call: it keeps buffers, and threads would write into the same ones.
            made = cv2.createCLAHE(CLAHE_CLIP, CLAHE_TILES).apply(grey)
        case "edges":
            made = cv2.Canny(before, *CANNY)
    return np.asarray(made, np.uint8)


@lru_cache(maxsize=32)
def _table(mean: float, std: float) -> NDArray[np.float32]:
    """What each of the 256 values of a pixel becomes."""
    return ((np.arange(256) / 255 - mean) / std).astype(np.float32)
