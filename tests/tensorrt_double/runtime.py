"""What loads and runs plans: `names(version)` gives the classes of that TensorRT, and no others.

A plan of the double: from 8.6 on the 28 bytes of header that TensorRT's have (`ftrt`, and the
version in bytes 24 to 27; none before 8.6), the length of a JSON text as a little-endian u32, that
text, and the ONNX file. The text holds `tensorrt` [8, 2, 1, 8], `compute_capability` "5.3", `io`
(name, kind, shape, dtype as TensorRT names it), `profile` {input: [least, best, most shape]} and
perhaps `linear`.

It computes with ONNX Runtime where that can be imported and the plan holds an ONNX file. Elsewhere
(Python 3.6, 3.8, 3.13 here) it computes `linear`: the mean over height and width of each channel,
times the (C, K) matrix: the network that tests/models.py makes.
"""

import enum
import json
import os
import struct
from typing import Any, List, Optional, Sequence, Set, Tuple

import numpy as np

from . import cuda

HEADER = 28

used: Set[Tuple[str, str]] = set()
"""Every (class, attribute) that was touched: what the code under test needs of TensorRT."""


class Recorded:
    """Notes which of its public attributes are read."""

    def __getattribute__(self, name):
        value = object.__getattribute__(self, name)
        if not name.startswith("_"):
            used.add((type(self).__name__, name))
        return value


Named = Sequence[Any]
"""Name, shape, dtype as TensorRT names it."""


def write_plan(
    version: Tuple[int, ...],
    inputs: Sequence[Named],
    outputs: Sequence[Named],
    profile: Sequence[int],
    linear: Optional[List[List[float]]] = None,
    onnx: bytes = b"",
    capability: str = "5.3",
) -> bytes:
    """A plan as bytes. `version` is (8, 2, 1, 8), `inputs` and `outputs` hold (name, shape,
    dtype), `profile` the least, best and greatest batch of a free size."""
    facts = {
        "tensorrt": list(version),
        "compute_capability": capability,
        "io": [
            {"name": name, "kind": kind, "shape": list(shape), "dtype": dtype}
            for kind, tensors in (("input", inputs), ("output", outputs))
            for name, shape, dtype in tensors
        ],
        "profile": {name: [[rows, *shape[1:]] for rows in profile] for name, shape, _ in inputs},
        "linear": linear,
    }
    text = json.dumps(facts).encode()
    head = b"ftrt" + bytes(20) + bytes(part % 256 for part in version)
    return (head if tuple(version) >= (8, 6) else b"") + struct.pack("<I", len(text)) + text + onnx


def _read_plan(data, version, tell):
    """The plan's facts, with its ONNX file as `onnx`; None, after telling why, of no plan."""
    data = bytes(data)
    has_header = data[:4] == b"ftrt"
    body = data[HEADER:] if has_header else data
    try:
        (length,) = struct.unpack_from("<I", body)
        facts = json.loads(body[4 : 4 + length].decode())
    except (ValueError, struct.error):
        return tell("1: [stdArchiveReader.cpp::StdArchiveReader::32] Error Code 1: Serialization "
                    "(Serialization assertion magicTagRead == magicTag failed.)")  # fmt: skip
    built = tuple(facts["tensorrt"])
    if built != version:
        return tell("6: The engine plan file is not compatible with this version of TensorRT, "
                    "expecting library version %s got %s, please rebuild."
                    % (".".join(map(str, version)), ".".join(map(str, built))))  # fmt: skip
    here = ".".join(map(str, cuda.Device(0).compute_capability()))
    if facts["compute_capability"] != here:
        return tell("6: The engine plan file is generated on an incompatible device, expecting "
                    "compute %s got compute %s, please rebuild."
                    % (here, facts["compute_capability"]))  # fmt: skip
    facts["onnx"] = body[4 + length :]
    return facts


class _Network:
    """Computes."""

    def __init__(self, fields):
        self._linear = fields.get("linear")
        self._session = None
        if fields["onnx"]:
            try:
                import onnxruntime
            except ImportError:
                pass
            else:
                self._session = onnxruntime.InferenceSession(
                    fields["onnx"], providers=["CPUExecutionProvider"]
                )

    def __call__(self, batch):
        if self._session is not None:
            name = self._session.get_inputs()[0].name
            if self._session.get_inputs()[0].shape[0] == 1:
                return np.concatenate(
                    [self._session.run(None, {name: row[None]})[0] for row in batch]
                )
            return self._session.run(None, {name: batch})[0]
        return batch.mean(axis=(2, 3)) @ np.array(self._linear, np.float32)


