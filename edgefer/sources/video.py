"""Frames of a video file, every one of them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import cv2

from edgefer.data import Frame
from edgefer.errors import SourceError, SourceLost
from edgefer.timing import clock

TOLERANCE = 0.02
"""Of a video's promised frames and length, the part that may be missing without a complaint:
containers round both, and a decoder may skip a picture that leans on one before the start."""


class TruncatedVideo(SourceLost):
    """A video file stopped before its header says that it should."""

    def __init__(self, path: Path, read: int, promised: int) -> None:
        self.path, self.read, self.promised = path, read, promised
        super().__init__(
            f"{path} gave {read} frames of the {promised} that its header promises: it is cut "
            "off or damaged. All frames before the damage were read; copy or record it again"
        )


class VideoFile:
    """A video file as a source: lossless, in order, at the reader's pace; it ends with None.

    Raises SourceError at once where the file is missing, empty or no video, and
    TruncatedVideo from `read`, after the last good frame, where it is cut off.
    """

    live = False

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_readable(path)
        cv2.utils.logging.setLogLevel(0)  # what both would print, SourceError says
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        self._video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not self._video.isOpened():
            raise SourceError(
                f"{path} cannot be read as a video: it is damaged, cut off before its index was "
                "written, or in no format FFmpeg knows. Try to play it: ffplay FILE"
            )
        # Nonsense (0, or negative) where the container has no length.
        self.promised = max(0, int(self._video.get(cv2.CAP_PROP_FRAME_COUNT)))
        self.fps = max(0.0, self._video.get(cv2.CAP_PROP_FPS))
        """As the container says; 0 where it does not."""
        self._length = self.promised / self.fps if self.fps else 0.0
        self._position = 0.0  # seconds, where the newest frame begins
        self._read = 0
        self._open = True
        self._lock = threading.Lock()

    def read(self) -> Frame | None:
        """The next frame, `captured` when its reading began; raises TruncatedVideo."""
        with self._lock:
            if not self._open:
                return None
            captured = clock()
            good, image = self._video.read()
            if good:
                self._position = self._video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                self._read += 1
                return Frame(image, self._read - 1, captured)  # type: ignore[arg-type]  # uint8
            self._finish()
            if self._cut_off():
                raise TruncatedVideo(self.path, self._read, self.promised)
            return None

    def close(self) -> None:
        with self._lock:
            self._finish()

    def _finish(self) -> None:
        self._open = False
        self._video.release()

    def _cut_off(self) -> bool:
        """Fewer frames than promised, and an early end. Neither is enough alone: where the
        frame rate varies, many containers state a count that is only length times rate."""
        least = 1 - TOLERANCE
        return self._read < self.promised * least - 1 and self._position < self._length * least


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as exc:
        raise SourceError(
            f"cannot read {path}: {exc.strerror}. A source is a path or a URL such as demo://"
        ) from exc
    if not first:
        raise SourceError(f"{path} is empty (0 bytes): its recording or copying failed; redo it")
