"""A live source: a camera in a child process, watched, killed and reopened.

LiveSource knows when to open, to wait and to give up; _Capture is one opening: a child, the
memory shared with it, and its pipes. The child's side is capture_child.py.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import edgefer
from edgefer.addresses import without_password
from edgefer.config import SourceConfig
from edgefer.data import Frame
from edgefer.errors import ConfigError, EdgeferError, NotInstalled, SourceError, SourceLost
from edgefer.sources.capture_child import END, RECORD, Slots
from edgefer.timing import clock

State = Literal["opening", "live", "waiting", "ended"]

OPENING = 10.0
"""Seconds within which an opening must give its first frame, where `timeout` is shorter: a
network camera, or a machine under load, takes longer to begin than to go on."""

CHILD = "edgefer.sources.capture_child"

DYING = 0.25
"""Seconds to wait for a killed child; one asleep inside a driver is left to a thread."""

log = logging.getLogger(__name__)


class LiveSource:
    """The newest frame of a camera that may fail. Frames nobody reads are dropped, and show
    as gaps in `Frame.sequence`, which goes on increasing when the camera is reopened.

    The first opening raises what is wrong, unless `config.wait`. After the first frame, or
    with `wait`, a camera that gives no frame for `config.timeout` seconds, dies or changes
    its picture's size is killed and opened again, for ever, with pauses that double from
    `backoff` to `backoff_max`. Only a source that ends by itself ends. Any thread may look at
    `state`, `reason` and `reconnects`.
    """

    live = True

    def __init__(self, url: str, config: SourceConfig) -> None:
        self.name = without_password(url)
        self.state: State = "opening"
        self.reason = ""
        """Why it is not live; "" while it is."""
        self.reconnects = 0
        """How often frames came again after the camera was lost."""
        self._url, self._config = url, config
        self._capture: _Capture | None = None
        self._ever_live = False
        self._sequence = 0  # where the next opening goes on counting
        self._pause = config.backoff
        self._closed = False
        self._reading, self._closing = threading.Lock(), threading.Lock()
        self._wake = os.eventfd(0)  # readable for ever once closed
        if not config.wait:
            try:
                self._opened().wait()  # the frame stays for the first read, or a newer one does
            except BaseException:
                self.close()
                raise

    def read(self) -> Frame | None:
        """The newest frame not yet read; blocks until there is one, however long the camera is
        away. None once closed, or when a source that ends by itself has ended.

        Raises NotInstalled or ConfigError where waiting for a first frame would be in vain.
        """
        with self._reading:
            while not self._closed and self.state != "ended":
                try:
                    capture = self._opened()
                    if capture.wait():
                        if frame := capture.take():
                            self._came(frame)
                            return frame
                    elif capture.ended:
                        self._drop()
                        self.state = "ended"
                        log.info("%s: ended", self.name)
                except EdgeferError as exc:
                    self._drop()
                    if not self._ever_live and not isinstance(exc, SourceError):
                        raise
                    self._lost(str(exc))
            return None

    def close(self) -> None:
        """Kill the child and free everything; a `read` in another thread returns None."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._wake, 1)
            with self._reading:
                self._drop()
                self.state = "ended"
                os.close(self._wake)

    def _opened(self) -> _Capture:
        if self._capture is None:
            self.state = "opening"
            self._capture = _Capture(self._url, self._config, self._sequence, self._wake)
        return self._capture

    def _came(self, frame: Frame) -> None:
        if self.state != "live":
            height, width = frame.image_bgr.shape[:2]
            log.info("%s: live, %dx%d", self.name, width, height)
            self.reconnects += self._ever_live
            self._ever_live = True
            self.state, self.reason, self._pause = "live", "", self._config.backoff

    def _lost(self, reason: str) -> None:
        """Wait before the next opening; a reason that stays the same is logged once."""
        if reason != self.reason:
            log.warning("%s (opening it again until it comes)", reason)
        self.state, self.reason = "waiting", reason
        _poll(self._wake).poll(self._pause * 1000)
        self._pause = min(self._pause * 2, self._config.backoff_max)

    def _drop(self) -> None:
        if self._capture is not None:
            self._sequence = self._capture.sequence
            self._capture.end()
            self._capture = None


