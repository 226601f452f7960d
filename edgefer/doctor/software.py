"""What is installed: Python, TensorRT, PyCUDA, ONNX Runtime, OpenCV, and whether each loads; and
what the daemon needs."""

from __future__ import annotations

import json
import platform
import re
import signal
from pathlib import Path
from typing import Any

from edgefer import __version__
from edgefer.doctor.finding import Finding, Topic, listed
from edgefer.doctor.machine import SYSTEM_PYTHON, Machine
from edgefer.doctor.probe import DISTRIBUTIONS

topic = Topic("software")

PROBE = Path(__file__).with_name("probe.py")

UNITS = tuple(
    f"{place}/systemd/system/edgefer.service"
    for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
"""Where systemd looks (systemd.unit(5))."""

# Any: the probe's JSON.
Report = dict[str, Any]


def python(machine: Machine) -> list[Finding]:
    """This Python and this edgefer."""
    return [
        topic.ok("edgefer", __version__),
        topic.ok("Python", f"{platform.python_version()}, {machine.python}"),
    ]


def tensorrt(machine: Machine) -> list[Finding]:
    """TensorRT's bindings and libraries, in this Python and in the system's."""
    own = _probe(machine, machine.python, "tensorrt")
    findings = [_tensorrt(machine, "TensorRT", own)]
    if machine.python == SYSTEM_PYTHON or not machine.there(SYSTEM_PYTHON):
        return findings
    other = _probe(machine, SYSTEM_PYTHON, "tensorrt")
    if _absent(other, "tensorrt"):
        if _absent(own, "tensorrt") and machine.jetson:
            remedy = "sudo apt install python3-libnvinfer tensorrt"
            text = f"no bindings in {SYSTEM_PYTHON}: plans cannot run"
            findings.append(topic.note("system TensorRT", text, remedy))
        return findings
    found = _tensorrt(machine, "system TensorRT", other)
    if found.state == "ok":
        use = "" if "version" in own else ", for [engine] python"
        text = f"{found.text} in {SYSTEM_PYTHON} ({other['python']}){use}"
        found = topic.ok("system TensorRT", text)
    return [*findings, found]


def _tensorrt(machine: Machine, name: str, report: Report) -> Finding:
    if "version" in report:
        return topic.ok(name, str(report["version"]))
    if "fault" in report:
        return topic.unavailable(name, report["fault"])
    if _absent(report, "tensorrt"):
        if machine.jetson:
            return topic.note(name, "not in this Python; the engine host uses the system's")
        remedy = "pip install tensorrt pycuda" if machine.nvidia else ""
        return topic.note(name, "not installed; .onnx models run without it", remedy)
    error = str(report["error"])
    bindings = next(iter(report.get("installed", {}).values()), "")
    have = f"bindings {bindings} are here" if bindings else "the bindings are here"
    if library := missing_library(error):
        remedy = library_remedy(machine, library)
        if "file too short" in error:
            return topic.problem(name, f"{have}, but {library} is an empty file", remedy)
        return topic.problem(name, f"{have}, but {library} is not", remedy)
    return topic.problem(name, f"{have}, but do not load: {first_line(error)}", _reinstall(machine))


def pycuda(machine: Machine) -> list[Finding]:
    """PyCUDA and the GPU it sees; where TensorRT is the system Python's, so is PyCUDA."""
    report = _probe(machine, machine.python, "pycuda")
    where, name = machine.python, "PyCUDA"
    system = machine.python != SYSTEM_PYTHON and machine.there(SYSTEM_PYTHON)
    if machine.jetson and system and _absent(report, "pycuda"):
        report, where = _probe(machine, SYSTEM_PYTHON, "pycuda"), SYSTEM_PYTHON
    if "fault" in report and "version" not in report:
        return [topic.unavailable(name, report["fault"])]
    if _absent(report, "pycuda"):
        remedy = f"{where} -m pip install pycuda" if machine.nvidia else ""
        return [topic.note(name, "not installed; only TensorRT needs it", remedy)]
    if "error" in report:
        error = str(report["error"])
        library = missing_library(error)
        remedy = library_remedy(machine, library) if library else f"{where} -m pip install pycuda"
        return [topic.problem(name, first_line(error), remedy)]
    at = f" in {where}" if where != machine.python else ""
    if "gpu" in report:
        gpu = f"{report['gpu']}, compute capability {report['capability']}"
        return [topic.ok(name, f"{report['version']}{at}: {gpu}")]
    remedy = _runtime(machine) if machine.container else "nvidia-smi"
    if machine.jetson and not machine.container:
        remedy = 'sudo usermod -aG video "$USER"   # then log in again'
    text = f"{report['version']}{at} finds no GPU: {first_line(str(report.get('fault')))}"
    return [topic.problem(name, text, remedy)]


def onnxruntime(machine: Machine) -> list[Finding]:
    """ONNX Runtime: one of the two packages, and the providers that really work."""
    name = "ONNX Runtime"
    report = _probe(machine, machine.python, "onnxruntime")
    installed: dict[str, str] = report.get("installed", {})
    pip = f"{machine.python} -m pip"
    if len(installed) == 2:
        # Both write the same files: removing one takes some of the other's with it.
        keep, go = ("onnxruntime-gpu", "onnxruntime")
        if not machine.nvidia or machine.jetson:
            keep, go = go, keep
        text = f"{' and '.join(installed)} overwrite each other's files; {go} has to go"
        remedy = (
            f"{pip} uninstall -y {go} && "
            f"{pip} install --force-reinstall --no-deps {keep}=={installed[keep]}"
        )
        return [topic.problem(name, text, remedy)]
    if "fault" in report:
        return [topic.unavailable(name, report["fault"])]
    if _absent(report, "onnxruntime"):
        return [
            topic.problem(
                name, "not installed: no .onnx model runs", f"{pip} install 'edgefer[cpu]'"
            )
        ]
    if "error" in report:
        said = first_line(str(report["error"]))
        package = next(iter(installed), "onnxruntime")
        return [topic.problem(name, said, f"{pip} install --force-reinstall {package}")]
    names = [p.removesuffix("ExecutionProvider") for p in report["listed"]]
    usable = [p.removesuffix("ExecutionProvider") for p in report["usable"]]
    text = f"{report['version']}, usable: {listed(usable)} (listed: {listed(names)})"
    if "CUDA" in names and "CUDA" not in usable:
        remedy = (
            "pip install 'edgefer[cpu]'"
            if not machine.nvidia
            else (f"{pip} install 'onnxruntime-gpu[cuda,cudnn]'")
        )
        return [topic.problem(name, f"{text}: CUDA does not start", remedy)]
    if not usable:
        remedy = f"{pip} install --force-reinstall {next(iter(installed), 'onnxruntime')}"
        return [topic.problem(name, text, remedy)]
    return [topic.ok(name, text)]


def opencv(machine: Machine) -> list[Finding]:
    """OpenCV; from version 5 on it has no Haar cascades, so that YuNet has to be there."""
    report = _probe(machine, machine.python, "cv2")
    pip = f"{machine.python} -m pip install"
    older = f"{pip} 'opencv-python-headless<5'"
    if "fault" in report:
        return [topic.unavailable("OpenCV", report["fault"])]
    if "error" in report:
        return [topic.problem("OpenCV", first_line(str(report["error"])), older)]
    if report["haar"]:
        return [topic.ok("OpenCV", str(report["version"]))]
    text = f"{report['version']} has no Haar cascades: only YuNet finds faces"
    return [topic.note("OpenCV", text, older)]


def service(machine: Machine) -> list[Finding]:
    """The packages of `edgefer daemon`, and whether systemd knows its unit."""
    report = _probe(machine, machine.python, "daemon")
    if "fault" in report:
        return [topic.unavailable("daemon", report["fault"])]
    unit = "the unit is" if any(map(machine.there, UNITS)) else "no unit is"
    if missing := [name for name in DISTRIBUTIONS["daemon"] if name not in report["installed"]]:
        text = f"{listed(missing)} not installed; {unit} installed"
        remedy = f"{machine.python} -m pip install 'edgefer[daemon]'"
        return [topic.note("daemon", text, remedy)]
    return [topic.ok("daemon", f"its packages are installed, {unit} installed")]


def _probe(machine: Machine, python: str, module: str) -> Report:
    """What probe.py says of `module`; `fault` where it said nothing."""
    own = [str(PROBE.parents[2])] if python == machine.python else []
    ran = machine.ask(python, str(PROBE), module, *own)
    try:
        report: Report = json.loads(ran.out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        report = {}
    if ran.fault:
        return {**report, "fault": ran.fault}
    if ran.code == -signal.SIGILL:
        guard = "set OPENBLAS_CORETYPE=ARMV8" if machine.jetson else "wrong build for this CPU"
        return {**report, "error": f"illegal instruction ({guard})"}
    if ran.code != 0 or not report:
        said = first_line(ran.err.strip()) or "nothing"
        return {**report, "fault": f"{python} ended with status {ran.code} and said {said}"}
    return report


def _absent(report: Report, module: str) -> bool:
    """The module is not installed; not: something that it needs is not."""
    missing = report.get("absent")
    return missing is not None and missing in (module, f"{module}_bindings")


def missing_library(error: str) -> str | None:
    """The library that a loader's message says is missing, or there in name only."""
    found = re.search(r"(lib[\w.+-]+\.so[\d.]*): (?:cannot open|file too short)", error)
    return found[1] if found else None


def library_remedy(machine: Machine, library: str) -> str:
    """The command that brings `library`."""
    stem, _, version = library.partition(".so")
    major = version.strip(".").partition(".")[0]
    if machine.container and (machine.jetson or stem == "libcuda"):
        return _runtime(machine)  # it mounts the host's
    packages = {
        "libnvinfer": f"libnvinfer{major}",
        "libnvinfer_plugin": f"libnvinfer-plugin{major}",
        "libnvonnxparser": f"libnvonnxparsers{major}",
        "libnvparsers": f"libnvparsers{major}",
    }
    if stem in packages:
        if machine.jetson:
            return f"sudo apt install {packages[stem]}"
        return f"pip install 'tensorrt=={major}.*'   # or: sudo apt install {packages[stem]}"
    if stem == "libcuda":
        driver = "nvidia-l4t-cuda" if machine.jetson else "nvidia-driver"
        return f"sudo apt install {driver}"
    if machine.jetson:
        return "sudo apt install nvidia-jetpack   # CUDA and cuDNN"
    return f"sudo apt install cuda-toolkit   # or the package that has {library}"


def _reinstall(machine: Machine) -> str:
    if machine.jetson and machine.container:
        return _runtime(machine)
    if machine.jetson:
        return "sudo apt install --reinstall tensorrt python3-libnvinfer"
    return "pip install --force-reinstall tensorrt"


def _runtime(machine: Machine) -> str:
    return f"docker run {'--runtime nvidia' if machine.jetson else '--gpus all'} ..."


def first_line(text: str) -> str:
    """The last line of a traceback is what matters; of anything else, the first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1] if lines[0].startswith("Traceback") else lines[0]
