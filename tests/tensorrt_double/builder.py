"""The building half of the double: a network of names and shapes, and a "plan" that holds the
ONNX file, for the runtime half to run with ONNX Runtime.

The plan's form is `runtime.write_plan`'s. FP16 changes nothing in its numbers: what the double
says of a precision is which flags were set, and no more.

EDGEFER_TRT_DOUBLE_CALLS names a file to which calls of note are appended, a line each.
EDGEFER_TRT_DOUBLE_BUILD is what goes wrong: `killed` and `crash` end the process as the kernel
does, `hang` never ends, `none` gives no plan, `wrong=FILE` puts FILE's network into the plan,
`wrong-fp16=FILE` only where FP16 was asked for.

Where TensorRT refuses something that code could get wrong, the double refuses it too: an FP16
flag on a strongly typed network (TensorRT#4253), a free size without a profile, an implicit batch
before 10, an opset beyond 13 in 8.2.
"""

import enum
import os
import signal
import struct
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from .runtime import Recorded, write_plan

ONNX_TYPES = {1: "FLOAT", 10: "HALF", 3: "INT8", 6: "INT32", 9: "BOOL"}

Number = Tuple[int, ...]


class Enum(enum.Enum):
    """As pybind11's: `int(member)` and `.name`, but no arithmetic."""

    def __int__(self) -> int:
        return int(self.value)


def members(name: str, *names: str) -> Any:
    """An enum with these members, numbered from 0."""
    return Enum(name, [(member, n) for n, member in enumerate(names)])  # type: ignore[call-arg]


def names(number: Number, shared: Dict[str, Any]) -> Dict[str, Any]:
    """What `import tensorrt` of this version has for building; `shared` is the runtime's half."""
    flags = ["GPU_FALLBACK", "REFIT", "DEBUG", "DISABLE_TIMING_CACHE", "TF32"]
    if number < (11,):
        flags = ["FP16", "INT8", *flags]
    if number >= (8, 6):
        flags.append("VERSION_COMPATIBLE")
    creation = {
        8: ["EXPLICIT_BATCH", "EXPLICIT_PRECISION"],
        10: ["EXPLICIT_BATCH", "STRONGLY_TYPED"],
        11: ["PREFER_JIT_PYTHON_PLUGINS", "PREFER_AOT_PYTHON_PLUGINS", "STRONGLY_TYPED"],
    }[number[0]]
    kinds = [
        kind for kind, has in ((_Workspace, number < (10,)), (_Pools, number >= (8, 4))) if has
    ]
    made = {
        "BuilderFlag": members("BuilderFlag", *flags),
        "NetworkDefinitionCreationFlag": members("NetworkDefinitionCreationFlag", *creation),
        "IBuilderConfig": type("IBuilderConfig", (_Config, *kinds), {}),
    }  # type: Dict[str, Any]
    own = {"_number": number, "_names": {**shared, **made}}  # type: Dict[str, Any]
    if number < (11,):
        own["platform_has_fast_fp16"] = True
    made["Builder"] = type("Builder", (Builder,), own)
    made["OnnxParser"] = OnnxParser
    made["ParserError"] = ParserError
    made["INetworkDefinition"] = INetworkDefinition
    made["IOptimizationProfile"] = IOptimizationProfile
    made["ITimingCache"] = ITimingCache
    made["IHostMemory"] = IHostMemory
    made["ITensor"] = ITensor
    if number >= (8, 4):
        made["MemoryPoolType"] = members("MemoryPoolType", "WORKSPACE", "DLA_MANAGED_SRAM")
    return made


def called(text: str) -> None:
    """Append a line to the log of calls."""
    path = os.environ.get("EDGEFER_TRT_DOUBLE_CALLS")
    if path:
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text + "\n")


def fault() -> Tuple[str, str]:
    """What is to go wrong, and the file that it needs."""
    name, _, value = os.environ.get("EDGEFER_TRT_DOUBLE_BUILD", "").partition("=")
    return name, value


class IHostMemory(bytes):
    """Bytes that TensorRT owns."""

    @property
    def nbytes(self) -> int:
        return len(self)


class ITensor(Recorded):
    """A network's input or output."""

    def __init__(self, name: str, dtype: Any, shape: Tuple[int, ...]) -> None:
        self.name, self.dtype, self.shape = name, dtype, shape


