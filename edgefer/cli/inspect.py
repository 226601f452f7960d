"""`edgefer inspect`: what a model file is, and whether edgefer can use it."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

import numpy as np

from edgefer.classifier import Classifier
from edgefer.cli.inspect_plan import inspect_plan
from edgefer.cli.lines import lines, spec_lines
from edgefer.config import EngineConfig
from edgefer.data import Box, Detected, Face, Frame
from edgefer.engines import find_model, open_engine
from edgefer.engines.onnx_file import OnnxFile, Tensor, read_onnx
from edgefer.errors import EdgeferError

PLANS = (".plan", ".engine")


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "inspect",
        help="say what a model file is and whether edgefer can use it",
        description="Print what an ONNX file holds, its spec, and whether it opens as a "
        "classifier; the exit code is 5 where it does not. Of a TensorRT plan: its header, its "
        "manifest and what would be refused on this device, with TensorRT or without; its layers "
        "where TensorRT is here and takes it.",
    )
    parser.add_argument("model", metavar="MODEL", help="a path, or a name in the model folder")
    parser.add_argument("--json", action="store_true", help="the same as JSON")
    parser.add_argument("--python", metavar="PYTHON", help="for a plan: the Python that has "
                        "TensorRT and PyCUDA")  # fmt: skip
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    path = find_model(args.model)
    if path.suffix in PLANS:
        return inspect_plan(path, args)
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
            print(spec_lines(spec))
        if fault:
            print(f"\nnot usable as a classifier: {fault}")
    return fault.exit_code if fault else 0


def _file(facts: OnnxFile) -> str:
    operators = ", ".join(f"{name} {count}" for name, count in facts.operators[:8])
    rest = len(facts.operators) - 8
    return lines(
        ("sha256", facts.sha256),
        ("size", f"{facts.size_bytes:,} bytes, {facts.stored:,} stored values"),
        ("format", f"opset {facts.opset}, {facts.precision}, by {facts.producer or 'unknown'}"),
        ("inputs", "; ".join(map(_tensor, facts.inputs))),
        ("outputs", "; ".join(map(_tensor, facts.outputs))),
        ("MACs", _macs(facts)),
        ("operators", operators + (f", {rest} more" if rest > 0 else "")),
    )


def _macs(facts: OnnxFile) -> str:
    if facts.cost.macs is None:
        return f"not counted: {', '.join(facts.cost.uncounted)}"
    return f"{facts.cost.macs:,} for one picture, counted from the graph"


def _tensor(tensor: Tensor) -> str:
    return f"{tensor.name} {tensor.type} ({', '.join(map(str, tensor.shape))})"
