"""Whether a plan answers as its ONNX file does: on a fixed batch of drawn faces.

A build can go wrong without an error: FP16 overflows, a kernel is broken for one GPU. Each new
plan is therefore run before it is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Face
from edgefer.preprocessing import tensor
from edgefer.sources.scene import Scene
from edgefer.spec import ModelSpec

FACES = 32
"""In the fixture batch."""
SEED, FIRST, STEP = 3, 40, 13
"""The scene, its first frame and the frames between two that are taken: all five looks appear."""

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(N, C, h, w) -> (N, K), both float32."""


@dataclass(frozen=True, slots=True)
class Bound:
    """How far a plan's answers may be from ONNX Runtime's."""

    top1: float
    """Least fraction of faces with the same most probable label."""
    dp: float
    """Most that one probability may differ."""


BOUNDS = {"fp32": Bound(0.98, 0.01), "fp16": Bound(0.95, 0.05), "int8": Bound(0.9, 0.15)}
"""FP32 allows for another order of sums and for TF32's 10 bits of mantissa. FP16 allows for the
rounding of weights and sums; one face of 32 may change its label. INT8 rounds 2,000 times as
coarsely: three faces may (the shipped network's changes none, by 0.016 at most). Ours: no standard
gives them."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A plan against ONNX Runtime on the fixture batch."""

    faces: int
    top1: float
    """Fraction of faces with the same most probable label."""
    dp: float
    """The largest difference of any probability; nan where an answer is not finite."""
    bound: Bound

    @property
    def holds(self) -> bool:
        return self.top1 >= self.bound.top1 and self.dp <= self.bound.dp  # False with nan

    def __str__(self) -> str:
        return (
            f"the same label for {self.top1:.1%} of {self.faces} faces, probabilities differ by "
            f"{self.dp:.4f} at most (bound: {self.bound.top1:.0%} and {self.bound.dp:g})"
        )


@lru_cache(maxsize=2)
def fixture(spec: ModelSpec) -> NDArray[np.float32]:
    """(32, C, h, w) float32: drawn faces, cut and normalised as the spec says. The same always, and
    read only."""
    scene = Scene(SEED)
    batches: list[NDArray[np.float32]] = []
    frame = FIRST
    while sum(map(len, batches)) < FACES:
        faces = [Face(box, 1.0) for box in scene.truth(frame)]
        if faces:
            batches.append(tensor(scene.draw(frame), faces, spec.preprocessing))
        frame += STEP
    chosen = np.concatenate(batches)[:FACES]
    chosen.setflags(write=False)
    return chosen


def compare(plan: Infer, reference: Infer, spec: ModelSpec, precision: str, most: int) -> Agreement:
    """`plan`, in batches of `most`, against `reference`."""
    faces = fixture(spec)
    parts = [faces[i : i + most] for i in range(0, len(faces), most)]
    found = np.concatenate([plan(part) for part in parts])
    wanted = reference(faces)
    bound = BOUNDS[precision]
    if found.shape != wanted.shape or not np.isfinite(found).all():
        return Agreement(len(faces), 0.0, float("nan"), bound)
    p, q = _probabilities(found, spec), _probabilities(wanted, spec)
    same = float((p.argmax(axis=1) == q.argmax(axis=1)).mean())
    return Agreement(len(faces), same, float(np.abs(p - q).max()), bound)


def _probabilities(raw: NDArray[np.float32], spec: ModelSpec) -> NDArray[np.float64]:
    wide = raw.astype(np.float64)
    if spec.output == "probs":
        return wide
    powers = np.exp((wide - wide.max(axis=1, keepdims=True)) / spec.temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def median_ms(plan: Infer, spec: ModelSpec, calls: int = 200, warmup: int = 50) -> float:
    """Milliseconds of one face through the plan, hand-over included: the median of `calls`."""
    face = fixture(spec)[:1]
    for _ in range(warmup):
        plan(face)
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        plan(face)
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1000
