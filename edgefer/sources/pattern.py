"""Pictures that say which they are: what test:// shows, and how its number is read again."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from edgefer.data import Image

_CELLS: Final = (4, 8)
"""Rows and columns of the code: 24 bits of the number and 8 of check, highest bit first."""
_MARGIN: Final = 0.25
"""The part of a cell, at each side, that is not looked at: codecs smear edges."""


class Pattern:
    """Pictures of a moving gradient; the upper half is a code of black and white cells."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._gradient = _gradient(width, height)

    def draw(self, n: int) -> Image:
        """Picture `n`, (height, width, 3) uint8 BGR; the caller owns it."""
        width, height = self._size
        shift = n * 4 % width
        image: Image = self._gradient[:, shift : shift + width].copy()
        cells = np.unpackbits(np.array([_word(n)], ">u4").view(np.uint8)).reshape(_CELLS) * 255
        code = cv2.resize(cells, (width, height // 2), interpolation=cv2.INTER_NEAREST)
        image[: height // 2] = code[..., None]
        return image


def _gradient(width: int, height: int) -> Image:
    """A gradient that repeats after `width`, (height, 2 * width, 3) uint8."""
    row = np.abs(np.linspace(-1, 1, width, endpoint=False))
    column = np.linspace(0, 255, height)
    across = np.broadcast_to(np.tile(row * 255, 2), (height, 2 * width))
    down = np.broadcast_to(column[:, None], across.shape)
    return np.asarray(np.stack([across, down, 255 - across], axis=-1), np.uint8)


def _word(n: int) -> int:
    """The number modulo 2**24 with a check byte, which is right neither in black nor in white."""
    n %= 1 << 24
    return n << 8 | (n ^ n >> 8 ^ n >> 16 ^ 0xA5) & 0xFF


def frame_number(image_bgr: Image) -> int:
    """The number that a test:// picture carries, modulo 2**24.

    It survives compression, noise and resizing, as long as the whole picture is there. Raises
    ValueError where there is no code, such as in a black picture.
    """
    height, width = image_bgr.shape[0] // 2, image_bgr.shape[1]
    bits = 0
    for row in range(_CELLS[0]):
        for column in range(_CELLS[1]):
            y1, y2 = (int((row + f) * height / _CELLS[0]) for f in (_MARGIN, 1 - _MARGIN))
            x1, x2 = (int((column + f) * width / _CELLS[1]) for f in (_MARGIN, 1 - _MARGIN))
            cell = image_bgr[y1 : y2 + 1, x1 : x2 + 1]
            bits = bits << 1 | int(cell.mean() > 127)
    n = bits >> 8
    if _word(n) != bits:
        raise ValueError("this picture carries no frame number; only those of test:// do")
    return n
