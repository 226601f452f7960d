"""A clip held in memory and replayed, so that no decoder is measured by accident."""

from __future__ import annotations

import hashlib
import math
import threading
from contextlib import closing
from dataclasses import dataclass

from edgefer.config import SourceConfig
from edgefer.data import Frame, Image
from edgefer.errors import ConfigError, SourceError
from edgefer.sources import open_source
from edgefer.timing import clock

MOST_BYTES = 512 << 20
"""Of a clip: it must fit into a small device's memory beside the models."""


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Pictures and what identifies them."""

    url: str
    images: tuple[Image, ...]
    sha256: str
    """Of all pixels in order."""

    @property
    def bytes(self) -> int:
        return sum(image.nbytes for image in self.images)


def load_clip(url: str, frames: int) -> Clip:
    """The first `frames` frames of a source that is not live; SourceError where it is, or has
    none."""
    images: list[Image] = []
    held = 0
    digest = hashlib.sha256()
    with closing(open_source(url, SourceConfig(url=url))) as source:
        if source.live:
            raise SourceError(f"{url} is live: two runs would differ. Give a file, or demo://")
        while len(images) < frames and (frame := source.read()) is not None:
            images.append(frame.image_bgr)
            held += frame.image_bgr.nbytes
            if held > MOST_BYTES:
                raise ConfigError(
                    f"{len(images)} frames of {url} fill {MOST_BYTES >> 20} MiB; a clip is held in "
                    f"memory, so give fewer: --clip-frames {len(images) // 2}"
                )
            digest.update(frame.image_bgr.tobytes())
    if not images:
        raise SourceError(f"{url} has no frames")
    return Clip(url, tuple(images), digest.hexdigest())


class Replay:
    """A source that plays a clip over and over, `frames` frames in all, or until closed; each is
    copied out, as from a camera's shared memory."""

    live = False

    def __init__(self, clip: Clip, frames: int | None = None) -> None:
        self._images, self._frames, self._next = clip.images, frames, 0
        self._closed = False

    def read(self) -> Frame | None:
        if self._closed or self._next == self._frames:
            return None
        began, n = clock(), self._next
        self._next += 1
        return Frame(self._images[n % len(self._images)].copy(), n, began)

    def close(self) -> None:
        self._closed = True


class PacedReplay:
    """A clip played like a camera, `fps` frames a second until closed: a frame that nobody took
    before the next one came is gone."""

    live = True

    def __init__(self, clip: Clip, fps: float) -> None:
        self._images, self._period = clip.images, 1 / fps
        self._began: float | None = None
        self._next = 0
        self._closed = threading.Event()

    def read(self) -> Frame | None:
        if self._began is None:
            self._began = clock()
        newest = math.floor((clock() - self._began) / self._period)
        n = max(self._next, newest)
        at = self._began + n * self._period
        if self._closed.wait(max(0.0, at - clock())):
            return None
        self._next = n + 1
        return Frame(self._images[n % len(self._images)].copy(), n, at)

    def close(self) -> None:
        self._closed.set()
