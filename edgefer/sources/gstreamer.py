"""Cameras that only GStreamer reaches: CSI on a Jetson, and any pipeline of the user's.

OpenCV's wheels are built without GStreamer. gst-launch-1.0 needs no binding: it runs as a
child and writes raw pictures of a size agreed beforehand into a pipe.
"""

from __future__ import annotations

import fcntl
import os
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction

import numpy as np

from edgefer.config import SourceConfig
from edgefer.data import Image
from edgefer.errors import ConfigError, NotInstalled, SourceError, SourceLost
from edgefer.timing import clock

PACKAGES = "gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good"
"""Debian's names; they bring gst-launch-1.0 and the converters used here."""


def check_installed() -> None:
    """Raises NotInstalled where gst-launch-1.0 is missing."""
    if shutil.which("gst-launch-1.0") is None:
        raise NotInstalled(
            f"csi:// and gst: run gst-launch-1.0, which is missing: sudo apt install {PACKAGES}"
        )


def pipeline(url: str, config: SourceConfig) -> str:
    """What gst-launch-1.0 is given for a csi:// or gst: URL, up to the pipe it writes into.

    It delivers BGR pictures of the configured size. Raises ConfigError.
    """
    size = f"width={config.width},height={config.height}"
    if url.startswith("gst:"):
        camera = url.removeprefix("gst:").strip().rstrip("!").strip()
        if not camera:
            raise ConfigError("gst: has no pipeline; such as gst:videotestsrc is-live=true")
        convert = "videoconvert ! videoscale"
    else:
        sensor = url.removeprefix("csi://") or "0"
        if not sensor.isdecimal():
            raise ConfigError("it names no sensor; write csi://0 for the first camera")
        rate = Fraction(config.fps).limit_denominator(1001)
        camera = (
            f"nvarguscamerasrc sensor-id={sensor} ! video/x-raw(memory:NVMM),{size},"
            f"framerate={rate.numerator}/{rate.denominator}"
        )
        # nvvidconv copies out of the GPU's memory, but it writes BGRx, not BGR.
        convert = "nvvidconv ! video/x-raw,format=BGRx ! videoconvert"
    # No queue that drops: the shared memory behind the pipe lets the newest win, and counts.
    return f"{camera} ! {convert} ! video/x-raw,format=BGR,{size}"


def pictures(url: str, config: SourceConfig) -> Iterator[tuple[float, Image]]:
    """Pictures as they come, (H, W, 3) uint8, each with its time; ends when the pipeline does.

    The caller owns a picture until it asks for the next one. Raises NotInstalled, SourceError
    where the pipeline gives nothing, SourceLost where it breaks.
    """
    check_installed()
    if url.startswith("csi:"):
        _check_argus()
    text = pipeline(url, config)
    reader, writer = os.pipe()
    with suppress(OSError):  # refused where the user's pipes hold much already; then it is slower
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 1 << 20)
    # Not fd 1: nvarguscamerasrc prints there, into the middle of a picture.
    command = ["gst-launch-1.0", "-q", *shlex.split(text), "!", "fdsink", f"fd={writer}"]
    with os.fdopen(reader, "rb", buffering=0) as raw:
        process = subprocess.Popen(
            [*command, "sync=false"],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            pass_fds=(writer,),
        )
        os.close(writer)
        try:
            count = 0
            for picture in _split(raw.fileno(), config.width, config.height):
                yield picture
                count += 1
            status = process.wait()
        finally:
            process.kill()
            process.wait()
    if count == 0:
        stuck = " If Argus is stuck: sudo systemctl restart nvargus-daemon"
        raise SourceError(
            f"gst-launch-1.0 gave no picture and ended with status {status}. Try it by hand: "
            f"gst-launch-1.0 {text} ! fakesink.{stuck if url.startswith('csi:') else ''}"
        )
    if status != 0:
        raise SourceLost(f"gst-launch-1.0 ended with status {status} after {count} pictures")


def _split(pipe: int, width: int, height: int) -> Iterator[tuple[float, Image]]:
    """Cut the pipe's bytes into pictures. A picture's time is when its first bytes came."""
    stride = (width * 3 + 3) // 4 * 4  # GStreamer pads each row to 4 bytes
    buffer = np.empty((height, stride), np.uint8)
    image = buffer[:, : width * 3].reshape(height, width, 3)
    rest = buffer.data.cast("B")
    while True:
        select.select([pipe], [], [])
        captured = clock()
        filled = 0
        while filled < len(rest):
            read = os.readv(pipe, [rest[filled:]])
            if read == 0:
                return
            filled += read
        yield captured, image


def _check_argus() -> None:
    if subprocess.run(["gst-inspect-1.0", "--exists", "nvarguscamerasrc"], check=False).returncode:
        raise SourceError(
            "it needs the GStreamer element nvarguscamerasrc, which this machine lacks: it "
            "comes with NVIDIA's L4T on a Jetson (apt package nvidia-l4t-gstreamer). In a "
            "container, mount /tmp/argus_socket. Elsewhere use v4l2:///dev/video0"
        )
