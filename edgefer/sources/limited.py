"""A source that ends after so many frames."""

from __future__ import annotations

from edgefer.data import Frame
from edgefer.protocols import Source


class Limited:
    """The first `frames` frames of another source, which it owns."""

    def __init__(self, source: Source, frames: int) -> None:
        self._source, self._left = source, frames

    @property
    def live(self) -> bool:
        return self._source.live

    def read(self) -> Frame | None:
        if self._left <= 0:
            return None
        self._left -= 1
        return self._source.read()

    def close(self) -> None:
        self._source.close()
