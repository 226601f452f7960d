"""The TensorRT builder, as a child process: `PYTHON trt_build_child.py`, request on stdin.

One file in the dialect of Python 3.6, for the interpreter that has TensorRT, which on the
original Jetson Nano is not the one that runs edgefer. It needs the standard library, tensorrt,
and pycuda to name the GPU. A process of its own, since a builder's memory comes back only with
its end, and since the kernel may kill it.

The request is one line of JSON; each line of the answer is one too: {"row": [severity, text]}
as TensorRT logs, and last {"done": ...} or {"fault": kind, "reason": text}.

Written against the real bindings of TensorRT 8.6 to 11.4; it has not run on a GPU.
"""

import sys

if __name__ == "__main__":
    sys.path.pop(0)  # this folder: what tensorrt imports must not be found here

import ctypes
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, Callable, Dict, TextIO

DTYPES = {
    "FLOAT": "float32",
    "HALF": "float16",
    "INT8": "int8",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "BOOL": "bool",
}
"""TensorRT's names -> NumPy's. `trt.nptype` fails with NumPy 1.24 to 1.26: it names np.bool."""

PR_SET_PDEATHSIG = 1

Tell = Callable[[Dict[str, Any]], None]


class Fault(Exception):
    """What ends the work; `kind` is parser, builder or plan."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def main() -> None:
    answer = _own_stdout()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer: it kills us
    _die_with_parent()

    def tell(record: Dict[str, Any]) -> None:
        answer.write(json.dumps(record) + "\n")
        answer.flush()

    request = json.loads(sys.stdin.readline())
    try:
        if request["do"] == "probe":
            done = probe()
        else:
            done = {"build": build, "layers": layers}[request["do"]](request, tell)
    except Fault as exc:
        tell({"fault": exc.kind, "reason": str(exc)})
    except OSError as exc:
        tell({"fault": "disk", "reason": exc.strerror or str(exc)})
    else:
        tell({"done": done})


def _own_stdout() -> TextIO:
    """The pipe to the parent; what libraries print goes to stderr from here on."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answer


