"""Live sources, against test:// cameras that break down on request, in real child processes."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from edgefer.backoff import Backoff
from edgefer.config import SourceConfig
from edgefer.data import Frame
from edgefer.errors import ConfigError, SourceError
from edgefer.protocols import Source
from edgefer.sources import capture, capture_child, live
from edgefer.sources.live import LiveSource
from edgefer.sources.pattern import frame_number
from edgefer.sources.synthetic import EXIT_CODE
from edgefer.timing import clock
from tests.brokers import until

QUICK = SourceConfig(timeout=2.0, backoff=0.01, backoff_max=0.05)
REOPENINGS = int(os.environ.get("EDGEFER_REOPENINGS", "30"))
"""Of one camera in the test for leaks; each takes 0.2 s, and 1,000 are a soak test."""
CAMERA = "test://?width=128&height=96&fps=50"


@contextmanager
def opened(url: str, config: SourceConfig = QUICK) -> Iterator[LiveSource]:
    source = LiveSource(url, config)
    try:
        yield source
    finally:
        source.close()


def next_of(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    frame_number(frame.image_bgr)  # raises where the picture is torn or foreign
    return frame


def child_of(source: LiveSource) -> int:
    assert source._capture is not None
    return source._capture._process.pid


def gone(pid: int, within: float = 10) -> bool:
    """True once the process has ended, whoever reaps it."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], within)[0])
    finally:
        os.close(process)


def open_fds() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def threads() -> int:
    """The kernel's count, not Python's."""
    return len(list(Path("/proc/self/task").iterdir()))


def resident() -> int:
    """Bytes of this process's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


class Warned(logging.Handler):
    """Collects the warnings of the live source, and tells a waiting thread."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.event = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())
        self.event.set()


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned()
    live.log.addHandler(handler)
    yield handler
    live.log.removeHandler(handler)


# -- what a healthy camera gives -------------------------------------------------------------


def test_frames_come_counted_and_dated_and_the_source_ends_by_itself() -> None:
    with opened(f"{CAMERA}&frames=20") as source:
        assert isinstance(source, Source)
        assert source.live
        frames, last = [], clock()
        while frame := source.read():
            assert frame_number(frame.image_bgr) == frame.sequence
            assert frame.captured < clock()
            frames.append(frame)
        assert frames[-1].sequence == 19  # the newest is never dropped
        assert all(a.sequence < b.sequence for a, b in pairwise(frames))
        assert all(a.captured < b.captured for a, b in pairwise(frames))
        assert frames[-1].captured > last
        assert source.state == "ended"
        assert source.read() is None


def test_a_slow_reader_gets_the_newest_frame_and_sees_what_it_missed() -> None:
    with opened(f"{CAMERA}&frames=30") as source:
        first = next_of(source)
        os.waitid(os.P_PID, child_of(source), os.WEXITED | os.WNOWAIT)  # all 30 have gone by
        newest = next_of(source)
        assert first.sequence < 29
        assert newest.sequence == frame_number(newest.image_bgr) == 29
        assert source.read() is None


def test_a_frame_keeps_its_pixels_while_the_camera_goes_on() -> None:
    with opened(CAMERA) as source:
        frame = next_of(source)
        number = frame_number(frame.image_bgr)
        while next_of(source).sequence < frame.sequence + 2 * capture_child.Slots.COUNT:
            pass
        assert frame_number(frame.image_bgr) == number
        assert frame.image_bgr.flags.owndata
        assert frame.image_bgr.flags.writeable


def test_a_picture_that_was_overwritten_is_not_delivered() -> None:
    memory = os.memfd_create("test")
    os.ftruncate(memory, capture_child.Slots.size(4, 2))
    writer, reader = (capture_child.Slots(memory, 4, 2) for _ in range(2))
    os.close(memory)
    slots = [writer.put(np.full((2, 4, 3), n, np.uint8), n) for n in range(3)]
    assert [int(image.max()) for n in range(3) if (image := reader.take(slots[n], n)) is not None]
    writer.put(np.full((2, 4, 3), 3, np.uint8), 3)
    assert reader.take(slots[0], 0) is None  # it is the next to be filled
    assert reader.take(slots[1], 1) is not None


