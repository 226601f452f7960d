"""A run's averaged weights as an ONNX file that says what it is, checked against torch."""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from edgefer.classifier import softmax
from edgefer.engines.ort import OrtEngine
from edgefer.errors import ModelError
from edgefer.files import replacing
from edgefer.protocols import Engine
from edgefer.spec import METADATA_KEY, ModelSpec, Preprocessing
from edgefer_export.data import Split
from edgefer_export.evaluate import Evaluation, evaluate, in_words, tensors
from edgefer_export.runs import Run
from edgefer_export.torch_engine import TorchEngine, describe

OPSET = 13
"""The newest that TensorRT 8.2, the last one for the original Jetson Nano, reads."""
INPUT, OUTPUT = "input", "logits"
TOLERANCE = 1e-4
"""Greatest difference of a probability between ONNX Runtime and torch."""
COMPARED = 256


def export(run: Run, public: Split, path: Path) -> Evaluation:
    """Write the model and return its evaluation on `public`, which its description quotes.

    Raises ModelError where the file would not answer as torch does: then nothing is written.
    OutputError where it cannot be.
    """
    model = to_graph(run.network, run.recipe.input())
    spec = describe(run)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_bytes(described(model, spec))
        engine = OrtEngine(draft)
        compare(engine, TorchEngine(run.network, spec), public)
        result = evaluate(engine, public)
        engine.close()
    spec = dataclasses.replace(spec, accuracy=in_words(result))
    with replacing(path) as file:
        file.write(described(model, spec))
    return result


def to_graph(network: nn.Module, how: Preprocessing) -> onnx.ModelProto:
    """An ONNX model of opset 13 with a dynamic batch; raises ModelError where it is not one."""
    example = torch.zeros(2, how.channels, how.height, how.width)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # torch 2.9 and later warn that the other exporter is preferred; it does not keep to
        # opset 13. Ends with the last device on TensorRT 8.2.
        for message in ("You are using the legacy TorchScript", "The feature will be removed"):
            warnings.filterwarnings("ignore", message, DeprecationWarning)
        file = Path(folder) / "graph.onnx"
        torch.onnx.export(
            network.eval(),
            (example,),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
        )
        model = onnx.load(file)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets != {"": OPSET}:
        raise ModelError(f"torch {torch.__version__} wrote opsets {opsets}; only {OPSET} is wanted")
    return model


def described(model: onnx.ModelProto, spec: ModelSpec) -> bytes:
    """The file's bytes with the spec among its metadata; ModelError where it is not sound."""
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as exc:
        raise ModelError(f"the exported {spec.name} is not sound ONNX: {exc}") from exc
    data: bytes = model.SerializeToString()
    return data


def compare(engine: Engine, reference: Engine, split: Split) -> float:
    """The greatest difference of a probability over up to 256 pictures of a split.

    Raises ModelError where it is above 1e-4, or a most probable label differs.
    """
    batch = tensors(split.images[:COMPARED], reference.spec.preprocessing)
    ours, theirs = softmax(engine.infer(batch)), softmax(reference.infer(batch))
    worst = float(np.abs(ours - theirs).max())
    changed = int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum())
    if not worst <= TOLERANCE or changed:  # `not <=` refuses nan too
        raise ModelError(
            f"{engine.spec.name} on {engine.runtime} differs from {reference.runtime}: by up to "
            f"{worst:.1e} in a probability ({TOLERANCE:.0e} allowed), in {changed} of {len(batch)} "
            "most probable labels (0 allowed). Nothing was written"
        )
    return worst
