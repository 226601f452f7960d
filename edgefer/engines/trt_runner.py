"""A TensorRT plan, run on one GPU by one thread; and the child process that runs it for others.

One file for TensorRT 8.2 to 11, in the Python 3.6 dialect of the oldest Jetsons: it needs the
standard library, NumPy, tensorrt and pycuda, and nothing of edgefer, so that an interpreter that
has never heard of edgefer can run it. What a version offers is asked of its objects, never
concluded from a name.

Imported, it gives `Runner` and `probe`. As a program, it is the process of `hosted_child.py`:

    PYTHON trt_runner.py CHANNEL BEATS MEMORY PLAN

with four inherited file descriptors: a socket for messages (`send`, `receive`), a pipe into which
a beat is written every BEAT seconds, a memfd for batches and answers, and the plan, open for
reading (a path would not survive the ASCII locale of a Python 3.6 service).

    child   hello   protocol, what `probe` found
    parent  open    name, graphs
    child   ready   what `Runner.facts` says; MEMORY now holds `most` batch rows, then answers
    parent  infer   rows
    child   answer  device_seconds
    either  error   kind, message: the child ends after one of a kind that FATAL names

It was never run on a GPU or a Jetson: its tests run it on a double, which is held against the
real bindings of 8.6, 10.3, 10.13 and 11.4.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this folder: `import host` and the like must not find what lies in it

import collections
import contextlib
import ctypes
import faulthandler
import json
import mmap
import os
import re
import signal
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, Iterator, List, Optional, Tuple

NO_NUMPY = 3
"""Exit status of the child where its Python has none: it cannot even say so on the channel."""

try:
    import numpy as np
except ImportError as exc:
    if __name__ != "__main__":
        raise
    sys.stderr.write("{} cannot import NumPy: {}\n".format(sys.executable, exc))
    sys.exit(NO_NUMPY)

if TYPE_CHECKING:  # neither exists in the NumPy of Python 3.6
    from numpy.typing import NDArray

    Batch = NDArray[np.float32]

PROTOCOL = 1
BEAT = 0.5
"""Seconds between two beats of the child."""
ROWS_KEPT = 40
"""Of the logger; TensorRT tells the cause of a failure first and its consequences after it."""
GRAPHS_KEPT = 8
"""Batch sizes with a graph, where each has an execution context, and its memory, of its own."""

DTYPES = {
    "FLOAT": np.float32, "HALF": np.float16, "INT8": np.int8, "INT32": np.int32,
    "BOOL": np.bool_, "UINT8": np.uint8, "INT64": np.int64,
}  # fmt: skip
"""By TensorRT's names. `trt.nptype` fails with NumPy 1.24 to 1.26: it evaluates `np.bool`."""


class RunnerError(Exception):
    """The root. `kind` is what the child's messages call it."""

    kind = "run"


class Missing(RunnerError):
    """TensorRT, PyCUDA or a device is not here, or does not work."""

    kind = "missing"


class PlanRefused(RunnerError):
    """TensorRT does not take the plan, or its inputs and outputs are not a classifier's."""

    kind = "plan"


class RunFailed(RunnerError):
    """One batch could not be run; the next may."""


class DeviceBroken(RunnerError):
    """The driver failed: nothing that this process holds on the device can be trusted."""

    kind = "device"


FATAL = (Missing.kind, PlanRefused.kind, DeviceBroken.kind)


class _NoGraph(Exception):
    """CUDA or TensorRT refuses to capture this network."""


_rows: Deque[Tuple[str, str]] = collections.deque(maxlen=ROWS_KEPT)
_logger: Any = None


# Any, here and below: TensorRT and PyCUDA come without types.
def logger(trt: Any) -> Any:
    """The process's one logger: TensorRT keeps the first that it is given for everything after."""
    global _logger
    if _logger is None or not isinstance(_logger, trt.ILogger):

        class Rows(trt.ILogger):  # type: ignore[misc]
            """Keeps what may explain a failure."""

            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, msg: str) -> None:
                if int(severity) <= int(trt.ILogger.WARNING):
                    _rows.append((severity.name, " ".join(msg.split())))

        _logger = Rows()
    return _logger


