"""A classifier on OpenVINO: the same `.onnx` files, on the processor only.

Asked for by name, `openvino:MODEL` or `openvino-bf16:MODEL`, never chosen by itself: left alone,
OpenVINO computes in bfloat16 wherever the processor can, and two rows of one table would differ in
more than their runtime. A model in eight-bit integers stays in them under either name.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgefer.engines.description import check_input, check_output, read_spec, refuse_shape
from edgefer.engines.onnx_file import read_onnx
from edgefer.errors import ConfigError, InferenceError, ModelError, NotInstalled

Arithmetic = Literal["f32", "bf16"]


class OpenVINOEngine:
    """Any number of threads may share it; as many run at once as there are cores."""

    exclusive = False

    def __init__(self, path: Path, threads: int = 1, arithmetic: Arithmetic = "f32") -> None:
        """Raises NotInstalled without OpenVINO, ModelError where the file is no classifier or
        OpenVINO cannot run it, SpecError where its description is missing or contradicts it, and
        ConfigError where the processor does not compute in `arithmetic`."""
        ov = _openvino()
        facts = read_onnx(path)
        self.spec = read_spec(path, dict(facts.metadata))
        self._input, self._one_by_one = check_input(path, facts.inputs, self.spec)
        self._output = check_output(path, facts.outputs[0], self.spec)
        # Without streams, a second thread waits for the first.
        streams = max(1, len(os.sched_getaffinity(0)) // threads)
        core = ov.Core()
        try:
            self._compiled: Any = core.compile_model(  # Any: its stubs differ between versions
                core.read_model(path),
                "CPU",
                {
                    "INFERENCE_PRECISION_HINT": arithmetic,
                    "NUM_STREAMS": streams,
                    "INFERENCE_NUM_THREADS": streams * threads,
                    # Pinned, every caller's thread is put on the same core (OpenVINO 2026.4).
                    "ENABLE_CPU_PINNING": False,
                },
            )
        except RuntimeError as exc:
            raise ModelError(f"OpenVINO cannot use {path}: {_cause(exc)}") from exc
        got = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        if got != arithmetic:
            raise ConfigError(
                f"this processor does not compute in {arithmetic}: OpenVINO took {got}. Choose "
                f"openvino:{path.name}"
            )
        self.runtime = f"openvino {ov.__version__.partition('-')[0]} CPU {arithmetic}"
        self._free: deque[Any] = deque()
        """Requests that no thread uses; each is one's at a time."""
        # The binding fills a table of types at the first run of the process: two threads that do
        # it at once wait for each other for ever, one with Python's lock (OpenVINO 2026.4).
        pre = self.spec.preprocessing
        self._run(np.zeros((1, pre.channels, pre.height, pre.width), np.float32))

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) float32 -> (N, K) float32 that belongs to the caller; InferenceError
        where the runtime fails or the shape of its answer is not what the labels ask."""
        parts = np.split(batch, len(batch)) if self._one_by_one else [batch]
        answers = [self._run(np.ascontiguousarray(part, np.float32)) for part in parts]
        out = answers[0] if len(answers) == 1 else np.concatenate(answers)
        refuse_shape(self.spec, batch.shape, out.shape)
        return out

    def _run(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            request = self._free.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        try:
            results = request.infer({self._input: part}, share_inputs=True, share_outputs=True)
            # What it gives lies in the request's memory until the next run.
            return np.array(results[self._output], np.float32)
        except RuntimeError as exc:
            raise InferenceError(f"OpenVINO failed on {part.shape}: {_cause(exc)}") from exc
        finally:
            self._free.append(request)

    def close(self) -> None:
        """Let the requests go; the model's memory goes with the last reference."""
        self._free.clear()


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as exc:
        raise NotInstalled(
            f"OpenVINO is not here ({exc}). Install it: pip install 'edgefer[openvino]'"
        ) from exc
    return openvino


def _cause(exc: RuntimeError) -> str:
    """The last line that says something: above it are places in OpenVINO's source."""
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return lines[-1] if lines else repr(exc)