class INetworkDefinition(Recorded):
    """What a parser filled in."""

    def __init__(self, names: Dict[str, Any], number: Number, flags: List[str]) -> None:
        self._names, self._number = names, number
        self._strong = number >= (11,) or "STRONGLY_TYPED" in flags
        self._explicit = number >= (10,) or "EXPLICIT_BATCH" in flags
        self._inputs = []  # type: List[ITensor]
        self._outputs = []  # type: List[ITensor]
        self._onnx = b""

    @property
    def num_inputs(self) -> int:
        return len(self._inputs)

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_input(self, index: int) -> ITensor:
        return self._inputs[index]

    def get_output(self, index: int) -> ITensor:
        return self._outputs[index]


class IOptimizationProfile(Recorded):
    """The shapes that one input may have."""

    def __init__(self) -> None:
        self._shapes = {}  # type: Dict[str, Tuple[Tuple[int, ...], ...]]

    # The real one's arguments are called min and max.
    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:  # noqa: A002
        self._shapes[input] = (tuple(min), tuple(opt), tuple(max))
        called("set_shape({}, {}, {}, {})".format(input, *self._shapes[input]))


class ITimingCache(Recorded):
    """How often a build has added to it stands for the times."""

    def __init__(self, content: bytes) -> None:
        self._builds = int(content[6:]) if content[:6] == b"cache " else 0
        self._usable = content[:6] == b"cache " or not content

    def serialize(self) -> IHostMemory:
        return IHostMemory(b"cache %d" % self._builds)


