"""A classifier on ONNX Runtime: any `.onnx` that carries its spec, or has it in a sidecar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.engines.session import Bound, Device, on_cpu, open_session, run
from edgefer.errors import ConfigError, InferenceError, SpecError, UnknownName
from edgefer.files import read_toml
from edgefer.spec import METADATA_KEY, ModelSpec


class OrtEngine:
    """Several threads may share it on a CPU: ONNX Runtime's sessions allow concurrent runs."""

    def __init__(self, path: Path, threads: int = 1, device: Device = "cpu") -> None:
        """Raises ModelError where the file is no classifier, SpecError where its description
        is missing or contradicts its inputs and outputs."""
        self._session = open_session(path, threads, device)
        self.exclusive = not on_cpu(self._session)
        self.spec = read_spec(path, self._session.get_modelmeta().custom_metadata_map)
        self._input, self._one_by_one = _check_input(path, self._session, self.spec)
        self.max_batch = 1 if self._one_by_one else None
        """Beyond it a batch is run in parts; None where any size is taken at once."""
        self._output = _check_output(path, self._session, self.spec)
        self._bound = Bound(self._session, self._input, self._output) if self.exclusive else None

    @property
    def runtime(self) -> str:
        import onnxruntime

        provider = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        return f"onnxruntime {onnxruntime.__version__} {provider}"

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) float32 -> (N, K) float32 that belongs to the caller; InferenceError
        where the runtime fails or the shape of its answer is not what the labels ask."""
        parts = np.split(batch, len(batch)) if self._one_by_one else [batch]
        answers = [self._run(part) for part in parts]
        out = answers[0] if len(answers) == 1 else np.concatenate(answers)
        wanted = (len(batch), len(self.spec.labels))
        if out.shape != wanted:
            raise InferenceError(
                f"{self.spec.name} answered shape {out.shape} for a batch of {batch.shape}; "
                f"its labels ask for {wanted}"
            )
        return np.asarray(out, np.float32)

    def _run(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._bound is not None:
            return self._bound.run(part)
        return run(self._session, [self._output], {self._input: part})[0]

    def close(self) -> None:
        """Nothing to do: the session's memory goes with the last reference."""


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


# Any: onnxruntime ships no types for its sessions.
def _check_input(path: Path, session: Any, spec: ModelSpec) -> tuple[str, bool]:
    """The input's name, and whether its batch is fixed to one."""
    inputs = session.get_inputs()
    pre = spec.preprocessing
    wanted = (pre.channels, pre.height, pre.width)
    if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != "tensor(float)":
        found = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
        raise SpecError(
            f"{path} takes ({found}); a classifier takes one float tensor of four dimensions, "
            "(batch, channels, height, width)"
        )
    batch, *rest = inputs[0].shape
    if any(isinstance(have, int) and have != want for have, want in zip(rest, wanted, strict=True)):
        raise SpecError(
            f"{path} takes {inputs[0].shape}, but its description says (batch, channels, height, "
            f"width) = (any, {wanted[0]}, {wanted[1]}, {wanted[2]}). Correct the description"
        )
    if isinstance(batch, int) and batch != 1:
        raise SpecError(f"{path} has a fixed batch of {batch}; export it with a dynamic batch or 1")
    return inputs[0].name, batch == 1


def _check_output(path: Path, session: Any, spec: ModelSpec) -> str:
    """The name of the first output, which is the answer."""
    output = session.get_outputs()[0]
    shape = output.shape
    if len(shape) != 2:
        raise SpecError(f"{path} answers {shape}; a classifier answers (batch, labels)")
    if isinstance(shape[1], int) and shape[1] != len(spec.labels):
        raise SpecError(
            f"{path} has {shape[1]} outputs, but its description has {len(spec.labels)} labels: "
            f"{', '.join(spec.labels)}. Correct the description"
        )
    name: str = output.name
    return name
