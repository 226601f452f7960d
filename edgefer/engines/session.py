"""ONNX Runtime sessions: the one file that knows their options, providers and errors."""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import InferenceError, ModelError, NotInstalled

if TYPE_CHECKING:
    from onnxruntime import InferenceSession as InferenceSession  # the detectors may name it too

Device = Literal["cpu", "cuda", "auto"]

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

_log = logging.getLogger(__name__)

_FIRST_BYTE = 0x08
"""What every ONNX file written in field order begins with: the tag of `ModelProto.ir_version`."""


def open_session(path: Path, threads: int, device: Device = "cpu") -> InferenceSession:
    """A session over the model at `path`; `session.run` may be called by several threads.

    On the processor it computes with `threads` threads. `cuda` runs every node there or fails:
    never quietly on the processor. `auto` is CUDA where it works, and says so in the log where
    it is offered and does not. Raises NotInstalled without ONNX Runtime or its CUDA part, and
    ModelError where the file is missing or no model.
    """
    ort = _onnxruntime()
    head = _head(path)
    offered = _CUDA in ort.get_available_providers()
    if device == "cuda" and not offered:
        raise NotInstalled(
            f"this ONNX Runtime, {ort.__version__}, has no CUDA. Install the one that has: pip "
            "uninstall onnxruntime; pip install 'edgefer[gpu]'"
        )
    if device == "cpu" or not offered:
        return _session(ort, path, head, _cpu_options(ort, threads), _CPU)
    options = ort.SessionOptions()
    # Without it, a CUDA that cannot be loaded is replaced by the processor with a warning.
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    try:
        with _quiet(ort):
            return _session(ort, path, head, options, _CUDA)
    except ModelError as exc:
        reason = _why_no_cuda(ort) or str(exc)
        if device == "cuda":
            raise NotInstalled(
                f"ONNX Runtime cannot run {path} on CUDA: {reason}. Install the CUDA and cuDNN "
                f"that onnxruntime-gpu {ort.__version__} names, or choose another device"
            ) from exc
        _log.warning("CUDA is offered but not used: %s; running on the processor", reason)
    return _session(ort, path, head, _cpu_options(ort, threads), _CPU)


def open_made(model: bytes, path: Path) -> InferenceSession:
    """A session on the processor over a model that was made of the file at `path`; one thread
    computes. Raises NotInstalled without ONNX Runtime, ModelError where it cannot use it."""
    ort = _onnxruntime()
    return _session(ort, path, model[:64], _cpu_options(ort, 1), _CPU, model)


def _head(path: Path) -> bytes:
    """The file's first bytes; raises ModelError where there are none."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as exc:
        raise ModelError(f"cannot read the model {path}: {exc.strerror}") from exc
    if not head:
        raise ModelError(f"{path} is empty. Replace it with the model's file")
    return head


def _cpu_options(ort: Any, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    if threads == 1:  # several spinning pools on few cores cost half of the frame rate
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _session(
    ort: Any, path: Path, head: bytes, options: Any, provider: str, model: bytes = b""
) -> InferenceSession:
    try:
        return ort.InferenceSession(model or str(path), options, providers=[provider])
    except _errors() as exc:
        raise ModelError(_fault(path, head, exc)) from exc


@contextmanager
def _quiet(ort: Any) -> Iterator[None]:
    """What fails here is told by an error; the C++ side would print it as well."""
    ort.set_default_logger_severity(4)  # fatal
    try:
        yield
    finally:
        ort.set_default_logger_severity(2)  # warnings, the default


def _why_no_cuda(ort: Any) -> str:
    """The library that CUDA lacks; "" where the reason is another."""
    library = Path(ort.__file__).parent / "capi" / "libonnxruntime_providers_cuda.so"
    try:
        ctypes.CDLL(str(library))
    except OSError as exc:
        # Any other message only says that it was loaded outside of ONNX Runtime.
        if library.exists() and "cannot open shared object" in str(exc):
            return str(exc)
    return ""


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


class Bound:
    """Runs of a session on a device, over input buffers that stay there. One thread at a time."""

    def __init__(
        self, session: InferenceSession, name: str, output: str, device: str = "cuda"
    ) -> None:
        self._session, self._name, self._output, self._device = session, name, output, device
        self._buffers: dict[tuple[int, ...], Any] = {}  # one for each shape

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """The output for one input, in host memory that belongs to the caller; InferenceError."""
        ort = _onnxruntime()
        # Bound runs translate no status.
        failures: tuple[type[Exception], ...] = (*_errors(), RuntimeError)
        try:
            buffer = self._buffers.get(batch.shape)
            if buffer is None:
                buffer = ort.OrtValue.ortvalue_from_numpy(batch, self._device, 0)
                self._buffers[batch.shape] = buffer
            else:
                buffer.update_inplace(np.ascontiguousarray(batch))
            binding = self._session.io_binding()
            binding.bind_ortvalue_input(self._name, buffer)
            binding.bind_output(self._output, "cpu")
            self._session.run_with_iobinding(binding)
            out: NDArray[np.float32] = binding.copy_outputs_to_cpu()[0]
        except failures as exc:
            raise InferenceError(f"ONNX Runtime failed on {batch.shape}: {exc}") from exc
        return out


def on_cpu(session: InferenceSession) -> bool:
    """False where a device that several threads must not share runs the session."""
    first: str = session.get_providers()[0]
    return first == _CPU


def _onnxruntime() -> Any:  # Any: the package comes without types
    # From 1.29 on its wheels tell Microsoft which models are run, and where, and keep a database in
    # the home folder, unless this is set before the import (their Privacy.md).
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
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
