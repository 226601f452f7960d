"""An annotated video, only where it was asked for: this is the one sink that keeps frames."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import cv2

from edgefer.data import Reading
from edgefer.errors import OutputError
from edgefer.sinks.annotate import annotate

SPARE_BYTES = 8 << 20
"""Left free on the disk: an MP4 without room for its index cannot be played."""

CHECK_EVERY = 16
"""Frames between two looks at the free space."""


class AnnotatedVideo:
    """Writes an MP4 under a temporary name; `close` checks it and gives it its own.

    A live source's dropped frames are filled by the next one, so that time runs true.
    """

    def __init__(self, path: Path, fps: float) -> None:
        """Raises OutputError where the folder cannot be written or the suffix is not .mp4."""
        if path.suffix.lower() != ".mp4":
            raise OutputError(f"cannot save {path}: the video is an MP4; name it {path.stem}.mp4")
        self._path, self._fps = path, fps
        self._part = path.with_name(f".{path.stem}.{os.getpid()}.part.mp4")
        try:
            self._part.touch()
        except OSError as exc:
            raise OutputError(f"cannot save {path}: {exc.strerror}") from exc
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._written = 0
        self._last = -1
        self._closed = False

    async def put(self, reading: Reading) -> None:
        await asyncio.to_thread(self._write, reading)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._finish)

    def _write(self, reading: Reading) -> None:
        if reading.image_bgr is None:
            raise OutputError(f"cannot save {self._path}: the pipeline runs without preview")
        if self._writer is None:
            self._open(reading.size)
            self._last = reading.sequence - 1
        if reading.size != self._size:
            raise OutputError(
                f"cannot save {self._path}: frame {reading.sequence} is "
                f"{reading.size[0]}x{reading.size[1]}, the video is "
                f"{self._size[0]}x{self._size[1]}. Pictures of different sizes make no video; "
                "use --jsonl"
            )
        if self._written % CHECK_EVERY == 0:
            free = shutil.disk_usage(self._path.parent).free
            if free < SPARE_BYTES:
                raise OutputError(
                    f"the disk of {self._path} is full ({free >> 20} MiB left): the video ends "
                    f"before frame {reading.sequence}"
                )
        assert self._writer is not None
        picture = annotate(reading.image_bgr, reading)
        for _ in range(reading.sequence - self._last):
            self._writer.write(picture)
            self._written += 1
        self._last = reading.sequence

    def _open(self, size: tuple[int, int]) -> None:
        fourcc = cv2.VideoWriter.fourcc(*"mp4v")
        self._writer = cv2.VideoWriter(str(self._part), cv2.CAP_FFMPEG, fourcc, self._fps, size)
        self._size = size
        if not self._writer.isOpened():
            raise OutputError(
                f"cannot save {self._path}: OpenCV opens no MP4 of {size[0]}x{size[1]} here. "
                "Its FFmpeg backend is missing; install opencv-python-headless from PyPI"
            )

    def _finish(self) -> None:
        try:
            if self._writer is None or self._written == 0:
                return
            self._writer.release()
            # OpenCV reports no write error: reading it back is the only proof.
            reader = cv2.VideoCapture(str(self._part), cv2.CAP_FFMPEG)
            found = round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
            reader.release()
            if found < self._written:
                raise OutputError(
                    f"cannot save {self._path}: {found} of {self._written} frames reached the "
                    "disk. Is it full?"
                )
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            self._part.replace(self._path)
        except OSError as exc:
            raise OutputError(f"cannot save {self._path}: {exc.strerror}") from exc
        finally:
            self._part.unlink(missing_ok=True)
