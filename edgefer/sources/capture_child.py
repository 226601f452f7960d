"""The child process that holds a live camera, and the memory it shares with its parent.

A camera's driver can block a read for ever, and no thread can be killed: a process can. The
parent is `capture.py`; it starts `python -m edgefer.sources.capture_child MEMORY RECORDS` with
two inherited file descriptors:

- MEMORY, a memfd. It first holds the request, JSON (not in argv: a URL may hold a password,
  and everybody may read a command line), then, once the size is known, the pictures' slots.
- RECORDS, the writing end of a pipe: one RECORD for each picture, one with END at the end.

Both have no name, so that nothing is left behind, whoever is killed. An error's message is
the last line on stderr, and the exit status is its `exit_code`.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from edgefer.addresses import scheme
from edgefer.config import SourceConfig
from edgefer.data import Image
from edgefer.errors import ConfigError, EdgeferError, SourceError, SourceLost
from edgefer.sources import devices
from edgefer.timing import clock

if TYPE_CHECKING:
    import cv2  # loaded where it is needed: a child for GStreamer starts without it

Picture = tuple[float, Image]
"""When the camera delivered it, and its pixels, which last until the next one is asked for."""

RECORD = struct.Struct("=iiqdii")
"""Slot or END, unused, sequence, captured, width, height. 32 bytes: no read cuts one in two."""
END = -1

OPENING = 8.0
"""Seconds that a stream may take to connect: less than the parent waits, to tell the cause."""


class Slots:
    """Pictures in shared memory, newest over oldest, without a lock that a dead child could
    keep: each slot has a marker, and a reader that finds it changed has read a torn picture.
    """

    COUNT = 4
    """One is being filled, so a reader has two frame intervals before its slot is reused."""
    HEADER = mmap.PAGESIZE

    def __init__(self, memory: int, width: int, height: int) -> None:
        shape = (self.COUNT, height, width, 3)
        pages = mmap.mmap(memory, self.size(width, height))
        self._markers = np.frombuffer(pages, np.int64, self.COUNT)
        self._pixels = np.frombuffer(pages, np.uint8, offset=self.HEADER).reshape(shape)

    @classmethod
    def size(cls, width: int, height: int) -> int:
        """Bytes of memory."""
        return cls.HEADER + cls.COUNT * width * height * 3

    def put(self, image: Image, sequence: int) -> int:
        """Writer: fill the slot that is due; gives its number."""
        slot = sequence % self.COUNT
        self._markers[slot] = END
        self._pixels[slot] = image
        self._markers[slot] = sequence
        # The next slot is closed now and filled after the system call that announces this one:
        # on ARM, too, a reader that copies new pixels is then sure to see the marker gone.
        self._markers[(slot + 1) % self.COUNT] = END
        return slot

    def take(self, slot: int, sequence: int) -> Image | None:
        """Reader: a copy of the picture, or None where it was, or is being, replaced."""
        image = self._pixels[slot].copy()
        return image if self._markers[slot] == sequence else None


def main() -> int:
    """Serve the request until the camera ends, breaks, or the parent is gone."""
    memory, records = (int(argument) for argument in sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_die_with_parent, args=(records,), daemon=True).start()
    request = json.loads(os.pread(memory, 1 << 16, 0))
    config = SourceConfig(**request["config"])
    try:
        pictures = _pictures(request["url"], config, request["opening"])
        deliver(pictures, memory, records, request["sequence"])
    except EdgeferError as exc:
        print(" ".join(str(exc).split()), file=sys.stderr)
        return exc.exit_code
    except BrokenPipeError:
        pass
    return 0


def deliver(pictures: Iterable[Picture], memory: int, records: int, sequence: int) -> None:
    """Put each picture into a slot and announce it. The first decides the size; SourceLost
    is raised where it changes, for the parent to open memory of the new size."""
    os.set_blocking(records, False)
    size, slots = (0, 0), None
    for number, (captured, image) in enumerate(pictures, sequence):
        height, width = image.shape[:2]
        if slots is None:
            size = (width, height)
            os.ftruncate(memory, Slots.size(width, height))
            slots = Slots(memory, width, height)
        if size != (width, height):
            old = "x".join(map(str, size))
            raise SourceLost(f"the pictures' size changed from {old} to {width}x{height}")
        _announce(records, slots.put(image, number), number, captured, size)
    os.set_blocking(records, True)  # the end must arrive
    _announce(records, END, 0, clock(), size)


def _announce(
    records: int, slot: int, sequence: int, captured: float, size: tuple[int, int]
) -> None:
    with suppress(BlockingIOError):  # a full pipe: the reader has 2,000 newer ones to skip first
        os.write(records, RECORD.pack(slot, 0, sequence, captured, *size))


def _die_with_parent(records: int) -> None:
    """Without the reader of our pipe nobody wants pictures: kill the group, a GStreamer in it
    included, even while the camera blocks. (PR_SET_PDEATHSIG would do so as soon as the
    parent's *thread* that started us ended.)"""
    poll = select.poll()
    poll.register(records, 0)  # an error, here a reader that is gone, is always reported
    poll.poll()
    os.killpg(os.getpid(), signal.SIGKILL)


def _pictures(url: str, config: SourceConfig, opening: int) -> Iterator[Picture]:
    match scheme(url):
        case "demo" | "test":
            from edgefer.sources import synthetic

            fps = synthetic.parse(url).fps or config.fps
            return _at_pace(synthetic.pictures(url, opening), fps)
        case "csi" | "gst":
            from edgefer.sources import gstreamer

            return gstreamer.pictures(url, config)
        case "v4l2":
            return _v4l2(url, config)
        case _:
            return _rtsp(url, config)


def _at_pace(images: Iterable[Image], fps: float) -> Iterator[Picture]:
    """Each image when it is due; one that comes late delays those behind it, as a camera's."""
    due = clock()
    for image in images:
        time.sleep(max(0.0, due - clock()))
        yield clock(), image
        due = max(due + 1 / fps, clock())


def _v4l2(url: str, config: SourceConfig) -> Iterator[Picture]:
    device = devices.node(url)
    import cv2

    os.environ["OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT"] = str(_unhurried(config))
    camera = cv2.VideoCapture(str(device), cv2.CAP_V4L2)
    if not camera.isOpened():
        raise SourceError(
            f"{device} cannot be opened as a camera: another program holds it (see: fuser -v "
            f"{device}), or it is one of a camera's nodes that give no pictures. "
            f"{devices.found()}"
        )
    # What the camera cannot do it answers with the nearest that it can; the picture tells.
    camera.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, config.width)
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, config.height)
    camera.set(cv2.CAP_PROP_FPS, config.fps)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)
    yield from _grab(camera)