def said() -> str:
    """What the logger has kept, errors before warnings, and forgets it; "" of nothing."""
    rows = list(_rows)
    _rows.clear()
    errors = [text for severity, text in rows if severity != "WARNING"]
    lines = list(collections.OrderedDict.fromkeys(errors or [text for _, text in rows]))
    return ". TensorRT said: " + " | ".join(lines[:6]) if lines else ""


def modules() -> Tuple[Any, Any]:
    """tensorrt and pycuda.driver. Raises Missing."""
    try:
        import tensorrt
    except (ImportError, OSError) as exc:
        raise Missing(_absent("tensorrt", exc, "On a Jetson it comes with JetPack "
                      "(python3-libnvinfer) for the system's Python only")) from exc  # fmt: skip
    try:
        import pycuda.driver
    except (ImportError, OSError) as exc:
        raise Missing(_absent("pycuda", exc, "Install it: pip install pycuda")) from exc
    return tensorrt, pycuda.driver


def _absent(name: str, exc: BaseException, remedy: str) -> str:
    if "cannot open shared object" in str(exc):
        return f"the {name} module is here, its libraries are not: {exc}"
    version = ".".join(map(str, sys.version_info[:3]))
    return f"Python {version} ({sys.executable}) cannot import {name}: {exc}. {remedy}"


@contextlib.contextmanager
def _driver_errors(drv: Any, doing: str) -> Iterator[None]:
    """PyCUDA's errors as ours."""
    try:
        yield
    except drv.MemoryError as exc:
        raise RunFailed(f"no GPU memory left while {doing}: {exc}. Compile with a smaller "
                        "--max-batch, or end what else holds memory") from exc  # fmt: skip
    except drv.Error as exc:
        raise DeviceBroken(f"CUDA failed while {doing}: {exc}{said()}") from exc


def probe() -> Dict[str, Any]:
    """What this process would run a plan on: the first GPU that CUDA_VISIBLE_DEVICES leaves it.

    `tensorrt` as its Python side names it, in three or four numbers; `cuda` of the driver, "10.2";
    `compute_capability` "5.3"; `device`, its name; `multiprocessors`; `memory_bytes`; `l4t`,
    "R32.7.1" or None; `python`. Raises Missing.
    """
    trt, drv = modules()
    try:
        drv.init()
        gpu = drv.Device(0)
        driver = int(drv.get_driver_version())
        return {
            "tensorrt": str(trt.__version__),
            "cuda": f"{driver // 1000}.{driver % 1000 // 10}",
            "compute_capability": "{}.{}".format(*gpu.compute_capability()),
            "device": str(gpu.name()),
            "multiprocessors": int(gpu.get_attribute(drv.device_attribute.MULTIPROCESSOR_COUNT)),
            "memory_bytes": int(gpu.total_memory()),
            "l4t": l4t(),
            "python": ".".join(map(str, sys.version_info[:3])),
        }
    except drv.Error as exc:
        raise Missing(f"no GPU can be used: {exc}") from exc