def test_a_fast_camera_never_gives_a_torn_picture() -> None:
    with opened("test://?fps=100000&width=640&height=480&frames=300", QUICK) as source:
        read = 0
        while frame := source.read():
            assert frame_number(frame.image_bgr) == frame.sequence
            number = frame.sequence * 4 % 640  # the lower half's gradient has moved so far
            row = frame.image_bgr[-1, :, 0].astype(int)
            assert abs(int(row.argmin()) - (320 - number) % 640) <= 2
            read += 1
        assert read > 0


def test_the_url_with_its_password_is_in_no_command_line() -> None:
    with opened(CAMERA) as source:
        command = Path(f"/proc/{child_of(source)}/cmdline").read_text()
        assert "capture_child" in command
        assert "fps" not in command


# -- cameras that break ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("die_at=3", f"status {EXIT_CODE}"),
        ("block_at=3", "no frame for 2 s"),
        ("resize_at=3&height=200&width=300", "size changed from 300x200 to 150x100"),
        ("end_at=3", "end_at"),
    ],
)
def test_a_broken_camera_is_reopened_and_its_count_goes_on(
    fault: str, reason: str, warned: Warned
) -> None:
    url = f"{CAMERA}&{fault}" if "width" not in fault else f"test://?fps=50&{fault}"
    with opened(url) as source:
        first = child_of(source)
        before = next_of(source)
        while source.reconnects == 0:
            after = next_of(source)
            if source.reconnects == 0:
                before = after
        assert source.state == "live"
        assert source.reason == ""
        assert after.sequence > before.sequence
        assert frame_number(after.image_bgr) < 3  # a new camera, which counts from 0
        assert len(warned.messages) == 1
        assert reason in warned.messages[0]
        assert gone(first, within=0)
        with pytest.raises(ChildProcessError):
            os.waitpid(first, os.WNOHANG)  # reaped: no zombie


def test_a_child_that_is_stopped_is_killed_and_one_that_is_interrupted_goes_on() -> None:
    with opened(CAMERA) as source:
        first = child_of(source)
        os.kill(first, signal.SIGINT)  # Ctrl-C is the parent's to answer
        start = next_of(source).sequence
        while next_of(source).sequence < start + 10:
            pass
        assert child_of(source) == first
        os.kill(first, signal.SIGSTOP)
        while source.reconnects == 0:
            next_of(source)
        assert gone(first, within=0)


@pytest.mark.timeout(30 + 10 * REOPENINGS)
def test_reopening_leaks_neither_descriptors_nor_threads_nor_memory() -> None:
    start = open_fds(), threads()
    with opened(f"{CAMERA}&die_at=1") as source:
        next_of(source)
        began, memory = (open_fds(), threads()), resident()
        for n in range(REOPENINGS):
            next_of(source)
            assert source.reconnects == n + 1
            # A killed child that took its time is reaped by a thread, which ends with it.
            until(lambda: (open_fds(), threads()) == began)
        assert resident() - memory < 8 << 20
    until(lambda: (open_fds(), threads()) == start)


def test_fifty_openings_that_fail_leak_no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "CHILD", "edgefer.errors")  # runs, says nothing, ends
    fds = open_fds()
    for _ in range(50):
        with pytest.raises(SourceError, match="ended with status 0"):
            LiveSource(CAMERA, QUICK)
    assert open_fds() == fds


class NotedBackoff(Backoff):
    """Remembers its pauses; its clock is `now`."""

    def __init__(self, first: float, longest: float) -> None:
        super().__init__(first, longest, clock=lambda: self.now)
        self.now, self.pauses = 1000.0, list[float]()

    def pause(self) -> float:
        self.pauses.append(super().pause())
        return self.pauses[-1]


def test_pauses_double_up_to_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise SourceError("no camera")

    monkeypatch.setattr(live, "Capture", refuse)
    monkeypatch.setattr(live, "Backoff", NotedBackoff)
    config = SourceConfig(wait=True, backoff=0.01, backoff_max=0.05)
    with opened(CAMERA, config) as source:
        assert isinstance(source._backoff, NotedBackoff)
        pauses = source._backoff.pauses
        reader = threading.Thread(target=source.read)
        reader.start()
        until(lambda: len(pauses) >= 6)
        source.close()
        reader.join(1)
    for pause, due in zip(pauses, (0.01, 0.02, 0.04, 0.05, 0.05, 0.05), strict=False):
        assert due / 2 <= pause <= due