class _Capture:
    """One opening of a camera: a child process in its own group, from start to `end`."""

    def __init__(self, url: str, config: SourceConfig, sequence: int, wake: int) -> None:
        self.sequence = sequence
        """Of the frame after the newest announced one."""
        self.ended = False
        """True once the camera has ended by itself."""
        self._name, self._timeout, self._wake = without_password(url), config.timeout, wake
        self._newest: tuple[int, int, float, int, int] | None = None  # announced, not taken
        self._slots: Slots | None = None
        self._said = b""
        self._fds = ExitStack()
        request = {"url": url, "config": asdict(config), "sequence": sequence}
        try:
            self._memory = os.memfd_create("edgefer-capture")
            self._fds.callback(os.close, self._memory)
            os.pwrite(self._memory, json.dumps(request).encode(), 0)
            self._records, theirs = os.pipe()
            self._fds.callback(os.close, self._records)
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", CHILD, str(self._memory), str(theirs)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(self._memory, theirs),
                    start_new_session=True,  # a group to kill, and no Ctrl-C from the terminal
                    env=_environment(),
                )
            finally:
                os.close(theirs)
        except OSError as exc:
            self._fds.close()
            raise SourceError(f"no capture process can be started: {exc.strerror}") from exc
        assert self._process.stderr is not None
        self._fds.callback(self._process.stderr.close)
        self._words = self._process.stderr.fileno()
        os.set_blocking(self._words, False)
        self._poll = _poll(wake, self._records, self._words)

    def wait(self) -> bool:
        """True as soon as a frame is there to take, and no newer one waits in the pipe; False
        when woken, or when the camera has ended. Raises what the child died of, or SourceLost
        after `timeout` seconds; SourceError instead where no frame ever came."""
        fresh = self._slots is None
        patience = max(self._timeout, OPENING) if fresh else self._timeout
        deadline = clock() + patience
        while True:
            left = 0.0 if self._newest else deadline - clock()
            if left < 0:
                raise (SourceError if fresh else SourceLost)(
                    f"{self._name}: no frame for {patience:g} s; a slow one needs more timeout"
                )
            ready = {fd for fd, _ in self._poll.poll(left * 1000)}
            if self._wake in ready:
                return False
            if self._words in ready:
                self._hear()
            if self._records in ready and not self._hear_records():
                # What a dead child has left behind is still good.
                if self._newest:
                    return True
                if self.ended:
                    return False
                raise self._death()
            if self._newest and self._records not in ready:
                return True

    def take(self) -> Frame | None:
        """The announced frame, copied out; None where a newer one is just overwriting it."""
        assert self._newest is not None
        (slot, sequence, captured, width, height), self._newest = self._newest, None
        if self._slots is None:
            self._slots = Slots(self._memory, width, height)
        image = self._slots.take(slot, sequence)
        return None if image is None else Frame(image, sequence, captured)

    def end(self) -> None:
        """Kill the child with all that it started, reap it, and free memory and pipes."""
        # Not reaped before this, so the number is still its own, even if it died long ago.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._slots = None
        self._fds.close()
        try:
            self._process.wait(DYING)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, daemon=True).start()

    def _hear_records(self) -> bool:
        """Read all announcements and keep the newest; False where the child is gone."""
        announced = os.read(self._records, 1 << 16)
        for slot, _, sequence, captured, width, height in RECORD.iter_unpack(announced):
            if slot == END:
                self.ended = True
            else:
                self._newest = (slot, sequence, captured, width, height)
                self.sequence = sequence + 1
        return bool(announced)

    def _hear(self) -> None:
        """Keep the end of what the child says on stderr."""
        with suppress(BlockingIOError):
            while words := os.read(self._words, 1 << 16):
                self._said = (self._said + words)[-2000:]
            self._poll.unregister(self._words)

    def _death(self) -> EdgeferError:
        """The error that the child died of, or told before it died."""
        # Waits for its end, already under way, and leaves it unreaped, for `end` to kill.
        death = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        assert death is not None
        with suppress(KeyError):  # unregistered: heard to the end
            self._hear()
        lines = self._said.decode(errors="replace").splitlines()[-6:]
        told = {kind.exit_code: kind for kind in (ConfigError, NotInstalled, SourceError)}
        if death.si_code == os.CLD_EXITED and death.si_status in told and lines:
            kind, message = told[death.si_status], lines.pop()
        else:
            how = "ended with status" if death.si_code == os.CLD_EXITED else "was killed by signal"
            kind = SourceError if self._slots is None else SourceLost
            message = f"its capture process {how} {death.si_status}"
        said = f". It said: {' | '.join(lines)}" if lines else ""
        return kind(f"{self._name}: {message}{said}")


def _poll(*fds: int) -> select.poll:
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return poll


def _environment() -> dict[str, str]:
    """The child imports this edgefer, installed or not, and nothing from the current folder
    (which Python 3.10 cannot be told). It computes nothing: threads for linear algebra would
    double the time that NumPy takes to load."""
    path = [str(Path(edgefer.__file__).parents[1]), os.environ.get("PYTHONPATH")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONSAFEPATH": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OPENCV_LOG_LEVEL": "ERROR",  # its warnings would stand in front of the cause
    }