def _die_with_parent() -> None:
    """A builder whose parent was killed would hold the GPU for minutes more."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def probe() -> Dict[str, Any]:
    """What is here: versions and the first GPU, or why they cannot be had."""
    facts = {"python": ".".join(map(str, sys.version_info[:3]))}  # type: Dict[str, Any]
    try:
        import tensorrt

        facts["tensorrt"] = tensorrt.__version__
    except (ImportError, OSError) as exc:
        facts["tensorrt_fault"] = str(exc)
    try:
        import pycuda.driver as cuda
    except (ImportError, OSError) as exc:
        facts["cuda_fault"] = str(exc)
        return facts
    try:
        cuda.init()
        device = cuda.Device(0)
        driver = cuda.get_driver_version()
        facts["cuda"] = f"{driver // 1000}.{driver % 1000 // 10}"
        facts["compute_capability"] = ".".join(map(str, device.compute_capability()))
        facts["device"] = device.name()
        count = cuda.device_attribute.MULTIPROCESSOR_COUNT
        facts["multiprocessors"] = int(device.get_attribute(count))
        facts["memory_bytes"] = int(device.total_memory())
    except (cuda.Error, RuntimeError) as exc:
        facts["cuda_fault"] = str(exc)
    return facts


def build(request: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """Write request["plan"] from request["onnx"]; gives its inputs, outputs and the seconds."""
    import tensorrt as trt

    began = time.time()
    logger = _logger(trt, tell)
    if hasattr(trt, "init_libnvinfer_plugins"):
        trt.init_libnvinfer_plugins(logger, "")  # 8.2 keeps InstanceNormalization there
    try:
        builder = trt.Builder(logger)
    except TypeError as exc:  # pybind11's word for a null pointer; the reason is in the log
        raise Fault("builder", "TensorRT's builder cannot be created") from exc
    bits = 0
    for name in request["creation_flags"]:
        # By name: the same bit means EXPLICIT_PRECISION in 8.x and STRONGLY_TYPED in 10.
        bits |= 1 << int(getattr(trt.NetworkDefinitionCreationFlag, name))
    network = builder.create_network(bits)
    _parse(trt, network, logger, request["onnx"])
    config = builder.create_builder_config()
    for name in request["builder_flags"]:
        config.set_flag(getattr(trt.BuilderFlag, name))
    if hasattr(config, "set_memory_pool_limit"):
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request["workspace_bytes"])
    else:  # before 8.4
        config.max_workspace_size = request["workspace_bytes"]
    _profile(builder, network, config, request)
    if request["cache_in"]:
        _load_cache(config, request["cache_in"])
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise Fault("builder", "TensorRT gave no plan")
    _write(request["plan"], plan)
    if request["cache_in"]:
        _write(request["cache_out"], config.get_timing_cache().serialize())
    inputs = [_tensor(network.get_input(i), "input") for i in range(network.num_inputs)]
    outputs = [_tensor(network.get_output(i), "output") for i in range(network.num_outputs)]
    return {"io": inputs + outputs, "seconds": round(time.time() - began, 3)}


def layers(request: Dict[str, Any], tell: Tell) -> Dict[str, Any]:
    """The names of the layers of request["plan"], as TensorRT fused them; it must belong here."""
    import pycuda.driver as cuda
    import tensorrt as trt

    cuda.init()
    context = cuda.Device(0).retain_primary_context()
    context.push()
    try:
        logger = _logger(trt, tell)
        if hasattr(trt, "init_libnvinfer_plugins"):
            trt.init_libnvinfer_plugins(logger, "")
        runtime = trt.Runtime(logger)
        engine = runtime.deserialize_cuda_engine(Path(request["plan"]).read_bytes())
        if engine is None:
            raise Fault("plan", "TensorRT does not take it")
        inspector = engine.create_engine_inspector()
        text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
        found = json.loads(text)["Layers"]
        del inspector, engine, runtime  # before the context that they live in
    finally:
        context.pop()
    return {"layers": [one if isinstance(one, str) else one.get("Name", "?") for one in found]}


# Any, from here on: TensorRT comes without types.
def _logger(trt: Any, tell: Tell) -> Any:
    class Rows(trt.ILogger):  # type: ignore[misc]
        """TensorRT's log, a row at a time: what went wrong is said nowhere else."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, msg: str) -> None:
            if severity.name != "VERBOSE":
                tell({"row": [severity.name, msg]})

    return Rows()


def _parse(trt: Any, network: Any, logger: Any, path: str) -> None:
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(Path(path).read_bytes()):
        errors = [parser.get_error(i) for i in range(parser.num_errors)]
        told = [f"node {error.node()}: {error.desc()}" for error in errors]
        raise Fault("parser", "; ".join(told) or "no reason given")


def _profile(builder: Any, network: Any, config: Any, request: Dict[str, Any]) -> None:
    """Batches from 1 to the most, timed for the best; none where every size is fixed."""
    dynamic = [network.get_input(i) for i in range(network.num_inputs)]
    dynamic = [tensor for tensor in dynamic if -1 in tuple(tensor.shape)]
    if not dynamic:
        return
    profile = builder.create_optimization_profile()
    face = tuple(request["face"])
    for tensor in dynamic:
        profile.set_shape(tensor.name, *[(batch, *face) for batch in request["batches"]])
    if config.add_optimization_profile(profile) < 0:
        raise Fault(
            "builder", "TensorRT refuses batches of {} to {}".format(*request["batches"][::2])
        )


def _load_cache(config: Any, path: str) -> None:
    """Times of earlier builds; what TensorRT cannot use of them is left out."""
    content = Path(path).read_bytes() if Path(path).exists() else b""
    cache = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _write(path: str, content: Any) -> None:
    with Path(path).open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _tensor(tensor: Any, kind: str) -> Dict[str, Any]:
    name = tensor.dtype.name
    return {
        "name": tensor.name,
        "kind": kind,
        "shape": [int(size) for size in tuple(tensor.shape)],
        "dtype": DTYPES.get(name, name),
    }


if __name__ == "__main__":
    main()