def _unhurried(config: SourceConfig) -> int:
    """Seconds after which OpenCV may give up waiting for a frame: never before the parent does,
    which knows what `timeout` is. OpenCV's own would be 10 s for V4L2 and 30 s for RTSP."""
    return math.ceil(config.timeout) + 10


def _rtsp(url: str, config: SourceConfig) -> Iterator[Picture]:
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port or (322 if parts.scheme == "rtsps" else 554)
    if not host:
        raise ConfigError("this names no host; write rtsp://HOST/PATH")
    try:
        socket.create_connection((host, port), timeout=OPENING).close()
    except OSError as exc:  # FFmpeg would not tell which it was
        raise SourceError(
            f"no connection to {host} port {port}: {exc.strerror or exc}. Is the camera "
            "on, in this network, and is this its RTSP port?"
        ) from exc
    import cv2

    # Over UDP, the default, a lost packet smears the picture until the next key frame.
    os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
    # Unset, FFmpeg's errors go to stderr, for the parent to quote. A parent that has opened a
    # video file hands down silence, and any level at all sends them to stdout.
    os.environ.pop("OPENCV_FFMPEG_LOGLEVEL", None)
    timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(OPENING * 1000)]
    timeouts += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _unhurried(config) * 1000]
    stream = cv2.VideoCapture(url, cv2.CAP_FFMPEG, timeouts)
    if not stream.isOpened():
        raise SourceError(
            f"{host} answers on port {port} but gives no video. Check the path, the user "
            "and the password: ffplay -rtsp_transport tcp URL"
        )
    yield from _grab(stream)


def _grab(camera: cv2.VideoCapture) -> Iterator[Picture]:
    while camera.grab():
        captured = clock()  # before the picture is decoded
        good, image = camera.retrieve()
        if good:
            yield captured, image  # type: ignore[misc]  # uint8, as both backends convert to BGR
    raise SourceLost("it gives no more pictures: it was unplugged, switched off or reset")


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    # At once: a broken camera's driver may block for ever in its library's clean-up.
    os._exit(status)
