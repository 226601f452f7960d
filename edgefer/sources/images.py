"""Pictures from files: one, a folder of them, or all that a glob matches."""

from __future__ import annotations

import glob
import re
import threading
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from edgefer.data import Frame, Image
from edgefer.errors import SourceError
from edgefer.sources import IMAGE_SUFFIXES
from edgefer.timing import clock


def find(path: Path) -> tuple[Path, ...]:
    """The images that `path` means, in natural order: 2.png before 10.png.

    A folder means the images directly in it, a glob all files it matches, and anything else
    one image. Raises SourceError where there is none.
    """
    if path.is_dir():
        found = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file()]
        if not found:
            raise SourceError(
                f"no image lies in {path}; it takes files that end in {' '.join(IMAGE_SUFFIXES)}"
            )
    elif path.exists():
        found = [path]
    elif glob.has_magic(str(path)):
        # Path.glob takes no absolute pattern.
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
        found = [p for p in map(Path, matches) if p.is_file()]
        if not found:
            raise SourceError(f"no file matches {path}; quote the pattern, or give a folder")
    else:
        raise SourceError(f"{path} does not exist; give an image, a folder of images or a glob")
    return tuple(sorted(found, key=_natural))


def read_image(path: Path) -> Image:
    """(H, W, 3) uint8 BGR, turned as its EXIF says. Raises SourceError naming the file."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise SourceError(f"cannot read {path}: {exc.strerror}") from exc
    image = None
    if not data:
        why = "it is empty (0 bytes)"
    elif _cut_off(data):
        why = "it is cut off: a JPEG without its end"
    else:
        why = "it is damaged, or no image OpenCV knows"
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise SourceError(f"{path} cannot be read as an image: {why}; replace it or leave it out")
    return image  # type: ignore[return-value]  # IMREAD_COLOR is always uint8


def _cut_off(data: bytes) -> bool:
    """True of a JPEG without an end marker behind its first scan: OpenCV would read what is
    missing as grey. One that holds a preview picture may pass: the preview's end counts."""
    scan = data.find(b"\xff\xda")
    return data.startswith(b"\xff\xd8") and scan >= 0 and data.find(b"\xff\xd9", scan) < 0


class Images:
    """Each image once, in order; their sizes may differ. The source then ends."""

    live = False

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = tuple(paths)
        self._next = 0
        self._lock = threading.Lock()
        cv2.utils.logging.setLogLevel(0)  # what it would print, SourceError says

    def read(self) -> Frame | None:
        """The next image; raises SourceError naming one that cannot be read. Reading may go
        on after that: the next call gives the image behind it."""
        with self._lock:
            if self._next == len(self.paths):
                return None
            sequence, self._next = self._next, self._next + 1
        captured = clock()
        return Frame(read_image(self.paths[sequence]), sequence, captured)

    def close(self) -> None:
        with self._lock:
            self._next = len(self.paths)


def _natural(path: Path) -> list[tuple[str, int]]:
    """Text and numbers in turn: "a10" is ("a", 10), so that it sorts behind "a9"."""
    pieces = re.findall(r"(\D*)(\d*)", str(path))
    return [(text.lower(), int(digits or -1)) for text, digits in pieces]