def l4t(path: str = "/etc/nv_tegra_release") -> Optional[str]:
    """The Jetson's release, such as "R32.7.1"; None elsewhere.

    The file begins with "# R32 (release), REVISION: 7.1".
    """
    try:
        with open(path, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - its simplest
            found = re.match(r"# R(\d+) \(release\), REVISION: ([\d.]+)", file.readline())
    except OSError:
        return None
    return "R{}.{}".format(*found.groups()) if found else None


class _ByName:
    """Tensors by their name: TensorRT 8.5 and newer."""

    call = "execute_async_v3"

    def __init__(self, trt: Any, engine: Any) -> None:
        self._trt, self._engine = trt, engine

    def tensors(self) -> Iterator[Tuple[str, bool, Any, Tuple[int, ...]]]:
        """Name, whether it is an input, TensorRT's dtype, and shape with -1 where it is free."""
        engine = self._engine
        for n in range(engine.num_io_tensors):
            name = engine.get_tensor_name(n)
            is_input = engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT
            yield (
                name,
                is_input,
                engine.get_tensor_dtype(name),
                tuple(engine.get_tensor_shape(name)),
            )

    def profile(self, name: str) -> List[Tuple[int, ...]]:
        """Least, best and greatest shape of the first profile."""
        return [tuple(shape) for shape in self._engine.get_tensor_profile_shape(name, 0)]

    def shape(self, context: Any, name: str, shape: Tuple[int, ...]) -> bool:
        return bool(context.set_input_shape(name, shape))

    def shape_of(self, context: Any, name: str) -> Tuple[int, ...]:
        return tuple(context.get_tensor_shape(name))

    def bind(self, context: Any, addresses: Dict[str, int]) -> bool:
        return all(context.set_tensor_address(name, at) for name, at in addresses.items())

    def enqueue(self, context: Any, stream: int) -> bool:
        return bool(context.execute_async_v3(stream))


class _ByNumber:
    """Tensors by their number, in TensorRT before 8.5."""

    call = "execute_async_v2"

    def __init__(self, trt: Any, engine: Any) -> None:  # noqa: ARG002 - as _ByName
        self._engine = engine
        self._numbers: Dict[str, int] = {}
        self._addresses: List[int] = []

    def tensors(self) -> Iterator[Tuple[str, bool, Any, Tuple[int, ...]]]:
        engine = self._engine
        # Each further profile repeats all bindings.
        for n in range(engine.num_bindings // max(1, engine.num_optimization_profiles)):
            name = engine.get_binding_name(n)
            self._numbers[name] = n
            shape = tuple(engine.get_binding_shape(n))
            yield name, engine.binding_is_input(n), engine.get_binding_dtype(n), shape

    def profile(self, name: str) -> List[Tuple[int, ...]]:
        return [tuple(shape) for shape in self._engine.get_profile_shape(0, self._numbers[name])]

    def shape(self, context: Any, name: str, shape: Tuple[int, ...]) -> bool:
        return bool(context.set_binding_shape(self._numbers[name], shape))

    def shape_of(self, context: Any, name: str) -> Tuple[int, ...]:
        return tuple(context.get_binding_shape(self._numbers[name]))

    def bind(self, context: Any, addresses: Dict[str, int]) -> bool:  # noqa: ARG002
        # The call takes a place for every binding, those of further profiles too.
        self._addresses = [0] * self._engine.num_bindings
        for name, address in addresses.items():
            self._addresses[self._numbers[name]] = address
        return True

    def enqueue(self, context: Any, stream: int) -> bool:
        return bool(context.execute_async_v2(self._addresses, stream))


class _Tensor:
    """An input or output: its place on the device and, where it travels, in page-locked memory."""

    def __init__(self, name: str, dtype: Any, shape: Tuple[int, ...]) -> None:
        self.name, self.dtype, self.shape = name, np.dtype(dtype), shape
        self.host: Any = None
        self.device: Any = None


class _Size:
    """An execution context set to one batch size, and the graph captured for it."""

    def __init__(self, rows: int, context: Any) -> None:
        self.rows, self.context = rows, context
        self.runs = 0
        self.graph: Optional[int] = None


class Runner:
    """One plan on one device, in this thread.

    The thread that makes it must make every call and close it: the device's primary context is
    current in that thread from here to `close`, and a CUDA context belongs to a thread.
    Everything is released in the reverse of the order in which it was made.
    """

    def __init__(self, plan: Any, name: str = "the plan", graphs: bool = False) -> None:
        """`plan` is bytes or a buffer of them, needed no longer than this call.

        With `graphs`, a batch size that comes again is captured as a CUDA graph. Raises Missing,
        PlanRefused, RunFailed (no memory) or DeviceBroken.
        """
        trt, drv = modules()
        self.name = name
        self.device_seconds = 0.0
        """Of the last call: from the first copy's begin to the last one's end, by CUDA events."""
        self.no_graphs = "" if graphs else "not asked for"
        """Why batches run without a graph; "" while they may have one."""
        self._drv, self._thread = drv, threading.get_ident()
        self._sizes: Dict[int, _Size] = {}
        self._logger: Any = None
        self._runtime: Any = None
        self._engine: Any = None
        self._api: Any = None
        self._context: Any = None
        self._stream: Any = None
        self._began: Any = None
        self._ended: Any = None
        self._cuda: Any = None
        self._held = contextlib.ExitStack()
        try:
            with _driver_errors(drv, f"opening {name}"):
                self._open(trt, plan)
        except BaseException:
            self.close()
            raise

    def _hold(self, name: str, value: Any) -> None:
        """Keep `value`, and let go of it when its turn has come."""
        setattr(self, name, value)
        self._held.callback(setattr, self, name, None)

    def _open(self, trt: Any, plan: Any) -> None:
        drv = self._drv
        drv.init()
        primary = drv.Device(0).retain_primary_context()
        self._held.callback(primary.detach)
        primary.push()
        self._held.callback(primary.pop)
        _rows.clear()
        # No local name for any of these: an error's traceback would keep it beyond its turn.
        self._hold("_logger", logger(trt))
        if hasattr(trt, "init_libnvinfer_plugins"):  # 8.2 keeps InstanceNormalization there
            trt.init_libnvinfer_plugins(self._logger, "")
        self._hold("_runtime", trt.Runtime(self._logger))
        self._hold("_engine", self._runtime.deserialize_cuda_engine(plan))
        if self._engine is None:
            raise PlanRefused(f"TensorRT {trt.__version__} does not take {self.name}{said()}")
        api = _ByName if hasattr(self._engine, "num_io_tensors") else _ByNumber
        self._hold("_api", api(trt, self._engine))
        # Before 10, a profile serves one execution context at a time.
        self._many = not hasattr(self._engine, "num_bindings")
        self._hold("_context", self._engine.create_execution_context())
        if self._context is None:
            raise RunFailed(f"no execution context for {self.name}{said()}")
        self._read_tensors()
        self._hold("_stream", drv.Stream())
        self._hold("_began", drv.Event())
        self._hold("_ended", drv.Event())
        for tensor in [self._input, *self._outputs]:
            shape = (self.most, *tensor.shape)
            size = int(np.prod(shape)) * tensor.dtype.itemsize
            tensor.device = drv.mem_alloc(size)
            self._held.callback(tensor.device.free)
            if tensor in (self._input, self._output):
                tensor.host = drv.pagelocked_empty(shape, tensor.dtype)
                self._held.callback(setattr, tensor, "host", None)
        self._held.callback(self._forget)
        self._cuda = None if self.no_graphs else self._libcuda()

    def _read_tensors(self) -> None:
        """The input, the outputs, and the least and greatest batch. Raises PlanRefused."""
        inputs: List[_Tensor] = []
        outputs: List[_Tensor] = []
        free, fixed = False, 0
        for name, is_input, dtype, shape in self._api.tensors():
            label = str(getattr(dtype, "name", dtype))
            if label not in DTYPES or len(shape) < 1 or min(shape[1:], default=1) < 1:
                raise PlanRefused(f"{self.name} has the tensor {name}, {label} {shape}, which "
                                  "this runner cannot handle")  # fmt: skip
            (inputs if is_input else outputs).append(_Tensor(name, DTYPES[label], shape[1:]))
            if is_input:
                free, fixed = shape[0] < 0, shape[0]
        if len(inputs) != 1 or len(inputs[0].shape) != 3 or not outputs:
            found = ", ".join(f"{t.name} {t.shape}" for t in inputs)
            raise PlanRefused(
                f"{self.name} takes ({found}) and gives {len(outputs)} tensors; a "
                "classifier takes one of (batch, channels, height, width)"
            )
        self._input, self._outputs, self._output = inputs[0], outputs, outputs[0]
        if len(self._output.shape) != 1:
            raise PlanRefused(f"{self.name} answers {('batch', *self._output.shape)}; a "
                              "classifier answers (batch, labels)")  # fmt: skip
        self.least, self.most = fixed, fixed
        if free:
            shapes = self._api.profile(self._input.name)
            self.least, self.most = shapes[0][0], shapes[2][0]

    def facts(self) -> Dict[str, Any]:
        """What the plan takes and answers, in JSON's types."""
        return {
            "input": self._input.name,
            "input_shape": list(self._input.shape),
            "input_dtype": self._input.dtype.name,
            "output": self._output.name,
            "output_shape": list(self._output.shape),
            "output_dtype": self._output.dtype.name,
            "least": self.least,
            "most": self.most,
            "call": self._api.call,
        }

    def infer(self, batch: "Batch") -> "Batch":
        """(N, C, h, w) float32 -> (N, K) float32 that belongs to the caller.

        A batch beyond the profile is run in parts; one below it is filled up with zeros. Raises
        RunFailed or DeviceBroken.
        """
        if threading.get_ident() != self._thread:
            raise RunFailed("a Runner was called from another thread than the one that made it")
        if batch.shape[1:] != self._input.shape or not len(batch):
            raise RunFailed(f"{self.name} takes {('batch', *self._input.shape)}, not {batch.shape}")
        answer = np.empty((len(batch), *self._output.shape), np.float32)
        seconds = 0.0
        for first in range(0, len(batch), self.most):
            part = slice(first, first + self.most)
            with _driver_errors(self._drv, f"running {self.name}"):
                seconds += self._run(batch[part], answer[part])
        self.device_seconds = seconds
        return answer

    def _run(self, batch: "Batch", answer: "Batch") -> float:
        rows = max(len(batch), self.least)
        taken, given = self._input.host, self._output.host
        taken[: len(batch)] = batch
        taken[len(batch) : rows] = 0
        size = self._size(rows)
        self._began.record(self._stream)
        self._drv.memcpy_htod_async(self._input.device, taken[:rows], self._stream)
        self._enqueue(size)
        self._drv.memcpy_dtoh_async(given[:rows], self._output.device, self._stream)
        self._ended.record(self._stream)
        self._stream.synchronize()
        answer[:] = given[: len(batch)]
        seconds = self._began.time_till(self._ended) / 1000
        size.runs += 1
        # The first run of a size prepares TensorRT for it and cannot be captured.
        if not self.no_graphs and size.runs == 2:
            self._capture(size)
        return float(seconds)

    def _size(self, rows: int) -> _Size:
        """The execution context for this many rows."""
        if rows in self._sizes:
            return self._sizes[rows]
        context = self._context
        if self.no_graphs or not self._many:
            self._forget()  # a graph is void once its context has another shape
        elif len(self._sizes) == GRAPHS_KEPT:
            self._forget()
        elif self._sizes:
            context = self._engine.create_execution_context()
            if context is None:
                raise RunFailed(f"no execution context for a batch of {rows}{said()}")
        shape = (rows, *self._input.shape)
        if not self._api.shape(context, self._input.name, shape):
            raise RunFailed(f"{self.name} does not take {shape}{said()}")
        if self._api.shape_of(context, self._output.name) != (rows, *self._output.shape):
            found = self._api.shape_of(context, self._output.name)
            raise RunFailed(f"{self.name} answers {found} for {shape}{said()}")
        tensors = [self._input, *self._outputs]
        if not self._api.bind(context, {tensor.name: int(tensor.device) for tensor in tensors}):
            raise RunFailed(f"{self.name} does not take the addresses of its tensors{said()}")
        self._sizes[rows] = size = _Size(rows, context)
        return size

    def _enqueue(self, size: _Size) -> None:
        stream = int(self._stream.handle)
        if size.graph is not None:
            self._cuda.launch(size.graph, stream)
        elif not self._api.enqueue(size.context, stream):
            raise RunFailed(f"{self.name} failed on a batch of {size.rows}{said()}")

    def _libcuda(self) -> Any:
        try:
            return _Libcuda()
        except _NoGraph as exc:
            self.no_graphs = str(exc)
            return None

    def _capture(self, size: _Size) -> None:
        """A graph of this size, kept if it answers as the plain run before it has just done."""
        stream = int(self._stream.handle)
        given = self._output.host[: size.rows]
        expected = given.copy()
        try:
            size.graph = self._cuda.capture(stream, lambda: self._api.enqueue(size.context, stream))
            self._drv.memcpy_htod_async(
                self._input.device, self._input.host[: size.rows], self._stream
            )
            self._enqueue(size)
            self._drv.memcpy_dtoh_async(given, self._output.device, self._stream)
            self._stream.synchronize()
            if not np.allclose(given, expected, rtol=1e-3, atol=1e-3, equal_nan=True):
                raise _NoGraph("the captured graph answers differently")
        except _NoGraph as exc:
            self.no_graphs = str(exc) + said()
            self._forget()

    def _forget(self) -> None:
        """Let go of all sizes, their graphs first."""
        for size in self._sizes.values():
            if size.graph is not None:
                self._cuda.destroy(size.graph)
            size.context = None
        self._sizes.clear()

    def close(self) -> None:
        """Release everything; from the thread that made it. Safe to call twice."""
        with contextlib.suppress(self._drv.Error):  # of a broken device nothing can be freed
            self._held.close()


class _Libcuda:
    """CUDA graphs, which PyCUDA does not have, of the driver's C interface.

    Names and arguments: cuda.h of CUDA 10.2 and 13.0. Each function returns 0 or an error.
    """

    THREAD_LOCAL = 1
    """CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: what other threads do cannot end the capture."""

    def __init__(self) -> None:
        """Raises _NoGraph where the driver is older than CUDA 10.1."""
        try:
            lib = ctypes.CDLL("libcuda.so.1")
            pointer, out = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
            self._begin = self._function(lib.cuStreamBeginCapture_v2, pointer, ctypes.c_int)
            self._end = self._function(lib.cuStreamEndCapture, pointer, out)
            self._launch = self._function(lib.cuGraphLaunch, pointer, pointer)
            self._destroy_graph = self._function(lib.cuGraphDestroy, pointer)
            self._destroy = self._function(lib.cuGraphExecDestroy, pointer)
            if hasattr(lib, "cuGraphInstantiateWithFlags"):  # CUDA 11.4
                self._make = self._function(
                    lib.cuGraphInstantiateWithFlags, out, pointer, ctypes.c_ulonglong
                )
                self._rest: Tuple[Any, ...] = (0,)
            else:  # before it, a place for an error's node and text follow, which may be null
                self._make = self._function(
                    lib.cuGraphInstantiate, out, pointer, out, ctypes.c_char_p, ctypes.c_size_t
                )
                self._rest = (None, None, 0)
        except (OSError, AttributeError) as exc:
            raise _NoGraph(f"this driver has no CUDA graphs: {exc}") from exc

    @staticmethod
    def _function(function: Any, *kinds: Any) -> Any:
        function.argtypes, function.restype = list(kinds), ctypes.c_int
        return function

    def capture(self, stream: int, enqueue: Callable[[], bool]) -> int:
        """What `enqueue` puts into the stream, as an executable graph. Raises _NoGraph; the
        stream is then as it was."""
        graph, executable = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self._begin(stream, self.THREAD_LOCAL), "cuStreamBeginCapture")
        enqueued = False
        try:
            enqueued = enqueue()
        finally:
            status = self._end(stream, ctypes.byref(graph))
        try:
            if not enqueued:
                raise _NoGraph("TensorRT cannot enqueue this network into a capture")
            self._check(status, "cuStreamEndCapture")
            made = self._make(ctypes.byref(executable), graph, *self._rest)
            self._check(made, "cuGraphInstantiate")
        finally:
            if graph.value:
                self._destroy_graph(graph)
        assert executable.value is not None
        return executable.value

    def launch(self, graph: int, stream: int) -> None:
        """Raises DeviceBroken."""
        status = self._launch(graph, stream)
        if status:
            raise DeviceBroken(f"cuGraphLaunch failed with CUDA error {status}")

    def destroy(self, graph: int) -> None:
        self._destroy(graph)

    @staticmethod
    def _check(status: int, name: str) -> None:
        if status:
            raise _NoGraph(f"{name} failed with CUDA error {status}")


_LENGTH = struct.Struct("=I")
LONGEST = 1 << 20
"""Bytes of a message; a longer one is no message of ours."""


def send(channel: socket.socket, message: Dict[str, Any]) -> None:
    """One message: its length, then JSON. Raises OSError where nobody listens."""
    text = json.dumps(message).encode("utf-8")
    channel.sendall(_LENGTH.pack(len(text)) + text)


def receive(channel: socket.socket) -> Dict[str, Any]:
    """The next message. Raises EOFError at the end, socket.timeout, ValueError of no message."""
    (length,) = _LENGTH.unpack(_exactly(channel, _LENGTH.size))
    if length > LONGEST:
        raise ValueError(f"a message of {length} bytes")
    message = json.loads(_exactly(channel, length).decode("utf-8"))
    if not isinstance(message, dict):
        raise ValueError(f"a message that is {message!r}")
    return message


def _exactly(channel: socket.socket, count: int) -> bytes:
    parts = []
    while count:
        part = channel.recv(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def shared(
    memory: int, rows: int, taken: Tuple[int, ...], given: Tuple[int, ...]
) -> Tuple["Batch", "Batch"]:
    """The memfd as (rows, *taken) float32 of a batch, then (rows, *given) of its answers."""
    sizes = [rows * int(np.prod(shape)) for shape in (taken, given)]
    if os.fstat(memory).st_size < sum(sizes) * 4:
        os.ftruncate(memory, sum(sizes) * 4)
    pages = np.frombuffer(mmap.mmap(memory, sum(sizes) * 4), np.float32)
    batch, answers = pages[: sizes[0]], pages[sizes[0] :]
    return batch.reshape((rows, *taken)), answers.reshape((rows, *given))


def serve(
    descriptors: List[int],
    open_runner: Callable[..., Any] = Runner,
    look: Callable[..., Dict[str, Any]] = probe,
) -> None:
    """The child's life: see the top of this file. Returns once the parent closes the channel."""
    number, beats, memory, plan = descriptors
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    faulthandler.enable(all_threads=False)  # a crash in a library leaves a word on stderr
    threading.Thread(target=_beat, args=(beats,), daemon=True).start()
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, number)
    try:
        _serve(channel, memory, plan, open_runner, look)
    except RunnerError as exc:
        send(channel, {"error": exc.kind, "message": str(exc)})
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass


def _serve(
    channel: socket.socket,
    memory: int,
    plan: int,
    open_runner: Callable[..., Any],
    look: Callable[..., Dict[str, Any]],
) -> None:
    send(channel, {"hello": PROTOCOL, "probe": look()})
    request = receive(channel)
    with open(plan, "rb", closefd=False) as file:
        runner = open_runner(file.read(), request["name"], request["graphs"])
    try:
        facts = runner.facts()
        batch, answers = shared(
            memory, facts["most"], tuple(facts["input_shape"]), tuple(facts["output_shape"])
        )
        send(channel, {"ready": facts})
        while True:
            rows = receive(channel)["infer"]
            try:
                answers[:rows] = runner.infer(batch[:rows])
            except RunFailed as exc:
                send(channel, {"error": exc.kind, "message": str(exc)})
                continue
            send(channel, {"device_seconds": runner.device_seconds, "no_graphs": runner.no_graphs})
    finally:
        runner.close()


def _beat(pipe: int) -> None:
    """Say every BEAT seconds that this process lives; end it where nobody listens any more."""
    while True:
        try:
            os.write(pipe, b".")
        except OSError:
            os._exit(0)  # at once: the main thread may hang in the driver
        time.sleep(BEAT)


if __name__ == "__main__":
    serve([int(argument) for argument in sys.argv[1:]])
    sys.stderr.flush()
    os._exit(0)  # a broken driver may hang in its clean-up