class _Config(Recorded):
    """What all versions' configurations have."""

    def __init__(self) -> None:
        self._flags = []  # type: List[str]
        self._profiles = []  # type: List[IOptimizationProfile]
        self._cache = None  # type: Optional[ITimingCache]

    def set_flag(self, flag: Any) -> None:
        self._flags.append(flag.name)
        called(f"set_flag({flag.name})")

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        ordered = all(
            a <= b <= c
            for shapes in profile._shapes.values()
            for a, b, c in zip(*shapes)  # noqa: B905 - new in 3.10
        )
        if not ordered:
            return -1
        self._profiles.append(profile)
        return len(self._profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> ITimingCache:
        return ITimingCache(bytes(serialized_timing_cache))

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch, "a cache of another GPU must not be used"
        if cache._usable:
            self._cache = cache
        return cache._usable

    def get_timing_cache(self) -> Optional[ITimingCache]:
        return self._cache


class _Workspace:
    @property
    def max_workspace_size(self) -> int:
        return self._workspace

    @max_workspace_size.setter
    def max_workspace_size(self, size: int) -> None:
        self._workspace = size
        called(f"max_workspace_size = {size}")


class _Pools:
    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        called(f"set_memory_pool_limit({pool.name}, {pool_size})")


class ParserError(Recorded):
    """Why a file was not parsed."""

    def __init__(self, node: int, desc: str) -> None:
        self._node, self._desc = node, desc

    def node(self) -> int:
        return self._node

    def desc(self) -> str:
        return self._desc

    def code(self) -> int:
        return 1


class OnnxParser(Recorded):
    """Reads inputs, outputs and the opset; nothing else of the graph is of interest here."""

    def __init__(self, network: INetworkDefinition, logger: Any) -> None:
        self._network, self._logger = network, logger
        self._errors = []  # type: List[ParserError]

    def parse(self, model: bytes, path: Optional[str] = None) -> bool:  # noqa: ARG002
        try:
            opset, inputs, outputs = graph(bytes(model))
        except (IndexError, ValueError, KeyError, struct.error):
            return self._fail("Failed to parse ONNX model")
        if not self._network._explicit:
            return self._fail("This version of the ONNX parser only supports explicit batch")
        last = 13 if self._network._number < (8, 4) else 20
        if opset > last:
            return self._fail(f"opset {opset} is newer than {last}, the last that is known")
        kinds = self._network._names["DataType"]
        self._network._inputs = [_tensor(kinds, *one) for one in inputs]
        self._network._outputs = [_tensor(kinds, *one) for one in outputs]
        self._network._onnx = bytes(model)
        return True

    def _fail(self, reason: str) -> bool:
        self._errors.append(ParserError(0, reason))
        return False

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        return self._errors[index]


def _tensor(kinds: Any, name: str, kind: int, shape: Tuple[int, ...]) -> ITensor:
    return ITensor(name, getattr(kinds, ONNX_TYPES[kind]), shape)


def _told(tensor: ITensor) -> List[Any]:
    return [tensor.name, list(tensor.shape), tensor.dtype.name]


class Builder(Recorded):
    """Makes networks, configurations, and plans of them."""

    _number = ()  # type: Number
    _names = None  # type: Any

    def __init__(self, logger: Any) -> None:
        self._logger = logger

    def create_network(self, flags: int = 0) -> INetworkDefinition:
        kinds = self._names["NetworkDefinitionCreationFlag"]
        given = [kind.name for kind in kinds if flags >> int(kind) & 1]
        called("create_network({})".format(", ".join(given)))
        return INetworkDefinition(self._names, self._number, given)

    def create_builder_config(self) -> Any:
        return self._names["IBuilderConfig"]()

    def create_optimization_profile(self) -> IOptimizationProfile:
        return IOptimizationProfile()

    def build_serialized_network(self, network: Any, config: Any) -> Optional[IHostMemory]:
        called("build_serialized_network")
        self._say("INFO", "[MemUsageChange] Init builder kernel library")
        name, value = fault()
        if name == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if name == "hang":
            self._say("WARNING", "the double was told to hang")
            signal.pause()
        half = "FP16" in config._flags
        if name == "none":
            self._say("ERROR", "[optimizer.cpp] Could not find any implementation for node Conv_0")
            return None
        if network._strong and half:
            self._say("ERROR", "[api] FP16 flag set on a strongly typed network")
            return None
        free = [tensor.name for tensor in network._inputs if -1 in tensor.shape]
        if free and not config._profiles:
            self._say("ERROR", "Network has dynamic or shape inputs, but no optimization profile")
            return None
        onnx = network._onnx
        half = half or (network._strong and half_weights(onnx))
        if name == "wrong" or (name == "wrong-fp16" and half):
            with open(value, "rb") as file:  # noqa: PTH123
                onnx = file.read()
        if config._cache is not None:
            config._cache._builds += 1
        batches = [1, 1, 1]
        if free:
            batches = [shape[0] for shape in config._profiles[0]._shapes[free[0]]]
        return IHostMemory(
            write_plan(
                self._number,
                [_told(tensor) for tensor in network._inputs],
                [_told(tensor) for tensor in network._outputs],
                batches,
                linear=_linear(onnx),
                onnx=onnx,
                capability=os.environ.get("EDGEFER_TRT_DOUBLE_CC", "5.3"),
            )
        )

    def _say(self, severity: str, text: str) -> None:
        self._logger.log(getattr(self._names["ILogger"], severity), text)


Field = Tuple[int, Union[int, bytes]]


def fields(message: bytes) -> Iterator[Field]:
    """Number and value of each field of a protobuf message.

    ONNX's own package does not exist for Python 3.6. Field numbers: onnx.proto.
    """
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            yield number, varint()
        elif wire in (1, 2, 5):
            length = {1: 8, 5: 4}.get(wire) or varint()
            if at + length > len(message):
                raise ValueError("cut off")
            yield number, message[at : at + length]
            at += length
        else:
            raise ValueError("no protobuf")


def _all(message: Any, number: int) -> List[Any]:
    return [value for field, value in fields(message) if field == number]


def graph(model: bytes) -> Tuple[int, List[Any], List[Any]]:
    """Opset, inputs and outputs, each a name, an element type and a shape."""
    (body,) = _all(model, 7)
    opsets = [_all(entry, 2)[0] for entry in _all(model, 8) if not any(_all(entry, 1))]
    weights = {name for tensor in _all(body, 5) for name in _all(tensor, 8)}
    inputs = [value for value in _all(body, 11) if _all(value, 1)[0] not in weights]
    return max(opsets), [_value(one) for one in inputs], [_value(one) for one in _all(body, 12)]


def half_weights(model: bytes) -> bool:
    """Whether a file holds weights of 16 bits: the type of a tensor is its field 2."""
    (body,) = _all(model, 7)
    return any(_all(tensor, 2) == [10] for tensor in _all(body, 5))


def _linear(model: bytes) -> Any:
    """The only matrix of a network, for where there is no ONNX Runtime; None where there are
    more, or none. TensorProto: dims 1, data_type 2, raw_data 9."""
    (body,) = _all(model, 7)
    tensors = [tensor for tensor in _all(body, 5) if len(_all(tensor, 1)) == 2]
    if len(tensors) != 1 or _all(tensors[0], 2) != [1]:
        return None
    rows, columns = _all(tensors[0], 1)
    values = struct.unpack("<%df" % (rows * columns), _all(tensors[0], 9)[0])
    return [values[columns * row : columns * (row + 1)] for row in range(rows)]


def _value(info: bytes) -> Tuple[str, int, Tuple[int, ...]]:
    (kind,) = _all(_all(info, 2)[0], 1)
    shape = _all(kind, 2)[0]
    sizes = [_all(dim, 1) for dim in _all(shape, 1)]
    return _all(info, 1)[0].decode(), _all(kind, 1)[0], tuple(s[0] if s else -1 for s in sizes)
