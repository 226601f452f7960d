"""How the stages are drawn: colours that keep the order of values, tiles, scales, outlines.

Pictures are (h, w, 3) uint8, blue-green-red. Numbers beside a scale are all that is written into
them: words are for the pages, in their language.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face, Image
from edgefer.preprocessing import Affine

Array = NDArray[np.float32]

FRAME = 480
"""Pixels of the longer side of a frame as it is shown."""
SHOWN = 256
"""Pixels of the longer side, about, to which small pictures are enlarged."""
TILES, COLUMNS = 64, 8
"""Maps of one block that are shown, and how many beside each other."""
TILE = 64
"""Pixels of the longer side of a map, about."""
CHOSEN, OTHER, MARK = (80, 220, 80), (230, 230, 230), (60, 200, 255)
"""Of boxes and marks, blue-green-red."""
PAPER, INK, GAP = (24, 24, 24), (225, 225, 225), (96, 96, 96)
"""Behind scales, of their numbers, and between tiles."""
_BLUE, _MIDDLE, _ORANGE = (52.0, 2.0, -55.0), (97.0, 0.0, 0.0), (60.0, 48.0, 68.0)
"""Ends and middle of the scale about zero, in CIELAB: both get evenly darker, and are told apart
with every kind of colour vision."""


def fitted(image: Image, longest: int = FRAME) -> tuple[Image, float]:
    """The picture, made smaller where it is larger, and by which factor."""
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor == 1:
        return image.copy(), 1.0
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), factor


def enlarged(image: Image, size: int = SHOWN) -> Image:
    """The picture with each pixel as a square, about `size` px high or wide."""
    times = max(1, size // max(image.shape[:2]))
    return image.repeat(times, axis=0).repeat(times, axis=1)


def colours(grey_or_bgr: NDArray[np.uint8]) -> Image:
    """A grey picture, (h, w), with three channels; another as it is."""
    if grey_or_bgr.ndim == 3:
        return grey_or_bgr
    return np.asarray(cv2.cvtColor(grey_or_bgr, cv2.COLOR_GRAY2BGR), np.uint8)


def boxes(image_bgr: Image, faces: Sequence[Face], chosen: int) -> Image:
    """The frame with all boxes and their numbers, and the landmarks of the one that is chosen."""
    picture, factor = fitted(image_bgr)
    for number, face in enumerate(faces):
        ink = CHOSEN if number == chosen else OTHER
        box = face.box
        corner = round(box.x1 * factor), round(box.y1 * factor)
        cv2.rectangle(picture, corner, (round(box.x2 * factor), round(box.y2 * factor)), ink, 2)
        if len(faces) > 1:
            _number(picture, str(number + 1), corner, ink)
    _dots(picture, faces[chosen], factor, (0.0, 0.0))
    return picture


def placed(image_bgr: Image, face: Face, affine: Affine, size: tuple[int, int]) -> Image:
    """What surrounds a face, with the outline of the crop that `affine` cuts out, of `size`
    (width, height); what lies outside of it is darker."""
    width, height = size
    back = np.asarray(cv2.invertAffineTransform(affine))
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64) - 0.5
    outline = corners @ back[:, :2].T + back[:, 2]
    room = 0.15 * float(np.ptp(outline, axis=0).max())
    frame_height, frame_width = image_bgr.shape[:2]
    x1, y1 = np.clip(outline.min(axis=0) - room, 0, (frame_width - 1, frame_height - 1)).astype(int)
    x2, y2 = np.clip(outline.max(axis=0) + room, (x1 + 1, y1 + 1), (frame_width, frame_height))
    part = image_bgr[y1 : int(y2), x1 : int(x2)]
    factor = SHOWN / max(part.shape[:2])
    shown = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    picture = np.asarray(cv2.resize(part, shown, interpolation=how), np.uint8)
    line = np.rint((outline - (x1, y1)) * factor).astype(np.int32)
    inside = cv2.fillConvexPoly(np.zeros(picture.shape[:2], np.uint8), line, 1)
    picture[inside == 0] //= 2
    cv2.polylines(picture, [line], True, CHOSEN, 2, cv2.LINE_AA)
    _dots(picture, face, factor, (float(x1), float(y1)))
    return picture


def about_zero(values: Array) -> Image:
    """Numbers, (h, w), as blue below zero and orange above, with their scale."""
    end = float(abs(values).max()) or 1.0
    shown = _about_zero()[np.rint((values / end + 1) * 127.5).astype(np.uint8)]
    return scaled(enlarged(shown), -end, end, _about_zero())


def tiles(maps: Array) -> tuple[Image, int, float]:
    """Maps, (C, h, w), side by side, the strongest first, from dark (zero or less) to bright, with
    their scale; how many of them, and its end.

    One scale for all, as they are to be compared; it ends where one value in 100 is higher, as few
    values would leave all others dark.
    """
    maps = np.nan_to_num(maps)  # of a model in float16 that overflows
    strongest = np.argsort(-maps.max(axis=(1, 2)), kind="stable")[:TILES]
    chosen = maps[strongest]
    end = float(np.quantile(chosen, 0.99)) or 1.0
    low = min(0.0, float(np.quantile(chosen, 0.01)))
    grey = np.rint(np.clip((chosen - low) / max(end - low, 1e-12), 0, 1) * 255).astype(np.uint8)
    shown = [enlarged(fitted(tile, TILE)[0], TILE) for tile in grey]
    height, width = shown[0].shape
    rows, columns = -(-len(shown) // COLUMNS), min(COLUMNS, len(shown))
    sheet = np.full((rows * (height + 2) - 2, columns * (width + 2) - 2, 3), GAP, np.uint8)
    for number, tile in enumerate(shown):
        y, x = number // COLUMNS * (height + 2), number % COLUMNS * (width + 2)
        sheet[y : y + height, x : x + width] = _viridis()[tile]
    return scaled(sheet, low, end, _viridis()), len(chosen), end


def laid_over(crop_bgr: Image, parts: Array, end: float) -> Image:
    """Numbers, (h, w), over the crop, in grey: orange above zero, blue below, clear at zero."""
    times = max(1, SHOWN // max(crop_bgr.shape[:2]))
    size = crop_bgr.shape[1] * times, crop_bgr.shape[0] * times
    soft = np.clip(cv2.resize(parts, size, interpolation=cv2.INTER_CUBIC) / end, -1, 1)
    large = cv2.resize(crop_bgr, size, interpolation=cv2.INTER_CUBIC)
    grey = colours(np.asarray(cv2.cvtColor(large, cv2.COLOR_BGR2GRAY), np.uint8))
    ink = _about_zero()[np.where(soft < 0, 0, 255)]
    cover = 0.75 * abs(soft)[..., None]
    shown = np.rint(grey * (1 - cover) + ink * cover).astype(np.uint8)
    return scaled(shown, -end, end, _about_zero())


def scaled(picture: Image, low: float, high: float, table: Image) -> Image:
    """The picture with the colours of its values beside it, and their ends as numbers."""
    height = picture.shape[0]
    bar = table[np.linspace(255, 0, height).round().astype(int)]  # (h, 3), the highest on top
    side = np.full((height, 80, 3), PAPER, np.uint8)
    side[:, 10:22] = bar[:, None]
    for number, y in ((high, 12), (low, height - 4)):
        cv2.putText(
            side, f"{number:.2g}", (26, y), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA
        )
    return np.hstack([picture, side])


def _dots(picture: Image, face: Face, factor: float, origin: tuple[float, float]) -> None:
    size = max(1, min(4, round(face.box.width * factor / 25)))
    for x, y in face.landmarks or ():
        at = round((x - origin[0]) * factor), round((y - origin[1]) * factor)
        cv2.circle(picture, at, size, MARK, cv2.FILLED, cv2.LINE_AA)


def _number(picture: Image, text: str, corner: tuple[int, int], ink: tuple[int, int, int]) -> None:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    x, y = corner[0], max(corner[1], height + 6)
    cv2.rectangle(picture, (x - 1, y - height - 6), (x + width + 5, y), ink, cv2.FILLED)
    cv2.putText(picture, text, (x + 2, y - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.5, PAPER, 1, cv2.LINE_AA)


@cache
def _viridis() -> Image:
    """(256, 3): dark blue to yellow, evenly lighter (van der Walt and Smith, for matplotlib)."""
    ramp = np.arange(256, dtype=np.uint8)[:, None]
    return np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_VIRIDIS), np.uint8)[:, 0]


@cache
def _about_zero() -> Image:
    """(256, 3): blue, white in the middle, orange."""
    at = np.linspace(-1, 1, 256)
    points = np.array([_BLUE, _MIDDLE, _ORANGE])
    lab = np.stack([np.interp(at, (-1, 0, 1), points[:, n]) for n in range(3)], axis=1)
    bgr = cv2.cvtColor(lab.astype(np.float32)[:, None], cv2.COLOR_LAB2BGR)
    return np.rint(np.clip(bgr, 0, 1) * 255).astype(np.uint8)[:, 0]
