"""`edgefer inspect`: what a model file is, and whether edgefer can use it."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

import numpy as np

from edgefer.classifier import Classifier
from edgefer.config import EngineConfig
from edgefer.data import Box, Detected, Face, Frame
from edgefer.engines import find_model, open_engine
from edgefer.engines.onnx_file import OnnxFile, Tensor, read_onnx
from edgefer.errors import EdgeferError
from edgefer.spec import ModelSpec


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "inspect",
        help="say what a model file is and whether edgefer can use it",
        description="Print what an ONNX file holds, its spec, and whether it opens as a "
        "classifier; the exit code is 5 where it does not.",
    )
    parser.add_argument("model", metavar="MODEL", help="a path, or a name in the model folder")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    path = find_model(args.model)
    facts = read_onnx(path)
    spec, fault = None, None
    try:
        engine = open_engine(EngineConfig(model=str(path)))
        spec = engine.spec
        # Answers that are no numbers, or no probabilities, show only when it runs.
        grey = np.full((64, 64, 3), 128, np.uint8)
        Classifier(engine).classify(Detected(Frame(grey, 0, 0.0), (Face(Box(0, 0, 64, 64), 1.0),)))
        engine.close()
    except EdgeferError as exc:
        fault = exc
    if args.json:
        record = {
            "path": str(path),
            "file": dataclasses.asdict(facts),
            "spec": dataclasses.asdict(spec) if spec else None,
            "fault": str(fault) if fault else None,
        }
        print(json.dumps(record, indent=2))
    else:
        print(f"{path}\n{_file(facts)}")
        if spec:
            print(_spec(spec))
        if fault:
            print(f"\nnot usable as a classifier: {fault}")
    return fault.exit_code if fault else 0


def _file(facts: OnnxFile) -> str:
    operators = ", ".join(f"{name} {count}" for name, count in facts.operators[:8])
    rest = len(facts.operators) - 8
    return _lines(
        ("sha256", facts.sha256),
        ("size", f"{facts.size_bytes:,} bytes, {facts.stored:,} stored values"),
        ("format", f"opset {facts.opset}, {facts.precision}, by {facts.producer or 'unknown'}"),
        ("inputs", "; ".join(map(_tensor, facts.inputs))),
        ("outputs", "; ".join(map(_tensor, facts.outputs))),
        ("operators", operators + (f", {rest} more" if rest > 0 else "")),
    )


def _spec(spec: ModelSpec) -> str:
    pre = spec.preprocessing
    planes = f" ({', '.join(pre.planes)})" if pre.planes else ""
    how = "five landmarks, or by the box where a detector has none" if pre.landmarks else "the box"
    return "\n" + _lines(
        ("name", spec.name),
        ("labels", ", ".join(spec.labels)),
        ("input", f"{pre.width}x{pre.height}x{pre.channels} {pre.colour}{planes}, cut by {how}"),
        ("output", f"{spec.output}, temperature {spec.temperature:g}"),
        ("network", spec.network or "unknown"),
        ("recipe", spec.recipe or "unknown"),
        (
            "parameters",
            "unknown"
            if spec.parameters is None
            else f"{spec.parameters:,} as trained (an export that folds BatchNorm stores fewer)",
        ),
        ("MACs", "unknown" if spec.macs is None else f"{spec.macs / 1e6:,.1f} M a face"),
        ("accuracy", spec.accuracy or "unknown"),
    )


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.type} ({', '.join(map(str, tensor.shape))})"


def _lines(*pairs: tuple[str, str]) -> str:
    return "\n".join(f"  {name:<11}{value}" for name, value in pairs)
