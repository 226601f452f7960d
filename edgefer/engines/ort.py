"""A classifier on ONNX Runtime: any `.onnx` that carries its spec, or has it in a sidecar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.engines.description import check_input, check_output, refuse_shape
from edgefer.engines.description import read_spec as read_spec
from edgefer.engines.onnx_file import Tensor
from edgefer.engines.session import Bound, Device, on_cpu, open_session, run


class OrtEngine:
    """Several threads may share it on a CPU: ONNX Runtime's sessions allow concurrent runs."""

    def __init__(self, path: Path, threads: int = 1, device: Device = "cpu") -> None:
        """Raises ModelError where the file is no classifier, SpecError where its description
        is missing or contradicts its inputs and outputs."""
        self._session = open_session(path, threads, device)
        self.exclusive = not on_cpu(self._session)
        self.spec = read_spec(path, self._session.get_modelmeta().custom_metadata_map)
        inputs = [_tensor(value) for value in self._session.get_inputs()]
        self._input, self._one_by_one = check_input(path, inputs, self.spec)
        self.max_batch = 1 if self._one_by_one else None
        """Beyond it a batch is run in parts; None where any size is taken at once."""
        self._output = check_output(path, _tensor(self._session.get_outputs()[0]), self.spec)
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
        refuse_shape(self.spec, batch.shape, out.shape)
        return np.asarray(out, np.float32)

    def _run(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._bound is not None:
            return self._bound.run(part)
        return run(self._session, [self._output], {self._input: part})[0]

    def close(self) -> None:
        """Nothing to do: the session's memory goes with the last reference."""


def _tensor(value: Any) -> Tensor:  # Any: onnxruntime ships no types
    """As the file has it: onnxruntime says "tensor(float)", and None for a size without a name."""
    shape = tuple("?" if size is None else size for size in value.shape)
    return Tensor(value.name, value.type.removeprefix("tensor(").removesuffix(")"), shape)
