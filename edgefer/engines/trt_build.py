"""From an ONNX file to a TensorRT plan that is known to answer alike, and its manifest.

The builder runs in a process of its own (`trt_build_child.py`), under the interpreter that has
TensorRT. Everything that can be known before is checked before: a build takes minutes on a
Jetson. Nothing here was run on a GPU or a Jetson: it was tested with a double of TensorRT that
is held to the real bindings' names, and which computes with ONNX Runtime.
"""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

import numpy as np

from edgefer import __version__
from edgefer.engines.host import HostedEngine
from edgefer.engines.onnx_file import OnnxFile, read_onnx
from edgefer.engines.ort import OrtEngine
from edgefer.engines.trt_agreement import Agreement, compare, fixture, median_ms
from edgefer.engines.trt_child import Watch, ask, needed
from edgefer.engines.trt_files import default_cache, keep_cache, put, scratch
from edgefer.engines.trt_flags import BuildError, Precision, check_opset, flags
from edgefer.engines.trt_room import MIB, check_disk, check_memory
from edgefer.engines.trt_runner import l4t
from edgefer.manifest import (
    UNAVAILABLE,
    Here,
    PlanManifest,
    Profile,
    TensorIO,
    check_holdable,
    io_mismatches,
    read_plan,
    version,
)
from edgefer.spec import ModelSpec

log = logging.getLogger(__name__)

WORKSPACE = 256 * MIB
"""What suits a Nano of 4 GB."""
MAX_BATCH = 8
FIRST_ANSWER = 60.0
"""Seconds in which a new plan must answer; its first call loads its kernels."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to build."""

    onnx: Path
    plan: Path
    precision: Literal["fp32", "fp16", "best"] = "fp16"
    max_batch: int = MAX_BATCH
    workspace_bytes: int = WORKSPACE
    timing_cache: Path | None = None
    """None keeps it in the model folder, named for TensorRT's version and the GPU's."""
    python: str = sys.executable
    """The interpreter that has TensorRT and PyCUDA."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One plan that was built, and what came of running it."""

    precision: Precision
    agreement: Agreement
    ms: float | None = None
    """Of one face, the hand-over included; None where there was nothing to compare it with."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A candidate with its files, before one is chosen."""

    manifest: PlanManifest
    draft: Path
    tried: Candidate


@dataclass(frozen=True, slots=True)
class Built:
    """What `compile_plan` wrote."""

    manifest: PlanManifest
    kept: Candidate
    others: tuple[Candidate, ...] = ()

    def in_words(self) -> str:
        """What was kept, and why."""
        lines = [f"{self.kept.precision}: {self.kept.agreement}"]
        for other in self.others:
            lines.append(f"{other.precision}, not kept: {other.agreement}")
            if not other.agreement.holds:
                lines.append(f"  its answers are beyond the bound, so {self.kept.precision} stays")
            elif self.kept.ms and other.ms:
                gain = other.ms / self.kept.ms
                lines.append(
                    f"  one face takes {self.kept.ms:.2f} ms in {self.kept.precision}, "
                    f"{other.ms:.2f} ms in {other.precision}: {gain:.2f} times as long"
                )
        return "\n".join(lines)


def compile_plan(order: Order, watch: Watch) -> Built:
    """Build, compare, and only then write `order.plan` and its manifest, the plan first.

    After any error or Ctrl-C the old files stand and nothing new is left; between the two
    renames the new plan has no manifest that knows it, so that it is refused. Raises NotInstalled
    without TensorRT or a GPU, BuildError where there is no plan or its answers differ,
    SpecError or ModelError for the ONNX file, OutputError where nothing can be written.
    """
    facts = read_onnx(order.onnx)
    with closing(OrtEngine(order.onnx)) as reference:
        spec = reference.spec
        check_holdable(order.onnx, spec)
        check_disk(order.plan, facts.size_bytes)
        _check_batch(order, facts)
        here = needed(order.python)
        wanted = _precisions(order, facts, here)
        if warning := check_memory(facts.size_bytes, order.workspace_bytes):
            log.warning("%s", warning)
        cache = order.timing_cache or default_cache(here)
        _check_reference(order.onnx, reference)
        with scratch(order.plan) as folder:
            built = []
            for precision in wanted:
                draft = Path(folder) / f"{precision}.plan"
                manifest = _build(order, facts, spec, here, precision, draft, cache, watch)
                watch(
                    manifest.build_seconds,
                    "INFO",
                    f"running the {precision} plan beside ONNX Runtime",
                )
                tried = _try(draft, manifest, reference, order, timed=len(wanted) > 1)
                built.append(Attempt(manifest, draft, tried))
            kept = _choose(order, built)
            put(kept.draft, kept.manifest, order.plan)
    others = tuple(attempt.tried for attempt in built if attempt is not kept)
    return Built(kept.manifest, kept.tried, others)


