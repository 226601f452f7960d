"""What an engine is, and whether its answers are right: a fast wrong engine has no rank."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefer.bench.provenance import device
from edgefer.bench.roofline import limits_of, roof
from edgefer.config import EngineConfig
from edgefer.engines import find_model, open_engine, split_runtime
from edgefer.engines.onnx_file import read_onnx
from edgefer.engines.trt_agreement import FACES, compare
from edgefer.errors import EdgeferError, InferenceError
from edgefer.files import sha256
from edgefer.manifest import read_manifest, trusted_manifest
from edgefer.protocols import Engine
from edgefer.spec import ModelSpec


@dataclass(frozen=True, slots=True)
class Gate:
    """An engine's answers against ONNX Runtime's in FP32, on the fixture batch."""

    passed: bool | None
    """None where there is nothing to compare with."""
    why: str
    """The agreement and its bound in words, or why there is none."""
    top1: float | None = None
    dp: float | None = None
    reference: str = ""
    """The FP32 file's name."""
    reference_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of an engine before it is measured."""

    engine: str
    """The file's name, with the runtime before it that was asked for."""
    model_sha256: str
    parameters: int | None
    """None where neither the description nor the file says."""
    parameters_from: str
    """"spec": as trained; "file": values stored in the file, BatchNorm folded or not."""
    macs: int | None
    """As the description says, else counted in the file."""
    precision: str
    input: str
    runtime: str
    accuracy: str
    network: str
    gate: Gate
    roof_ms: float | None
    """The least that the device allows for one call of one face (bench/roofline.py); None where
    nobody published what it can do."""

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Examined:
        return cls(**{**fields, "gate": Gate(**fields["gate"])})


def examine(config: EngineConfig, others: tuple[str, ...] = ()) -> Examined:
    """Open the engine, read its file and compare its answers. `others` are the models measured
    beside it: one of them may be its FP32 form. Raises what opening it raises."""
    runtime, path = split_runtime(config.model)[0], find_model(config.model)
    digest, precision, stored = facts_of(path, config)
    with closing(open_engine(config)) as engine:
        spec = engine.spec
        pre = spec.preprocessing
        trained = spec.parameters
        return Examined(
            engine=(f"{runtime}:" if runtime else "") + path.name,
            model_sha256=digest,
            parameters=stored if trained is None else trained,
            parameters_from="file" if trained is None else "spec",
            macs=_counted(path) if spec.macs is None else spec.macs,
            precision=precision,
            input=f"{pre.width}x{pre.height}x{pre.channels}",
            runtime=engine.runtime,
            accuracy=spec.accuracy,
            network=spec.network,
            gate=_gate(engine, path, precision, config, others),
            roof_ms=_roof_ms(engine.runtime, path, precision, config),
        )


def facts_of(path: Path, config: EngineConfig) -> tuple[str, str, int | None]:
    """Sha256 of the file, precision of its weights, and how many values it stores; a plan does
    not say the last, and its precision only in its manifest. Raises ModelError."""
    if path.suffix == ".onnx":
        file = read_onnx(path)
        return file.sha256, file.precision, file.stored
    manifest = trusted_manifest(path) if config.trust else read_manifest(path)
    return manifest.plan_sha256, manifest.precision, None


def _counted(path: Path) -> int | None:
    return read_onnx(path).cost.macs if path.suffix == ".onnx" else None


def _roof_ms(runtime: str, path: Path, precision: str, config: EngineConfig) -> float | None:
    """From the graph in the ONNX file, which lies beside a plan where it was built here."""
    limits = limits_of(device(), runtime)
    graph = path if path.suffix == ".onnx" else _source(path, config)
    if limits is None or graph is None:
        return None
    found = roof(read_onnx(graph).cost, precision, limits)
    return None if found is None else found.seconds * 1000


def _gate(
    engine: Engine, path: Path, precision: str, config: EngineConfig, others: tuple[str, ...]
) -> Gate:
    reference = _reference(engine.spec, path, precision, config, others)
    if reference is None:
        return Gate(None, "no ONNX file in FP32 of the same training is at hand")
    # Weights in fp32, arithmetic in bf16, as OpenVINO may be asked to.
    bound = "fp16" if precision == "fp32" and "bf16" in engine.runtime else precision
    fp32 = dataclasses.replace(config, model=str(reference), device="cpu")
    try:
        with closing(open_engine(fp32)) as right:
            found = compare(engine.infer, right.infer, engine.spec, bound, _most(path, config))
    except InferenceError as exc:
        return Gate(False, f"it does not answer: {exc}", reference=reference.name)
    return Gate(
        passed=found.holds,
        why=str(found),
        top1=found.top1,
        dp=None if math.isnan(found.dp) else found.dp,
        reference=reference.name,
        reference_sha256=sha256(reference),
    )


def _most(path: Path, config: EngineConfig) -> int:
    """Faces in one call."""
    if path.suffix == ".onnx" or config.trust:
        return FACES if path.suffix == ".onnx" else 1
    return read_manifest(path).profile.most


def _reference(
    spec: ModelSpec, path: Path, precision: str, config: EngineConfig, others: tuple[str, ...]
) -> Path | None:
    """The FP32 file that the engine should answer like; None where none is known."""
    if path.suffix != ".onnx":
        return _source(path, config)
    if precision == "fp32":
        return path
    stem = re.sub(r"[-_.](int8|fp16)$", "", path.stem)
    near = [path.with_name(f"{stem}{end}.onnx") for end in ("", "_fp32", "-fp32", ".fp32")]
    for candidate in [*near, *(Path(other) for other in others)]:
        if _fp32_form(spec, candidate):
            return candidate
    return None


def _source(plan: Path, config: EngineConfig) -> Path | None:
    """The ONNX file that a plan was built from; None where it is gone or was changed."""
    if config.trust:
        return None
    manifest = read_manifest(plan)
    source = plan.with_name(manifest.onnx)
    same = source.is_file() and sha256(source) == manifest.onnx_sha256
    return source if same else None


def _fp32_form(spec: ModelSpec, candidate: Path) -> bool:
    """Whether a file holds what `spec` describes, in FP32: the name alone proves nothing."""
    if candidate.suffix != ".onnx" or not candidate.is_file() or not spec.recipe:
        return False
    from edgefer.engines.ort import read_spec

    try:
        file = read_onnx(candidate)
        other = read_spec(candidate, dict(file.metadata))
    except EdgeferError:
        return False
    kept = ("name", "recipe", "network", "labels", "preprocessing", "parameters", "output")
    return file.precision == "fp32" and all(getattr(spec, k) == getattr(other, k) for k in kept)
