"""Run by the doctor as a program of its own, under any Python since 3.6: what one module says.

    python probe.py MODULE [FOLDER]    prints lines of JSON; the last one counts

FOLDER is where edgefer's own packages are, which PREFIX/bin/edgefer alone knows of.

A module may crash, hang or print while it is imported; here it takes nothing else with it.
"""

# ruff: noqa: UP006, UP035 - the system's Python on a Jetson Nano is 3.6
import base64
import contextlib
import json
import os
import sys

# By name: the doctor may not depend on a runtime, it only asks whether one is there.
from importlib import import_module
from typing import Any, Dict

RELU = "CAc6MwoMCgF4EgF5IgRSZWx1EgFnWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQDQ=="
"""An ONNX model of one Relu over one float (opset 13), to open a session with."""


def versions(*names: str) -> Dict[str, str]:
    """The installed distributions among `names`, with their versions."""
    try:
        metadata = import_module("importlib.metadata")
    except ImportError:  # Python 3.6 and 3.7
        return {}
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def tensorrt() -> Dict[str, Any]:
    try:
        trt = import_module("tensorrt")
    except ImportError as exc:
        if exc.name != "tensorrt":
            raise
        trt = import_module("tensorrt_bindings")
    return {"version": trt.__version__}


def pycuda() -> Dict[str, Any]:
    cuda = import_module("pycuda.driver")
    found = {"version": import_module("pycuda").VERSION_TEXT}
    try:
        cuda.init()
        first = cuda.Device(0)
        found["gpu"] = first.name()
        found["capability"] = ".".join(map(str, first.compute_capability()))
    except (cuda.Error, RuntimeError) as exc:
        found["fault"] = str(exc)
    return found


def onnxruntime() -> Dict[str, Any]:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as in engines/session.py
    ort = import_module("onnxruntime")
    listed = ort.get_available_providers()
    usable = []
    for provider in ("CUDAExecutionProvider", "CPUExecutionProvider"):
        if provider not in listed:
            continue
        options = ort.SessionOptions()
        options.log_severity_level = 4
        if provider != "CPUExecutionProvider":
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        # Each of its statuses is an exception of its own, without a common parent.
        with contextlib.suppress(Exception):
            session = ort.InferenceSession(base64.b64decode(RELU), options, providers=[provider])
            # It may take the CPU without a word: only this list is to be believed.
            if session.get_providers()[0] == provider:
                usable.append(provider)
    return {"version": ort.__version__, "listed": listed, "usable": usable}


def cv2() -> Dict[str, Any]:
    opencv = import_module("cv2")
    return {"version": opencv.__version__, "haar": hasattr(opencv, "CascadeClassifier")}


def daemon() -> Dict[str, Any]:
    return {}  # its packages have no hardware to look for: that they are installed is enough


ASKED = {
    "daemon": daemon,
    "tensorrt": tensorrt,
    "pycuda": pycuda,
    "onnxruntime": onnxruntime,
    "cv2": cv2,
}

DISTRIBUTIONS = {
    "daemon": ("paho-mqtt", "prometheus-client", "httpx", "starlette", "uvicorn"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "tensorrt": ("tensorrt", "tensorrt-bindings", "tensorrt-cu12-bindings",
                 "tensorrt-cu13-bindings"),
}  # fmt: skip


def main(name: str, *folders: str) -> None:
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    report = {"python": ".".join(map(str, sys.version_info[:3]))}  # type: Dict[str, Any]
    report["installed"] = versions(*DISTRIBUTIONS.get(name, ()))
    # Said before the import: it may be killed for taking too long, or crash.
    print("\n" + json.dumps(report), flush=True)
    try:
        report.update(ASKED[name]())
    except Exception as exc:  # noqa: BLE001 - whatever it raises is what was asked for
        report["error"] = f"{type(exc).__name__}: {exc}"
        report["absent"] = exc.name if isinstance(exc, ModuleNotFoundError) else None
    print("\n" + json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
