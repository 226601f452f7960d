"""Which classifier a model file is: its spec, held against its inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgefer.engines.onnx_file import Tensor
from edgefer.errors import ConfigError, InferenceError, SpecError, UnknownName
from edgefer.files import read_toml
from edgefer.spec import METADATA_KEY, ModelSpec


def read_spec(path: Path, metadata: dict[str, str]) -> ModelSpec:
    """From the model's sidecar `NAME.onnx.toml` where there is one, else from its metadata."""
    sidecar = path.with_name(path.name + ".toml")
    if sidecar.is_file():
        try:
            fields = read_toml(sidecar)
        except ConfigError as exc:
            raise SpecError(str(exc)) from exc
        try:
            return ModelSpec.from_mapping(fields)
        except (SpecError, UnknownName) as exc:
            raise SpecError(f"{sidecar}: {exc}") from exc
    if METADATA_KEY in metadata:
        return ModelSpec.from_json(metadata[METADATA_KEY])
    raise SpecError(
        f"{path} does not say what it expects and answers. Describe it in {sidecar.name} beside "
        "it: name, labels (in the order of its outputs), output ('logits' or 'probs'), and "
        "[preprocessing] width, height, channels, colour, mean, std (README, 'Other models')"
    )


def check_input(path: Path, inputs: Sequence[Tensor], spec: ModelSpec) -> tuple[str, bool]:
    """The input's name, and whether its batch is fixed to one; SpecError where it is no
    classifier's."""
    pre = spec.preprocessing
    wanted = (pre.channels, pre.height, pre.width)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "float":
        found = ", ".join(f"{i.name}: {i.type} {list(i.shape)}" for i in inputs)
        raise SpecError(
            f"{path} takes ({found}); a classifier takes one float tensor of four dimensions, "
            "(batch, channels, height, width)"
        )
    batch, *rest = inputs[0].shape
    if any(isinstance(have, int) and have != want for have, want in zip(rest, wanted, strict=True)):
        raise SpecError(
            f"{path} takes {list(inputs[0].shape)}, but its description says (batch, channels, "
            f"height, width) = (any, {wanted[0]}, {wanted[1]}, {wanted[2]}). Correct the "
            "description"
        )
    if isinstance(batch, int) and batch != 1:
        raise SpecError(f"{path} has a fixed batch of {batch}; export it with a dynamic batch or 1")
    return inputs[0].name, batch == 1


def check_output(path: Path, output: Tensor, spec: ModelSpec) -> str:
    """The name of the first output, which is the answer."""
    if len(output.shape) != 2:
        raise SpecError(
            f"{path} answers {list(output.shape)}; a classifier answers (batch, labels)"
        )
    labels = output.shape[1]
    if isinstance(labels, int) and labels != len(spec.labels):
        raise SpecError(
            f"{path} has {labels} outputs, but its description has {len(spec.labels)} labels: "
            f"{', '.join(spec.labels)}. Correct the description"
        )
    return output.name


def refuse_shape(spec: ModelSpec, batch: tuple[int, ...], answer: tuple[int, ...]) -> None:
    """Raise InferenceError where an answer is not a row of labels for each picture."""
    wanted = (batch[0], len(spec.labels))
    if answer != wanted:
        raise InferenceError(
            f"{spec.name} answered shape {answer} for a batch of {batch}; its labels ask for "
            f"{wanted}"
        )
