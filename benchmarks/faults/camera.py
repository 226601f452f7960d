"""What cameras do."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np

from benchmarks.faults.fault import FROM_ITS_END, FROM_THE_FAULT, LONGEST_GAP, Fault
from benchmarks.faults.outcome import Outcome
from benchmarks.faults.shortened import section
from benchmarks.faults.subject import Subject
from edgefer.timing import clock

FPS, WIDTH, HEIGHT = 20, 320, 240
AT = 60
"""The frame from which on the scripted camera has its fault: it is well for three seconds."""
PEOPLE = section("source", 'url = "demo://?fps=8&seed=7&start=15"')
"""A configuration with a camera that sees somebody for 15 s and more, slow enough for a loaded
machine."""


def pattern(more: str = "", *settings: str) -> str:
    """A configuration with the scripted camera."""
    url = f"test://?live=1&fps={FPS}&width={WIDTH}&height={HEIGHT}{more}"
    return section("source", f'url = "{url}"', *settings)


def _scripted(what: str, fault: str, words: str) -> Fault:
    """One that test:// has by itself, until it is opened again."""

    def once(folder: Path) -> Outcome:
        with Subject(folder, pattern(f"&{fault}_at={AT}&once=1")) as subject:
            subject.steady()
            noticed = subject.wait_said(words)
            live = subject.wait_said("live, ", noticed.at)
            resumed = subject.wait_reading(live.at).at
            began = subject.before(AT)
            return subject.outcome(began, noticed, (began, resumed))

    how = f"test:// with {fault}_at={AT}, until it is opened again"
    return Fault(f"camera {what}", how, FROM_THE_FAULT, once)


def _killed(folder: Path) -> Outcome:
    with Subject(folder, pattern()) as subject:
        subject.steady()
        child = subject.child("capture_child")
        began = clock()
        os.kill(child, signal.SIGKILL)
        noticed = subject.wait_said("killed by signal 9", began)
        live = subject.wait_said("live, ", noticed.at)
        return subject.outcome(began, noticed, (began, subject.wait_reading(live.at).at))


def _slow(folder: Path) -> Outcome:
    with Subject(folder, pattern(f"&slow_at={AT}&slow={10 / FPS}")) as subject:
        subject.steady()

        def halved() -> bool:
            rates = subject.daemon.get("/v1/status").json()["cameras"]["camera"].get("fps")
            return rates is not None and rates["total"] < FPS / 2

        subject.wait(lambda: subject.readings[-1].line["sequence"] >= AT, "the fault")
        began = subject.before(AT)
        subject.wait(halved, "half the rate in /v1/status")
        noticed = clock()
        subject.wait_reading(noticed)
        outcome = subject.outcome(began, None, subject.longest_gap(began))
        rates = subject.daemon.get("/v1/status").json()["cameras"]["camera"]["fps"]
        return outcome.seen(noticed - began, f"/v1/status: total {rates['total']} FPS")


class _Pipe:
    """A camera's device node: a FIFO behind a link, as udev's by-id is one, into which noise is
    written at FPS until it is unplugged."""

    def __init__(self, folder: Path) -> None:
        self.link = folder / "by-id"
        self._folder, self._number = folder, 0
        self._unplugged = threading.Event()
        self._thread = threading.Thread()

    def plug_in(self) -> None:
        node = self._folder / f"video{self._number}"
        self._number += 1
        os.mkfifo(node)
        self._unplugged.clear()
        self._thread = threading.Thread(target=self._play, args=(node,), daemon=True)
        self._thread.start()
        self.link.symlink_to(node)

    def _play(self, node: Path) -> None:
        rng = np.random.default_rng(0)
        with node.open("wb", buffering=0) as pipe:
            try:
                while not self._unplugged.wait(1 / FPS):
                    pipe.write(rng.integers(0, 256, HEIGHT * WIDTH * 3, np.uint8).tobytes())
            except BrokenPipeError:
                pass  # whoever reads was killed
        node.unlink()

    def unplug(self) -> None:
        self.link.unlink()
        self._unplugged.set()
        self._thread.join()


def _renumbered(folder: Path) -> Outcome:
    camera = _Pipe(folder)
    camera.plug_in()
    raw = f"rawvideoparse format=bgr width={WIDTH} height={HEIGHT} framerate={FPS}/1"
    url = f"gst:filesrc location={camera.link} ! {raw}"
    config = section("source", f'url = "{url}"', f"width = {WIDTH}", f"height = {HEIGHT}")
    with Subject(folder, config) as subject:
        subject.steady()
        began = clock()
        camera.unplug()
        noticed = subject.wait_said("opening it again", began)
        subject.wait_said("gave no picture", noticed.at)
        back = clock()
        camera.plug_in()
        resumed = subject.wait_reading(back)
        return subject.outcome(began, noticed, (back, resumed.at))


FAULTS = (
    _scripted("blocks", "block", "no frame for 2 s"),
    _scripted("ends its stream", "end", "stopped before frame"),
    Fault("camera's process killed", "SIGKILL to the capture process", FROM_THE_FAULT, _killed),
    _scripted("goes black", "black", "black for 1 s"),
    _scripted("freezes", "freeze", "frozen for 1 s"),
    _scripted("changes its size", "resize", "size changed"),
    Fault(
        "camera 10 x slower",
        f"test:// takes {10 / FPS:g} s a frame instead of {1 / FPS:g} from frame {AT} on, for good",
        LONGEST_GAP,
        _slow,
    ),
    Fault(
        "camera back as another number",
        "a FIFO of raw pictures behind a link, as udev keeps one, read by GStreamer; its end, the "
        "link gone, then the link to another FIFO. No V4L2 driver is in it",
        FROM_ITS_END,
        _renumbered,
    ),
)