def _check_batch(order: Order, facts: OnnxFile) -> None:
    fixed = facts.inputs[0].shape[0]
    if isinstance(fixed, int) and order.max_batch != fixed:
        raise BuildError(
            f"{order.onnx} takes {fixed} face at a time, not {order.max_batch}. Say --max-batch "
            f"{fixed}, or export it with a dynamic batch"
        )


def _precisions(order: Order, facts: OnnxFile, here: Here) -> tuple[Precision, ...]:
    """Which plans to build, each of them possible."""
    tensorrt = version(here.tensorrt or "")
    if tensorrt is None:
        raise BuildError(f"TensorRT calls itself {here.tensorrt!r}; that is no version")
    check_opset(tensorrt, facts.opset)
    if order.precision != "best":
        flags(tensorrt, facts.precision, order.precision)
        return (order.precision,)
    wanted: tuple[Precision, ...] = ("fp32", "fp16")
    try:
        for precision in wanted:
            flags(tensorrt, facts.precision, precision)
    except BuildError as exc:
        raise BuildError(
            f"'best' builds FP32 and FP16 from one file, and here it cannot: {exc}. Or compile two "
            "files and compare them: edgefer bench --engine a.plan --engine b.plan"
        ) from exc
    return wanted


def _check_reference(onnx: Path, reference: OrtEngine) -> None:
    answers = reference.infer(fixture(reference.spec))
    if not np.isfinite(answers).all():
        raise BuildError(f"{onnx} itself answers {answers[~np.isfinite(answers)][0]} in ONNX "
                         "Runtime: no plan of it can be right. Export it again")  # fmt: skip


def _build(
    order: Order,
    facts: OnnxFile,
    spec: ModelSpec,
    here: Here,
    precision: Precision,
    draft: Path,
    cache: Path,
    watch: Watch,
) -> PlanManifest:
    """Have the child write `draft`; gives its manifest."""
    tensorrt = version(here.tensorrt or "")
    assert tensorrt
    asked = flags(tensorrt, facts.precision, precision)
    pre = spec.preprocessing
    cache_out = draft.with_suffix(".cache")
    done = ask(
        order.python,
        {
            "do": "build",
            "onnx": str(order.onnx.absolute()),
            "plan": str(draft),
            "creation_flags": asked.creation,
            "builder_flags": asked.builder,
            "workspace_bytes": order.workspace_bytes,
            "face": (pre.channels, pre.height, pre.width),
            # Timed for one face: most frames hold no more.
            "batches": (1, 1, order.max_batch),
            "cache_in": str(cache.absolute()),
            "cache_out": str(cache_out),
        },
        watch,
    )
    keep_cache(cache_out, cache, wanted=order.timing_cache is not None)
    plan = read_plan(draft)
    return PlanManifest(
        plan_sha256=plan.sha256,
        plan_bytes=plan.bytes,
        onnx=order.onnx.name,
        onnx_sha256=facts.sha256,
        # The header has all four numbers; the Python side often has three.
        tensorrt=".".join(map(str, plan.header)) if plan.header else str(here.tensorrt),
        cuda=here.cuda or UNAVAILABLE,
        compute_capability=here.compute_capability or UNAVAILABLE,
        device=here.device or UNAVAILABLE,
        multiprocessors=here.multiprocessors or 0,
        memory_bytes=here.memory_bytes or 0,
        l4t=l4t() or UNAVAILABLE,
        precision=precision,
        profile=Profile(1, 1, order.max_batch),
        workspace_bytes=order.workspace_bytes,
        io=tuple(TensorIO(t["name"], t["kind"], tuple(t["shape"]), t["dtype"]) for t in done["io"]),
        spec=spec,
        edgefer=__version__,
        build_seconds=done["seconds"],
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _try(
    draft: Path, manifest: PlanManifest, reference: OrtEngine, order: Order, *, timed: bool
) -> Candidate:
    """Run the plan as it will be run, in a process that may die of it."""
    if wrong := io_mismatches(manifest.io, manifest.spec):
        raise BuildError(f"the plan of {order.onnx} is no classifier as its description says: "
                         + "; ".join(map(str, wrong)))  # fmt: skip
    host = HostedEngine(draft, manifest, python=order.python, timeout=FIRST_ANSWER, restarts=0)
    with closing(host) as plan:
        agreement = compare(
            plan.infer, reference.infer, manifest.spec, manifest.precision, order.max_batch
        )
        ms = median_ms(plan.infer, manifest.spec) if timed else None
    return Candidate(manifest.precision, agreement, ms)


def _choose(order: Order, built: list[Attempt]) -> Attempt:
    """The fastest of those that agree."""
    right = [attempt for attempt in built if attempt.tried.agreement.holds]
    if not right:
        told = "".join(
            f"\n  {attempt.tried.precision}: {attempt.tried.agreement}" for attempt in built
        )
        more = "Try --precision fp32" if order.precision == "fp16" else "Report it with the model"
        raise BuildError(
            f"the plan of {order.onnx} does not answer as ONNX Runtime does, so it is not "
            f"written:{told}\n{more}"
        )
    return min(right, key=lambda attempt: attempt.tried.ms or 0.0)
