"""ONNX Runtime sessions: the one file that knows their options, providers and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import InferenceError, ModelError, NotInstalled

if TYPE_CHECKING:
    from onnxruntime import InferenceSession as InferenceSession  # the detectors may name it too

_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""In the order of preference. Others that a build may offer cannot run these models alone."""

_FIRST_BYTE = 0x08
"""What every ONNX file written in field order begins with: the tag of `ModelProto.ir_version`."""


def open_session(path: Path, threads: int) -> InferenceSession:
    """A session over the model at `path`; `session.run` may be called by several threads.

    It computes with `threads` threads, on CUDA where this ONNX Runtime offers it. Raises
    NotInstalled without ONNX Runtime, and ModelError where the file is missing or no model.
    """
    ort = _onnxruntime()
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as exc:
        raise ModelError(f"cannot read the model {path}: {exc.strerror}") from exc
    if not head:
        raise ModelError(f"{path} is empty. Replace it with the model's file")
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    if threads == 1:  # several spinning pools on few cores cost half of the frame rate
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    offered = ort.get_available_providers()
    try:
        return ort.InferenceSession(
            str(path), options, providers=[name for name in _PROVIDERS if name in offered]
        )
    except _errors() as exc:
        raise ModelError(_fault(path, head, exc)) from exc


def run(
    session: InferenceSession, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]
) -> list[NDArray[np.float32]]:
    """`session.run` for float32 outputs, which belong to the caller. Raises InferenceError."""
    try:
        results: list[NDArray[np.float32]] = session.run(outputs, inputs)
    except _errors() as exc:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in inputs.items())
        raise InferenceError(f"ONNX Runtime failed on {shapes}: {exc}") from exc
    return results


def on_cpu(session: InferenceSession) -> bool:
    """False where a device that several threads must not share runs the session."""
    first: str = session.get_providers()[0]
    return first == "CPUExecutionProvider"


def _onnxruntime() -> Any:  # Any: the package comes without types
    try:
        import onnxruntime
    except ImportError as exc:
        raise NotInstalled(
            f"ONNX Runtime is not here ({exc}). Install it: pip install 'edgefer[cpu]', "
            "or 'edgefer[gpu]' for CUDA"
        ) from exc
    return onnxruntime


@cache
def _errors() -> tuple[type[Exception], ...]:
    """ONNX Runtime's exceptions: one for each status of its C interface, with no common parent."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.EngineError,
        state.EPFail,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.ModelLoaded,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        ValueError,  # its Python side, for inputs whose names do not fit
    )


def _fault(path: Path, head: bytes, exc: Exception) -> str:
    """What is wrong with a file that ONNX Runtime refused."""
    if head.startswith(b"version https://git-lfs"):
        return f"{path} is a Git LFS pointer, not the model it points to. Fetch that: git lfs pull"
    if head[0] != _FIRST_BYTE:
        return f"{path} is not an ONNX file: it begins with {head[:24]!r}"
    if type(exc).__name__ == "InvalidProtobuf":
        size = path.stat().st_size
        return f"{path} is damaged or cut off at {size} bytes. Replace it with the whole file"
    return f"ONNX Runtime cannot use {path}: {exc}"
