"""One process of the engine host: started, asked, watched, and explained once it is dead.

The program in it is `trt_runner.py`, whose head describes how the two speak.
"""

from __future__ import annotations

import os
import platform
import select
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.engines import trt_runner
from edgefer.engines.trt import Facts, check_loaded, check_plan, translated
from edgefer.engines.trt_runner import FATAL, NO_NUMPY, PROTOCOL, receive, send, shared
from edgefer.errors import EngineLost, InferenceError, ModelError, NotInstalled
from edgefer.manifest import PlanManifest
from edgefer.timing import clock

RUNNER = Path(trt_runner.__file__)

OPENING = 300.0
"""Seconds in which a child must be ready: a Nano loads CUDA, cuDNN and a large plan from an SD
card, and holds the interpreter's lock meanwhile (TensorRT#2945), so that it gives no beats."""
CLOSING = 2.0
"""Seconds that a child may take to end by itself, and a call in another thread to return."""
DYING = 0.25
"""Seconds to wait for a killed child; one asleep inside a driver is left to a thread."""


class Child:
    """One process, from its start to `end`. Its `infer` is called by one thread at a time; one
    other may be in `until_gone`, and only `end`, when no other thread is here, frees anything."""

    def __init__(self, command: list[str], plan: Path, wake: int) -> None:
        """Raises ModelError where the plan cannot be read, NotInstalled without the interpreter."""
        self.probed: Facts = {}
        self._wake = wake
        self._said = b""
        self._hearing = threading.Lock()
        self.most = 0
        self._shared: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._fds = ExitStack()
        try:
            self._process = self._started(command, plan)
        except BaseException:
            self._fds.close()
            raise

    def _started(self, command: list[str], plan: Path) -> subprocess.Popen[bytes]:
        with ExitStack() as theirs:
            try:
                content = theirs.enter_context(plan.open("rb"))
            except OSError as exc:
                raise ModelError(f"cannot read {plan}: {exc.strerror}") from exc
            self._channel, channel = socket.socketpair()
            theirs.callback(channel.close)
            self._fds.callback(self._channel.close)
            self._beats, beats = self._pipe(theirs)
            self._words, words = self._pipe(theirs)
            self._memory = os.memfd_create("edgefer-engine")
            self._fds.callback(os.close, self._memory)
            passed = (channel.fileno(), beats, self._memory, content.fileno())
            try:
                return subprocess.Popen(
                    [*command, *map(str, passed)],
                    stdin=subprocess.DEVNULL,
                    stdout=words,
                    stderr=words,
                    pass_fds=passed,
                    start_new_session=True,  # a group to kill, and no Ctrl-C from the terminal
                    env=environment(),
                )
            except OSError as exc:
                raise NotInstalled(
                    f"the Python {command[0]} cannot be started: {exc.strerror}. Name one that "
                    'has TensorRT: [engine] python = "/usr/bin/python3"'
                ) from exc

    def _pipe(self, theirs: ExitStack) -> tuple[int, int]:
        ours, other = os.pipe()
        self._fds.callback(os.close, ours)
        theirs.callback(os.close, other)
        os.set_blocking(ours, False)
        return ours, other

    def open(self, plan: Path, manifest: PlanManifest, *, graphs: bool) -> None:
        """Ask it what it has, refuse what does not fit that, and have it load the plan."""
        deadline = clock() + OPENING
        try:
            hello = self._next(deadline)
        except EngineLost as exc:
            if self._status() == NO_NUMPY:
                raise NotInstalled(
                    f"no Python here can run TensorRT{self._told()}. Plans need TensorRT, PyCUDA "
                    "and NumPy in this Python or in the one that [engine] python names. See: "
                    "edgefer doctor"
                ) from exc
            raise
        if hello.get("hello") != PROTOCOL:
            raise EngineLost(f"the engine host speaks protocol {hello.get('hello')!r}, this "
                             f"edgefer {PROTOCOL}: they are of two versions")  # fmt: skip
        self.probed = hello["probe"]
        check_plan(plan, manifest, self.probed)
        send(self._channel, {"name": str(plan), "graphs": graphs})
        facts = self._next(deadline)["ready"]
        check_loaded(plan, manifest, facts)
        self.most = facts["most"]
        self._shared = shared(
            self._memory, self.most, tuple(facts["input_shape"]), tuple(facts["output_shape"])
        )

    def _next(self, deadline: float) -> dict[str, Any]:
        """The next message of an opening; what it prints meanwhile is kept."""
        polled = poll(self._channel.fileno(), self._words, self._wake)
        while True:
            ready = {fd for fd, _ in polled.poll(max(0.0, deadline - clock()) * 1000)}
            if not ready:
                raise EngineLost(f"the engine host was not ready after {OPENING:g} s{self._told()}")
            if self._wake in ready:
                raise EngineLost("the engine was closed while its host was starting")
            if self._channel.fileno() in ready:
                return self._received(OPENING)
            if not self._hear():
                polled.unregister(self._words)

    def infer(
        self, batch: NDArray[np.float32], timeout: float
    ) -> tuple[NDArray[np.float32], float]:
        """The answers and the device's seconds. Raises InferenceError for this batch, EngineLost
        for the child."""
        # No local name for what is shared: an error's traceback would keep it mapped.
        assert self._shared is not None
        most, *taken = self._shared[0].shape
        if list(batch.shape[1:]) != taken or not len(batch):
            raise InferenceError(f"the plan takes {('batch', *taken)}, not {batch.shape}")
        answers = np.empty((len(batch), *self._shared[1].shape[1:]), np.float32)
        seconds = 0.0
        for first in range(0, len(batch), most):
            part = batch[first : first + most]
            self._shared[0][: len(part)] = part
            try:
                send(self._channel, {"infer": len(part)})
            except OSError:
                raise EngineLost(self._death()) from None
            seconds += float(self._received(timeout)["device_seconds"])
            answers[first : first + len(part)] = self._shared[1][: len(part)]
        return answers, seconds

    def _received(self, timeout: float) -> dict[str, Any]:
        self._channel.settimeout(timeout)
        try:
            message = receive(self._channel)
        except TimeoutError:
            self.kill()
            raise EngineLost(f"the engine host gave no answer for {timeout:g} s and is "
                             f"killed{self._told()}") from None  # fmt: skip
        except (EOFError, OSError, ValueError):
            # It is dying, and its own status tells more; what speaks nonsense is killed.
            poll(self._beats, events=0).poll(DYING * 1000)
            self.kill()
            raise EngineLost(self._death()) from None
        if "error" in message:
            kind = message["error"]
            if kind in FATAL:
                self.kill()
            raise translated(kind, message["message"])
        return message

    def until_gone(self, silence: float) -> str | None:
        """Wait for the child's death or silence; gives the reason, or None where woken."""
        polled = poll(self._beats, self._words, self._wake)
        heard = clock()
        while True:
            ready = {fd for fd, _ in polled.poll(max(0.0, heard + silence - clock()) * 1000)}
            if self._wake in ready:
                return None
            if self._words in ready and not self._hear():
                polled.unregister(self._words)
            if self._beats in ready:
                if not os.read(self._beats, 4096):
                    return self._death()
                heard = clock()
            elif clock() >= heard + silence:
                self.kill()
                return (f"the engine host gave no sign of life for {silence:g} s and is "
                        f"killed{self._told()}")  # fmt: skip

    def kill(self) -> None:
        # Not reaped before `end`, so the number is still its own, even if it died long ago.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def leave(self) -> None:
        """Let it release the device by itself, for a while."""
        with suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        with suppress(subprocess.TimeoutExpired):
            # Reaps it: `end` has nothing left to kill then but what it may have started.
            self._process.wait(CLOSING)

    def end(self) -> None:
        """Kill it, reap it, and free memory and pipes."""
        if self._process.returncode is None:
            self.kill()
        self._shared = None
        self._fds.close()
        try:
            self._process.wait(DYING)
        except subprocess.TimeoutExpired:
            threading.Thread(target=self._process.wait, daemon=True).start()

    def _hear(self) -> bool:
        """Keep the end of what it prints; False once it can print no more."""
        with self._hearing, suppress(BlockingIOError):
            while words := os.read(self._words, 1 << 16):
                self._said = (self._said + words)[-4000:]
            return False
        return True

    def _told(self) -> str:
        self._hear()
        lines = self._said.decode(errors="replace").split("\n")
        kept = [line.strip() for line in lines if line.strip()]
        crash = [n for n, line in enumerate(kept) if line.startswith("Fatal Python error")]
        kept = kept[crash[-1] : crash[-1] + 5] if crash else kept[-8:]
        return f". It said: {' | '.join(kept)}" if kept else ""

    def _exit(self) -> os.waitid_result | None:
        """How it ended; waits for its end, which is under way, and leaves it unreaped. None where
        `leave` was quicker."""
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            return None

    def _status(self) -> int | None:
        """The status it ended with; None where a signal ended it."""
        death = self._exit()
        return death.si_status if death and death.si_code == os.CLD_EXITED else None

    def _death(self) -> str:
        """How it ended, in words."""
        death = self._exit()
        if death is None:
            return f"the engine host has ended{self._told()}"
        if death.si_code == os.CLD_EXITED:
            how = f"ended with status {death.si_status}"
        else:
            how = f"was killed by signal {death.si_status} ({_signal(death.si_status)})"
        return f"the engine host {how}{self._told()}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "of no name"


def poll(*fds: int, events: int = select.POLLIN) -> select.poll:
    """The other end's closing is always told, whatever the events."""
    polled = select.poll()
    for fd in fds:
        polled.register(fd, events)
    return polled


def environment() -> dict[str, str]:
    """For an interpreter that need not be ours: nothing that makes it look for ours."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "VIRTUAL_ENV")}
    if platform.machine() == "aarch64":
        # NumPy 1.19.5 dies of an illegal instruction on the Nano's A57 (numpy#18131).
        kept.setdefault("OPENBLAS_CORETYPE", "ARMV8")
    return {**kept, "OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
