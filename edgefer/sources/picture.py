"""Rubbish that a camera delivers as if nothing were wrong: black, even or frozen pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Image

ROWS, COLUMNS = 48, 64
"""Of the pixels that are looked at, in a picture of any size: near enough to each other to hit
the digits of a clock that a camera writes into it."""

BLACK = 8
"""Mean of all channels, 0 to 255, below which a picture is black. A lens cap gives 0 to 4, a
dim room with the noise of a camera that does its best 10 and more."""

BLACK_NO_MORE = 12
"""Where black ends: noise about one bound would end it with every frame."""

EVEN = 4
"""Difference within each channel up to which a picture has one colour: any scene that is in
focus or out of it has more, and so has a sensor's noise. A decoder without data gives grey
128 or a green, exactly."""


class Picture:
    """Watches one camera's pictures, over all its openings. For one thread at a time.

    A sensor's noise makes two pictures differ in nearly every pixel, so a few thousand of them,
    equal bit by bit, are proof enough of a picture that is frozen. Only a network camera that
    saves bandwidth may repeat an empty room until its next key frame: `stale` must be longer.
    """

    def __init__(self, stale: float) -> None:
        self._stale = stale
        self._sample = b""
        self._fault = ""  # of the newest picture by itself
        self._since = 0.0  # from when on it is so, or is the same
        self._moving: float | None = None  # from when on pictures have been good, and changed
        self._hope = True

    def see(self, image_bgr: Image, captured: float) -> str:
        """What has been wrong for `stale` seconds, such as "black for 10 s"; "" where nothing is.

        `image_bgr` is (H, W, 3) uint8, `captured` never goes back. It takes some 15 us,
        whatever the size.
        """
        if not self._stale:
            return ""
        height, width = image_bgr.shape[:2]
        down, across = max(1, height // ROWS), max(1, width // COLUMNS)
        pixels = image_bgr[down // 2 :: down, across // 2 :: across]
        planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        sample = planes.tobytes()
        if sample != self._sample:
            self._sample = sample
            fault = _fault(
                planes.reshape(3, -1), BLACK_NO_MORE if self._fault == "black" else BLACK
            )
            if not fault or fault != self._fault:
                self._since = captured
            self._fault = fault
            if not fault:
                self._moved(captured)
        if captured - self._since < self._stale:
            return ""
        self._moving = None
        return f"{self._fault or 'frozen'} for {self._stale:g} s"

    def try_again(self) -> bool:
        """Whether opening the camera again may mend what is wrong. True once, as a stuck driver
        is mended by that and a dark room is not; and once more after each time that the picture
        was good, and went on changing, for `stale` seconds."""
        hope, self._hope = self._hope, False
        return hope

    def away(self) -> None:
        """The camera was lost: the time until it comes again proves nothing."""
        self._sample, self._fault, self._moving = b"", "", None

    def _moved(self, captured: float) -> None:
        if self._moving is None:
            self._moving = captured
        if captured - self._moving >= self._stale:
            self._hope = True


def _fault(planes: NDArray[np.uint8], black: float) -> str:
    """Of a picture by itself; `planes` is (3, N), a channel in each row."""
    if planes.mean() < black:
        return "black"
    contrast = planes.max(axis=1) - planes.min(axis=1)
    return "one even colour" if contrast.max() <= EVEN else ""
