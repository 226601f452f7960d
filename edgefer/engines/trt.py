"""A TensorRT plan in this process: for a Python that can import tensorrt and pycuda.

Nothing here was run on a GPU or a Jetson: it is tested on a double that is held against the real
bindings. A call into CUDA that never returns hangs the thread that waits for it; the engine host
(`host.py`), which can be killed, does not have that fault.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgefer.engines import trt_runner
from edgefer.engines.trt_runner import Runner, RunnerError, probe
from edgefer.errors import EdgeferError, EngineLost, InferenceError, ModelError, NotInstalled
from edgefer.manifest import (
    Here,
    PlanManifest,
    PlanMismatch,
    TensorIO,
    io_mismatches,
    read_plan,
    rebuild_command,
    refuse,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

Facts = Mapping[str, Any]  # Any: JSON of `trt_runner`, which says what it holds


class PlanRunner(Protocol):
    """What `trt_runner.Runner` offers; one thread makes, uses and closes it."""

    device_seconds: float

    def facts(self) -> dict[str, Any]: ...

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]: ...

    def close(self) -> None: ...


class TensorRTEngine:
    """One plan, run by a thread of its own, to which the CUDA context belongs."""

    exclusive = True

    def __init__(
        self,
        plan: Path,
        manifest: PlanManifest,
        *,
        graphs: bool = False,
        open_runner: Callable[[bytes, str, bool], PlanRunner] = Runner,
        look: Callable[[], Facts] = probe,
    ) -> None:
        """Raises NotInstalled without TensorRT or a GPU, PlanMismatch (before TensorRT sees the
        plan) where it does not belong here, ModelError where TensorRT refuses it."""
        self.spec = manifest.spec
        self.device_seconds = 0.0
        """Of the last call, by CUDA's events; the rest of its time is hand-over."""
        self._thread = ThreadPoolExecutor(1, "tensorrt")
        self._runner: PlanRunner | None = None

        def opened() -> str:
            found = look()
            check_plan(plan, manifest, found)
            self._runner = open_runner(plan.read_bytes(), str(plan), graphs)
            facts = self._runner.facts()
            check_loaded(plan, manifest, facts)
            self.max_batch: int = facts["most"]
            """Beyond it a batch is run in parts."""
            return runtime_name(found, manifest)

        try:
            self.runtime = self._call(opened)
        except BaseException:
            self.close()
            raise

    def _call(self, work: Callable[[], T]) -> T:
        try:
            return self._thread.submit(work).result()
        except RunnerError as exc:
            raise translated(exc.kind, str(exc)) from exc

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) float32 -> (N, K) float32 that belongs to the caller. Raises InferenceError;
        EngineLost once the device is broken, which only another process mends."""
        runner = self._runner
        if runner is None:
            raise InferenceError(f"the engine of {self.spec.name} is closed")
        answers, self.device_seconds = self._call(
            lambda: (runner.infer(batch), runner.device_seconds)
        )
        return answers

    def close(self) -> None:
        """Release everything in the thread that made it. Safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._call(runner.close)
        self._thread.shutdown()


def importable() -> bool:
    """Whether this Python has TensorRT and PyCUDA, libraries included."""
    try:
        trt_runner.modules()
    except trt_runner.Missing as exc:
        log.debug("%s", exc)
        return False
    return True


def check_plan(plan: Path, manifest: PlanManifest, probed: Facts) -> None:
    """Raises PlanMismatch where `plan` does not belong on what `probe` found; logs what differs
    without harm."""
    here = Here(**{field.name: probed[field.name] for field in dataclasses.fields(Here)})
    for difference in refuse(manifest, here, read_plan(plan)):
        log.warning("%s: %s", plan, difference)


def check_loaded(plan: Path, manifest: PlanManifest, facts: Facts) -> None:
    """Raises PlanMismatch where the loaded plan's input and output are not those of its spec."""
    io = tuple(
        TensorIO(facts[kind], kind, (-1, *facts[f"{kind}_shape"]), facts[f"{kind}_dtype"])
        for kind in ("input", "output")
    )  # a fixed batch is no difference: the runner fills it up
    if found := io_mismatches(io, manifest.spec):
        raise PlanMismatch(plan, found, rebuild_command(manifest, plan))


def runtime_name(probed: Facts, manifest: PlanManifest) -> str:
    """What `Engine.runtime` says, such as "tensorrt 8.2.1.8 fp16 NVIDIA Tegra X1"."""
    return f"tensorrt {probed['tensorrt']} {manifest.precision} {probed['device']}"


def translated(kind: str, message: str) -> EdgeferError:
    """The runner's errors as edgefer's."""
    kinds: dict[str, type[EdgeferError]] = {
        trt_runner.Missing.kind: NotInstalled,
        trt_runner.PlanRefused.kind: ModelError,
        trt_runner.RunFailed.kind: InferenceError,
        trt_runner.DeviceBroken.kind: EngineLost,
    }
    return kinds[kind](message)
