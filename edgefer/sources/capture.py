"""One opening of a camera, from the parent's side: a child process, the memory shared with it,
and its pipes. The child's side is capture_child.py; `live.py` decides when to open again.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

import edgefer
from edgefer.addresses import without_password
from edgefer.config import SourceConfig
from edgefer.data import Frame
from edgefer.errors import ConfigError, EdgeferError, NotInstalled, SourceError, SourceLost
from edgefer.sources.capture_child import END, RECORD, Slots
from edgefer.timing import clock

MOMENT = 1.0
"""Seconds that a reader waits in any case, even one that comes long after the last frame: both
sides may have been halted, by a debugger or a container's pause, and the camera goes on."""

DYING = 0.25
"""Seconds to wait for a killed child; one asleep inside a driver is left to a thread."""

ENDING = 5.0
"""Seconds to wait for what a child died of, once its pipe is closed."""

CHILD = "edgefer.sources.capture_child"


class Capture:
    """One opening of a camera: a child process in its own group, from start to `end`.

    `opening` counts from 0; `sequence` is the first frame's; `first` is the time in seconds
    for the first frame; `wake`, a descriptor of the owner's, ends all waiting once readable.
    """

    def __init__(
        self, url: str, config: SourceConfig, opening: int, sequence: int, first: float, wake: int
    ) -> None:
        self.sequence = sequence
        """Of the frame after the newest announced one."""
        self.ended = False
        """True once the camera has ended by itself."""
        self._name, self._wake = without_password(url), wake
        self._first, self._timeout = first, config.timeout
        self._latest = clock()  # when the newest picture came, or the opening began
        self._newest: tuple[int, int, float, int, int] | None = None  # announced, not taken
        self._slots: Slots | None = None
        self._said = b""
        self._fds = ExitStack()
        request = {
            "url": url,
            "config": asdict(config),
            "opening": opening,
            "sequence": sequence,
        }
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
        self._poll = poll(wake, self._records, self._words)

    def wait(self) -> bool:
        """True as soon as a frame is there to take, and no newer one waits in the pipe; False
        when woken, or when the camera has ended. Raises what the child died of, or SourceLost
        `timeout` seconds after the last frame came, whether or not it was waited for;
        SourceError instead where no frame ever came."""
        fresh = self._slots is None
        patience = self._first if fresh else self._timeout
        deadline = max(self._latest + patience, clock() + min(patience, MOMENT))
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
                self._latest = captured
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
        death = self._ending()
        with suppress(KeyError):  # unregistered: heard to the end
            self._hear()
        lines = self._said.decode(errors="replace").splitlines()[-6:]
        told = {kind.exit_code: kind for kind in (ConfigError, NotInstalled, SourceError)}
        kind: type[EdgeferError] = SourceError if self._slots is None else SourceLost
        if death is None:
            message = "its capture process is ending, and does not come to an end"
        elif death.si_code != os.CLD_EXITED:
            message = f"its capture process was killed by signal {death.si_status}"
        elif death.si_status in told and lines:
            kind, message = told[death.si_status], lines.pop()
        else:
            message = f"its capture process ended with status {death.si_status}"
        if lines:
            message = f"{message.removesuffix('.')}. It said: {' | '.join(lines)}"
        # A pipeline that is shown to be tried by hand may hold one too.
        return kind(without_password(f"{self._name}: {message}"))

    def _ending(self) -> os.waitid_result | None:
        """How the child, whose end is under way, ended; None where it sleeps in a driver even
        now, or we are woken. It is left unreaped, for `end` to kill."""
        deadline = clock() + ENDING
        woken = poll(self._wake)
        while True:
            death = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if death is not None or clock() > deadline or woken.poll(5):
                return death


def poll(*fds: int) -> select.poll:
    """Waits until one of them can be read."""
    made = select.poll()
    for fd in fds:
        made.register(fd, select.POLLIN)
    return made


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
