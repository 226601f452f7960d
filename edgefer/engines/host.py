"""A TensorRT plan in a child process: the engine host.

For an interpreter that is not ours (JetPack 4's TensorRT is for its Python 3.6), and against CUDA
that crashes or hangs: a process can be killed and started again, a thread cannot. One such
process is `hosted_child.py`; this is how one follows another. Nothing here was run on a GPU or a
Jetson.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.backoff import Backoff
from edgefer.engines.hosted_child import CLOSING, RUNNER, Child, poll
from edgefer.engines.trt import runtime_name
from edgefer.errors import EdgeferError, EngineLost, InferenceError
from edgefer.manifest import PlanManifest
from edgefer.timing import clock

SILENCE = 10.0
"""Seconds without a beat after which an open child counts as hanging."""
BACKOFF, BACKOFF_MAX = 0.5, 30.0
"""Seconds before a new start; doubles with each that fails."""
WINDOW = 600.0
"""Seconds within which losses are counted."""

log = logging.getLogger(__name__)


class HostedEngine:
    """One plan in a process of its own, which is watched, killed and started again.

    A batch that is under way when the child dies or hangs is lost, with EngineLost; the next call
    waits for the new child. After more than `restarts` losses in WINDOW seconds every call raises
    EngineLost. Any thread may look at `restarted` and `reason`.
    """

    exclusive = True

    def __init__(
        self,
        plan: Path,
        manifest: PlanManifest,
        *,
        python: str,
        graphs: bool = False,
        timeout: float = 5.0,
        restarts: int = 5,
        silence: float = SILENCE,
        backoff: float = BACKOFF,
        child: Path = RUNNER,
    ) -> None:
        """`timeout` seconds without an answer, or `silence` without a beat, and the child is
        killed. Raises NotInstalled where `python` has no TensorRT or no GPU, PlanMismatch (before
        TensorRT sees the plan) or ModelError for the plan, EngineLost where the child dies.
        """
        self.spec = manifest.spec
        self.device_seconds = 0.0
        """Of the last call, by CUDA's events; the rest of its time is hand-over."""
        self.restarted = 0
        self.reason = ""
        """Of the last loss."""
        self._plan, self._manifest, self._graphs = plan, manifest, graphs
        self._command = [python, str(child)]
        self._timeout, self._silence, self._backoff = timeout, silence, backoff
        self._restarts = restarts
        self._losses: deque[float] = deque()
        self._turn = threading.Condition()
        self._closed = self._given_up = False
        self._wake = os.eventfd(0)  # readable for ever once closed
        self._child: Child | None = None
        try:
            self._child = self._start()
        except BaseException:
            os.close(self._wake)
            raise
        self.max_batch = self._child.most
        """Beyond it a batch is run in parts."""
        self.runtime = f"{runtime_name(self._child.probed, manifest)}, hosted"
        self._watcher = threading.Thread(
            target=self._watch, args=(self._child,), name="engine host", daemon=True
        )
        self._watcher.start()

    def _start(self) -> Child:
        child = Child(self._command, self._plan, self._wake)
        try:
            child.open(self._plan, self._manifest, graphs=self._graphs)
        except (KeyError, TypeError, ValueError) as exc:
            child.end()
            raise EngineLost(f"the engine host speaks nonsense: {exc!r}") from exc
        except BaseException:
            child.end()
            raise
        return child

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) float32 -> (N, K) float32 that belongs to the caller.

        Raises InferenceError where this batch cannot be run, EngineLost where the child was lost
        with it, or is given up.
        """
        with self._turn:
            while self._child is None and not (self._closed or self._given_up):
                self._turn.wait()
            child = self._child
            if self._closed:
                raise InferenceError(f"the engine of {self.spec.name} is closed")
            if child is None:
                raise EngineLost(f"the engine host is given up after {len(self._losses)} losses in "
                                 f"{WINDOW:g} s; the last: {self.reason}")  # fmt: skip
            try:
                answers, self.device_seconds = child.infer(batch, self._timeout)
            except EngineLost:
                self._child = None  # the watcher ends it and puts a new one here
                raise
            return answers

    @property
    def recovering(self) -> bool:
        """Its child is lost, and a new one is on its way; calls wait for it."""
        return self._child is None and not (self._closed or self._given_up)

    def close(self) -> None:
        """End the child and free everything. Safe to call twice, and while a call is under way."""
        if self._closed:
            return
        self._closed = True
        child = self._child
        os.eventfd_write(self._wake, 1)  # to the watcher, which alone ends the child
        self._watcher.join(2 * CLOSING)
        if child is not None and self._watcher.is_alive():
            child.kill()
        self._watcher.join()
        os.close(self._wake)

    def _watch(self, child: Child | None) -> None:
        """The watcher's thread: from one child to the next, until closed or given up."""
        try:
            while child is not None:
                reason = child.until_gone(self._silence)
                with self._turn:
                    self._child = None
                    if reason is None:
                        child.leave()
                    child.end()
                if reason is None:
                    return  # closed
                self.reason = reason
                log.warning("%s", reason)
                child = self._again()
                with self._turn:
                    self._child = child
                    self._turn.notify_all()
        finally:  # whatever ended it: nobody may wait for a child that will not come
            with self._turn:
                self._given_up = True
                self._turn.notify_all()

    def _again(self) -> Child | None:
        """A new child, after a pause; None where closed meanwhile, or given up."""
        backoff = Backoff(self._backoff, BACKOFF_MAX)
        while True:
            self._losses.append(clock())
            while self._losses[-1] - self._losses[0] > WINDOW:
                self._losses.popleft()
            if len(self._losses) > self._restarts:
                log.error("the engine host is given up after %d losses", len(self._losses))
                return None
            if poll(self._wake).poll(backoff.pause() * 1000):
                return None
            try:
                child = self._start()
            except (EdgeferError, OSError) as exc:
                self.reason = str(exc)
                log.warning("the engine host does not start: %s", exc)
                continue
            self.restarted += 1
            log.info("the engine host runs again")
            return child
