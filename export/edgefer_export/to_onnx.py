"""A run's averaged weights as an ONNX file that says what it is, checked against torch."""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import nn

from edgefer.classifier import softmax
from edgefer.engines.onnx_file import read_onnx
from edgefer.engines.ort import OrtEngine
from edgefer.errors import ConfigError, ModelError
from edgefer.files import replacing
from edgefer.protocols import Engine
from edgefer.spec import METADATA_KEY, ModelSpec, Precision, Preprocessing
from edgefer_export.calibration import fit_temperature
from edgefer_export.data import Split
from edgefer_export.evaluate import Evaluation, in_words, judge, refuse_empty
from edgefer_export.half import halved
from edgefer_export.parity import Parity, answers, compare
from edgefer_export.quantise import quantised
from edgefer_export.runs import Run, refuse_other_rows
from edgefer_export.torch_engine import TorchEngine, describe

OPSET = 13
"""The newest that TensorRT 8.2, the last one for the original Jetson Nano, reads."""
INPUT, OUTPUT = "input", "logits"


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was written, and what was measured before it was."""

    spec: ModelSpec
    parity: Parity
    result: Evaluation


def export(
    run: Run,
    public: Split,
    path: Path,
    precision: Precision = "fp32",
    training: Split | None = None,
) -> Exported:
    """Write the model; its description quotes its evaluation on `public`, to which its
    temperature is fitted.

    int8 finds its ranges on pictures of `training`. Raises ModelError where the file would not
    answer as torch does: then nothing is written. ConfigError where int8 has no training
    pictures, or others than the run had, or `public` has no rows; OutputError where the file
    cannot be written.
    """
    public = public.only(run.expressions)
    refuse_empty(public)
    model = converted(to_graph(run.network, run.recipe.input()), run, precision, training)
    spec = dataclasses.replace(describe(run), precision=precision)
    return _write(model, spec, TorchEngine(run.network, spec), public, path)


def quantise(source: Path, training: Split, public: Split, path: Path) -> Exported:
    """Write an ONNX file of this program in int8, held against the file itself on `public`, to
    which its temperature is fitted anew.

    For whoever has a model and not the run that made it. Raises ConfigError where it is not fp32
    or answers no logits, ModelError where int8 changes too many labels: then nothing is written.
    """
    with closing(OrtEngine(source)) as reference:
        spec = reference.spec
        if spec.output != "logits" or read_onnx(source).precision != "fp32":
            raise ConfigError(
                f"{source} is not an fp32 model that answers logits; int8 starts there"
            )
        public, training = (split.only(spec.labels) for split in (public, training))
        refuse_empty(public)
        model = quantised(onnx.load(source), training.faces(), spec.preprocessing)
        spec = dataclasses.replace(spec, precision="int8")
        return _write(model, spec, reference, public, path)


def _write(
    model: onnx.ModelProto, spec: ModelSpec, reference: Engine, public: Split, path: Path
) -> Exported:
    """The model with its spec, if it answers as the reference does."""
    assert spec.precision is not None
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / path.name
        draft.write_bytes(described(model, spec))
        engine = OrtEngine(draft)
        parity = compare(engine, reference, public, spec.precision)
        logits = answers(engine, public.images)
        temperature = round(fit_temperature(logits, public.labels), 4)
        result = judge(engine, public, softmax(logits, temperature))
        engine.close()
    spec = dataclasses.replace(spec, temperature=temperature, accuracy=in_words(result))
    with replacing(path) as file:
        file.write(described(model, spec))
    return Exported(spec, parity, result)


def converted(
    model: onnx.ModelProto, run: Run, precision: Precision, training: Split | None
) -> onnx.ModelProto:
    """The fp32 graph in another precision."""
    match precision:
        case "fp32":
            return model
        case "fp16":
            return halved(model)
        case "int8":
            if training is None:
                raise ConfigError("int8 needs training pictures to find its ranges")
            refuse_other_rows(run, "train", training)
            return quantised(model, training, run.recipe.input())


def to_graph(network: nn.Module, how: Preprocessing) -> onnx.ModelProto:
    """An ONNX model of opset 13 with a dynamic batch."""
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
        return onnx.load(file)


def described(model: onnx.ModelProto, spec: ModelSpec) -> bytes:
    """The file's bytes with the spec as its metadata; ModelError where it is not sound ONNX of
    opset 13."""
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if opsets != {"": OPSET}:
        raise ModelError(f"the exported {spec.name} has opsets {opsets}; only {OPSET} is wanted")
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as exc:
        raise ModelError(f"the exported {spec.name} is not sound ONNX: {exc}") from exc
    data: bytes = model.SerializeToString()
    return data