def test_a_camera_that_flaps_is_waited_for_longer_and_one_that_lived_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "Backoff", NotedBackoff)
    frame = Frame(np.zeros((96, 128, 3), np.uint8), 0, 0.0)
    with opened(CAMERA, SourceConfig(wait=True, backoff=0.01, backoff_max=0.04)) as source:
        backoff = source._backoff
        assert isinstance(backoff, NotedBackoff)
        for lived in (0.005, 0.005, 0.005, 0.005, 3600.0, 0.005):
            source._came(frame)
            backoff.now += lived
            source._lost("it died")
    for pause, due in zip(backoff.pauses, (0.01, 0.02, 0.04, 0.04, 0.01, 0.02), strict=True):
        assert due / 2 <= pause <= due


def test_a_fault_that_happens_once_is_over_after_one_reopening(warned: Warned) -> None:
    with opened(f"{CAMERA}&die_at=3&once=1") as source:
        while source.reconnects == 0:
            last = next_of(source)
        while frame_number(next_of(source).image_bgr) < 10:
            pass
        assert source.reconnects == 1
        assert frame_number(last.image_bgr) < last.sequence
    assert len(warned.messages) == 1


# -- cameras that are slow, or stop ----------------------------------------------------------


def test_a_camera_ten_times_slower_than_asked_for_is_no_fault(warned: Warned) -> None:
    with opened(f"{CAMERA}&slow_at=2&slow=0.2", SourceConfig(timeout=30)) as source:
        while next_of(source).sequence < 6:
            pass
        assert source.reconnects == 0
    assert warned.messages == []


def test_the_timeout_counts_from_the_last_frame_even_if_its_reader_comes_late() -> None:
    with opened(f"{CAMERA}&block_at=1&once=1", SourceConfig(timeout=60, backoff=0.01)) as source:
        next_of(source)
        assert source._capture is not None
        source._capture._latest -= 59
        begun = clock()
        next_of(source)
        assert source.reconnects == 1
        assert clock() - begun < 30


def test_a_late_reader_finds_a_camera_that_works() -> None:
    with opened(CAMERA, SourceConfig(timeout=30)) as source:
        next_of(source)
        assert source._capture is not None
        source._capture._latest -= 60  # as after a halt of both
        next_of(source)
        assert source.reconnects == 0


# -- cameras that are not there --------------------------------------------------------------


def test_an_absent_camera_is_named_with_those_that_are_here() -> None:
    with pytest.raises(SourceError, match=r"/dev/video99 does not exist.*Cameras here"):
        LiveSource("v4l2:///dev/video99", QUICK)


def test_a_camera_that_dies_before_its_first_frame_is_refused() -> None:
    with pytest.raises(SourceError, match=f"status {EXIT_CODE}"):
        LiveSource(f"{CAMERA}&die_at=0", QUICK)


def test_a_camera_that_opens_but_gives_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OPENING", 0.5)
    with pytest.raises(SourceError, match="no frame for 2 s"):
        LiveSource(f"{CAMERA}&block_at=0", QUICK)


def test_an_absent_camera_is_waited_for_where_that_is_wished(warned: Warned) -> None:
    config = SourceConfig(wait=True, backoff=60, backoff_max=60)
    with opened("v4l2:///dev/video99", config) as source:
        results: list[Frame | None] = []
        reader = threading.Thread(target=lambda: results.append(source.read()))
        reader.start()
        assert warned.event.wait(15)
        assert "/dev/video99" in warned.messages[0]
        begun = clock()
        source.close()
        reader.join(5)
        assert clock() - begun < 0.5
        assert results == [None]


def test_a_camera_that_appears_after_some_openings_is_found(warned: Warned) -> None:
    config = SourceConfig(wait=True, backoff=0.01, backoff_max=0.05)
    with opened(f"{CAMERA}&absent=2", config) as source:
        next_of(source)
        assert (source.state, source.reason) == ("live", "")
        assert source.reconnects == 0  # it was not there before
    assert len(warned.messages) == 1
    with pytest.raises(SourceError, match="absent"):
        LiveSource(f"{CAMERA}&absent=1", QUICK)