def names(version):
    """Module attributes of `tensorrt` in this version, such as (8, 2, 1, 8)."""

    class TensorIOMode(enum.IntEnum):
        NONE = 0
        INPUT = 1
        OUTPUT = 2

    types = ["FLOAT", "HALF", "INT8", "INT32", "BOOL"]
    if version >= (8, 5):
        types.append("UINT8")
    if version >= (10,):
        types.append("INT64")
    DataType = enum.IntEnum("DataType", [(name, n) for n, name in enumerate(types)])  # noqa: N806

    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    class ILogger:
        """To be subclassed: `log` is called with a severity and a text."""

        def __init__(self):
            self._made = True

        def log(self, severity, msg):
            raise NotImplementedError

    ILogger.Severity = Severity
    for severity in Severity:
        setattr(ILogger, severity.name, severity)

    class Logger(ILogger):
        def __init__(self, min_severity=Severity.WARNING):
            ILogger.__init__(self)
            self.min_severity = min_severity

        def log(self, severity, msg):
            if severity <= self.min_severity:
                os.write(2, ("[TRT] %s\n" % msg).encode())

    class Dims(tuple):
        __slots__ = ()

    class Runtime(Recorded):
        def __init__(self, logger):
            if not getattr(logger, "_made", False):
                raise TypeError("logger: the __init__ of ILogger was not called")
            cuda.check("cudaGetDevice")
            self._logger = logger

        def deserialize_cuda_engine(self, serialized_engine):
            def tell(text):
                self._logger.log(Severity.INFO, "Loaded engine size: 0 MiB")
                self._logger.log(Severity.WARNING, "Using an engine plan file across devices")
                self._logger.log(Severity.ERROR, text)

            if cuda.Fault.name() == "deserialise":
                return tell("2: [engine.cpp] Error Code 2: OutOfMemory (no further information)")
            fields = _read_plan(serialized_engine, version, tell)
            return None if fields is None else ICudaEngine(fields, self._logger)

    class ICudaEngine(Recorded):
        def __init__(self, fields, logger):
            self._fields, self._logger = fields, logger
            self._network = _Network(fields)
            self._tensors = [
                (t["kind"] == "input", t["name"], t["shape"], t["dtype"]) for t in fields["io"]
            ]
            self._contexts = 0

        def _tensor(self, name):
            for is_input, known, shape, dtype in self._tensors:
                if known == name:
                    return is_input, tuple(shape), dtype
            raise ValueError("no tensor " + name)

        def _number(self, n):
            return self._tensors[n][1]

        def _shapes(self, name):
            return [Dims(shape) for shape in self._fields["profile"][name]]

        @property
        def num_optimization_profiles(self):
            return 1

        def create_execution_context(self):
            if cuda.Fault.name() == "context":
                self._logger.log(Severity.ERROR, "2: no memory for an execution context")
                return None
            dynamic = any(-1 in shape for _, _, shape, _ in self._tensors)
            if dynamic and version < (10,) and self._contexts:
                self._logger.log(Severity.ERROR, "3: profile 0 is in use by another context")
                return None
            self._contexts += 1
            return IExecutionContext(self, self._logger)

        def create_engine_inspector(self):
            return EngineInspector(self)

        if version < (10,):

            @property
            def num_bindings(self):
                return len(self._tensors)

            def get_binding_name(self, index):
                return self._number(index)

            def binding_is_input(self, index):
                return self._tensor(self._number(index))[0]

            def get_binding_shape(self, index):
                return Dims(self._tensor(self._number(index))[1])

            def get_binding_dtype(self, index):
                return DataType[self._tensor(self._number(index))[2]]

            def get_profile_shape(self, profile_index, binding):  # noqa: ARG002
                return self._shapes(self._number(binding))

        if version >= (8, 5):

            @property
            def num_io_tensors(self):
                return len(self._tensors)

            def get_tensor_name(self, index):
                return self._number(index)

            def get_tensor_mode(self, name):
                return TensorIOMode.INPUT if self._tensor(name)[0] else TensorIOMode.OUTPUT

            def get_tensor_shape(self, name):
                return Dims(self._tensor(name)[1])

            def get_tensor_dtype(self, name):
                return DataType[self._tensor(name)[2]]

            def get_tensor_profile_shape(self, name, profile_index):  # noqa: ARG002
                return self._shapes(name)

    class LayerInformationFormat(enum.IntEnum):
        ONELINE = 0
        JSON = 1

    class EngineInspector(Recorded):
        """Names one layer, which is all that the double has."""

        def __init__(self, engine):
            self._engine = engine

        def get_engine_information(self, format):  # noqa: A002 - TensorRT's name
            assert format == LayerInformationFormat.JSON
            inputs = [t[1] for t in self._engine._tensors if t[0]]
            return json.dumps({"Layers": ["everything after " + ", ".join(inputs)], "Bindings": []})

    class IExecutionContext(Recorded):
        def __init__(self, engine, logger):
            self._engine, self._logger = engine, logger
            self._rows = {}
            self._addresses = {}
            self._executions = [0]
            for is_input, name, shape, _ in engine._tensors:
                if is_input and shape[0] >= 0:
                    self._rows[name] = shape[0]

        def _say(self, text):
            self._logger.log(Severity.ERROR, text)
            return False

        def _set_shape(self, name, shape):
            cuda.check("setInputShape")
            if not isinstance(shape, (tuple, list)):
                raise TypeError("incompatible function arguments: shape is %r" % (shape,))
            is_input, wanted, _ = self._engine._tensor(name)
            fits = shape[0] == wanted[0]
            if wanted[0] < 0:
                least, _, most = self._engine._shapes(name)
                fits = least[0] <= shape[0] <= most[0]
            if not is_input or tuple(shape[1:]) != wanted[1:] or not fits:
                return self._say("3: [executionContext.cpp::setInputShape] Error Code 3: API Usage "
                                 "Error (Supplied binding dimension %s for %s exceed min ~ max "
                                 "range)" % (list(shape), name))  # fmt: skip
            self._rows[name] = shape[0]
            return True

        def _shape(self, name):
            _, shape, _ = self._engine._tensor(name)
            rows = self._rows.get(name, next(iter(self._rows.values()), -1))
            return Dims((rows if shape[0] < 0 else shape[0], *shape[1:]))

        def _enqueue(self, addresses, stream_handle):
            cuda.check("enqueue")
            if not self._rows:
                return self._say("3: not all input shapes were set")
            for _, name, _, _ in self._engine._tensors:
                if not addresses.get(name):
                    return self._say("3: [executionContext.cpp::enqueueV3] Error Code 3: API Usage "
                                     "Error (Neither address or allocator is set for tensor %s.)"
                                     % name)  # fmt: skip
            self._engine._fields.setdefault("executions", 0)
            self._engine._fields["executions"] += 1
            fault = cuda.Fault.at(self._engine._fields["executions"])
            if fault == "fail":
                return self._say("1: [convolutionRunner.cpp] Error Code 1: Cask (Cask convolution "
                                 "execution)")  # fmt: skip
            (_, taken, _, taken_type) = next(t for t in self._engine._tensors if t[0])
            (_, given, _, given_type) = next(t for t in self._engine._tensors if not t[0])
            shape = self._shape(taken)
            source = _array(addresses[taken], shape, taken_type)
            target = _array(addresses[given], self._shape(given), given_type)
            wrong = cuda.Fault.name() == "capture-wrong" and (
                cuda._streams[stream_handle]._captured is not None
            )

            def work():
                cuda.Fault.strike(fault)
                if fault == "illegal":
                    cuda.broken.append(fault)
                if fault == "nan":
                    self._engine._fields["nan"] = True
                target[:] = self._engine._network(source.astype(np.float32)) + wrong
                if self._engine._fields.get("nan"):
                    target[:] = np.nan

            cuda.put(stream_handle, work)
            return True

        if version < (10,):

            def set_binding_shape(self, binding, shape):
                return self._set_shape(self._engine._number(binding), shape)

            def get_binding_shape(self, binding):
                return self._shape(self._engine._number(binding))

            def execute_async_v2(self, bindings, stream_handle):
                if len(bindings) != len(self._engine._tensors):
                    raise TypeError("%d bindings" % len(bindings))
                addresses = {self._engine._number(n): int(at) for n, at in enumerate(bindings)}
                return self._enqueue(addresses, stream_handle)

        if version >= (8, 5):

            def set_input_shape(self, name, shape):
                return self._set_shape(name, shape)

            def get_tensor_shape(self, name):
                return self._shape(name)

            def set_tensor_address(self, name, memory):
                self._engine._tensor(name)
                if type(memory) is not int:
                    raise TypeError("incompatible function arguments: memory is %r" % (memory,))
                self._addresses[name] = memory
                return True

            def execute_async_v3(self, stream_handle):
                return self._enqueue(self._addresses, stream_handle)

    def init_libnvinfer_plugins(logger, namespace):  # noqa: ARG001
        return True

    found = dict(locals())
    del found["Severity"]  # of ILogger
    if version < (8, 5):
        del found["TensorIOMode"]
    del found["version"], found["types"], found["severity"]
    return found


_NUMPY = {"FLOAT": np.float32, "HALF": np.float16, "INT32": np.int32, "INT8": np.int8}


def _array(address, shape, dtype):
    size = int(np.prod(shape)) * np.dtype(_NUMPY[dtype]).itemsize
    return cuda.bytes_at(address, size, "enqueue").view(_NUMPY[dtype]).reshape(shape)