def test_a_link_to_a_device_is_followed_anew_at_each_opening(tmp_path: Path) -> None:
    link = tmp_path / "usb-camera-index0"
    config = SourceConfig(wait=True, backoff=0.01, backoff_max=0.05)
    with opened(f"v4l2://{link}", config) as source:
        reader = threading.Thread(target=source.read)
        reader.start()
        until(lambda: f"{link} does not exist" in source.reason)
        link.symlink_to("/dev/null")  # no camera, but a device
        until(lambda: "/dev/null cannot be opened as a camera" in source.reason)
        link.unlink()
        link.symlink_to("/dev/zero")
        until(lambda: "/dev/zero cannot be opened as a camera" in source.reason)
        source.close()
        reader.join(5)


def test_waiting_is_logged_once_for_one_reason(
    warned: Warned, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = threading.Semaphore(0)

    def refuse(*_: object) -> None:
        tries.release()
        raise SourceError("no camera")

    monkeypatch.setattr(live, "Capture", refuse)
    with opened(CAMERA, SourceConfig(wait=True, backoff=0.01, backoff_max=0.01)) as source:
        reader = threading.Thread(target=source.read)
        reader.start()
        assert all(tries.acquire(timeout=5) for _ in range(5))
        assert source.reason == "no camera"
        source.close()
        reader.join(1)
    assert len(warned.messages) == 1


def test_waiting_for_what_cannot_come_is_refused_at_the_first_read() -> None:
    with (
        opened("v4l2://video0", SourceConfig(wait=True)) as source,
        pytest.raises(ConfigError, match="three slashes"),
    ):
        source.read()


def test_a_closed_port_is_told_without_the_password() -> None:
    with pytest.raises(SourceError, match="port 1: Connection refused") as refused:
        LiveSource("rtsp://me:secret@127.0.0.1:1/stream", QUICK)
    assert "secret" not in str(refused.value)


def test_a_port_that_speaks_no_rtsp_is_told_from_a_closed_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with suppress(OSError):  # the server is closed
                while True:
                    server.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        port = server.getsockname()[1]
        with pytest.raises(SourceError, match=f"answers on port {port} but gives no video"):
            LiveSource(f"rtsp://127.0.0.1:{port}/stream", QUICK)
        server.shutdown(socket.SHUT_RDWR)


# -- the end ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("", "live"),
        ("&block_at=1", "live"),
        ("&block_at=0", "opening"),  # it hangs while it is opened
        ("&absent=9", "waiting"),
        ("&die_at=1", "waiting"),
    ],
)
def test_close_ends_a_read_and_the_child_at_once_in_every_state(fault: str, state: str) -> None:
    config = SourceConfig(wait=True, timeout=60, backoff=60, backoff_max=60)
    with opened(CAMERA + fault, config) as source:
        results: list[Frame | None] = []
        reader = threading.Thread(target=lambda: results.extend(iter(source.read, None)))
        reader.start()
        until(lambda: source.state == state and (state == "waiting" or bool(source._capture)))
        child = child_of(source) if source._capture else None
        begun = clock()
        source.close()
        reader.join(5)
        assert clock() - begun < 2  # 0.3 s at most on an idle machine
        assert not reader.is_alive()
        assert child is None or gone(child, within=0)
        assert source.read() is None
        assert source.state == "ended"


def test_close_does_not_wait_for_a_child_whose_end_takes_long(
    monkeypatch: pytest.MonkeyPatch, warned: Warned
) -> None:
    """As one does that its driver keeps; here it only seems so to the parent."""
    asked = threading.Event()
    with opened(f"{CAMERA}&die_at=1", SourceConfig(wait=True, backoff=60)) as source:
        monkeypatch.setattr(os, "waitid", lambda *_: asked.set())
        monkeypatch.setattr(capture, "ENDING", 60.0)
        reader = threading.Thread(target=lambda: [*iter(source.read, None)])
        reader.start()
        assert asked.wait(20)
        begun = clock()
        source.close()
        reader.join(5)
        assert clock() - begun < 2
        assert not reader.is_alive()
    assert warned.messages == []


def test_a_child_ends_when_its_parent_is_killed_even_if_its_camera_blocks() -> None:
    program = (
        "import os, signal\n"
        "from edgefer.config import SourceConfig\n"
        "from edgefer.sources.live import LiveSource\n"
        f"source = LiveSource({CAMERA + '&block_at=1'!r}, SourceConfig())\n"
        "print(source._capture._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    assert parent.returncode == -signal.SIGKILL
    assert gone(int(parent.stdout))
