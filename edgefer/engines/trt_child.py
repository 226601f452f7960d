"""Talking to the builder's process: requests out, rows of its log in, its death explained."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edgefer.engines.hosted_child import environment
from edgefer.engines.trt_flags import BuildError
from edgefer.engines.trt_room import memory, remedy
from edgefer.errors import EdgeferError, NotInstalled, OutputError
from edgefer.manifest import Here, size_text

CHILD = Path(__file__).with_name("trt_build_child.py")

Watch = Callable[[float, str, str], None]
"""Called with the seconds since the start, and a severity and row of TensorRT's log; once a
second with ("", "") where it is silent."""

TICK = 1.0
"""Seconds between two calls of a Watch at most."""
PROBE_TIMEOUT = 120.0
"""Seconds; importing TensorRT on a Nano takes some, a CUDA that hangs takes for ever."""
TAIL = 5
"""Rows of the log that an error repeats."""

REMEDY = (
    "On a Jetson it comes with JetPack (sudo apt install python3-libnvinfer) and is for the "
    'system\'s Python: name that one, [engine] python = "/usr/bin/python3", and give it PyCUDA '
    "(/usr/bin/python3 -m pip install pycuda). On x86: pip install 'edgefer[tensorrt]'. Or compile "
    "in the container, which has both: docker/compile.sh"
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a Python interpreter can build with; a fault is why it cannot."""

    here: Here
    python: str
    """Its version."""
    tensorrt_fault: str = ""
    cuda_fault: str = ""


def probe(python: str) -> Found:
    """What the interpreter `python` has. Raises NotInstalled where it does not start."""
    facts = ask(python, {"do": "probe"}, lambda *_: None, limit=PROBE_TIMEOUT)
    here = Here(
        tensorrt=facts.get("tensorrt"),
        cuda=facts.get("cuda"),
        compute_capability=facts.get("compute_capability"),
        device=facts.get("device"),
        multiprocessors=facts.get("multiprocessors"),
        memory_bytes=facts.get("memory_bytes"),
    )
    faults = (facts.get("tensorrt_fault", ""), facts.get("cuda_fault", ""))
    return Found(here, facts["python"], *faults)


def needed(python: str) -> Here:
    """The same where TensorRT, PyCUDA and a GPU are all there; else NotInstalled."""
    found = probe(python)
    if found.tensorrt_fault:
        if "libnv" in found.tensorrt_fault:
            raise NotInstalled(
                f"TensorRT's Python side is in {python}, but not its libraries "
                f"({found.tensorrt_fault}). Install them (apt install libnvinfer-bin), or in a "
                "container run it with --runtime nvidia, which brings them on JetPack 4"
            )
        raise NotInstalled(f"{python} has no TensorRT ({found.tensorrt_fault}). {REMEDY}")
    if found.cuda_fault:
        raise NotInstalled(
            f"{python} cannot use a GPU ({found.cuda_fault}). A plan is timed on the GPU that will "
            f"run it. PyCUDA: {python} -m pip install numpy pycuda. In a container: "
            "--runtime nvidia"
        )
    return found.here


def layers(python: str, plan: Path) -> tuple[str, ...]:
    """The names of a plan's layers, as TensorRT fused them. `plan` must belong on this device: it
    is given to TensorRT. Raises BuildError where that does not take it."""
    request = {"do": "layers", "plan": str(plan.absolute())}
    found = ask(python, request, lambda *_: None, limit=PROBE_TIMEOUT)["layers"]
    return tuple("".join(map(_plain, name)) for name in found)


def _plain(letter: str) -> str:
    """A name comes from the ONNX file, and could speak to the terminal."""
    return letter if letter.isprintable() else " "


# Any: JSON, whose values the callers know.
def ask(
    python: str, request: dict[str, Any], watch: Watch, limit: float | None = None
) -> dict[str, Any]:
    """What the child answers. It is gone when this returns or raises, whatever happens.

    Raises BuildError where it is killed, crashes or refuses, OutputError where it cannot write,
    and NotInstalled where `python` does not start.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            child = subprocess.Popen(
                [python, str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is ours to answer
                env=environment(),
            )
        except OSError as exc:
            raise NotInstalled(
                f"cannot start {python}: {exc.strerror}. Name a Python that has TensorRT: "
                '[engine] python = "/usr/bin/python3"'
            ) from exc
        try:
            return _converse(child, request, watch, limit, errors)
        finally:
            child.kill()
            for pipe in (child.stdin, child.stdout):
                if pipe and not pipe.closed:
                    pipe.close()
            child.wait()


def _converse(
    child: subprocess.Popen[bytes],
    request: dict[str, Any],
    watch: Watch,
    limit: float | None,
    errors: BinaryIO,
) -> dict[str, Any]:
    assert child.stdin is not None
    assert child.stdout is not None
    began = time.perf_counter()
    rows: deque[str] = deque(maxlen=TAIL)
    try:
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        pass  # it died at once; its status says how
    buffer = b""
    while True:
        readable, _, _ = select.select([child.stdout], [], [], TICK)
        elapsed = time.perf_counter() - began
        if limit is not None and elapsed > limit:
            raise BuildError(f"{child.args[0]!r} gave no answer in {limit:.0f} s: CUDA hangs. "  # type: ignore[index]
                             "Restart the device, or look at dmesg")  # fmt: skip
        if not readable:
            watch(elapsed, "", "")
            continue
        block = os.read(child.stdout.fileno(), 1 << 16)
        if not block:
            raise _died(child, request, rows, errors)
        *lines, buffer = (buffer + block).split(b"\n")
        for line in lines:
            answer = json.loads(line)
            if "done" in answer:
                done: dict[str, Any] = answer["done"]
                return done
            if "fault" in answer:
                raise _refused(answer["fault"], answer["reason"], request, rows)
            severity, row = answer["row"]
            row = "".join(map(_plain, row))
            if severity in ("INTERNAL_ERROR", "ERROR", "WARNING"):
                rows.append(f"{severity.lower()}: {row}")
            watch(elapsed, severity, row)


def _refused(kind: str, reason: str, request: dict[str, Any], rows: deque[str]) -> EdgeferError:
    told = "".join(f"\n  {row}" for row in rows)
    match kind:
        case "disk":
            return OutputError(f"the builder cannot write: {reason}")
        case "parser":
            return BuildError(f"TensorRT cannot read {request['onnx']}: {reason}{told}")
        case "plan":
            return BuildError(f"{request['plan']}: {reason}{told}")
    workspace = size_text(request["workspace_bytes"])
    return BuildError(
        f"{reason} for {request['onnx']}{told or '; it did not say why'}\nWhere it names memory or "
        f"a tactic, give it another --workspace (it had {workspace})"
    )


def _died(
    child: subprocess.Popen[bytes], request: dict[str, Any], rows: deque[str], errors: BinaryIO
) -> EdgeferError:
    """Why the child ended without an answer."""
    status = child.wait()
    workspace = request.get("workspace_bytes", 0)
    if status == -signal.SIGKILL and workspace:
        found = memory()
        total, swap = (found.get(name, 0) >> 20 for name in ("MemTotal", "SwapTotal"))
        return BuildError(
            "the builder was killed (signal 9): that is the kernel's OOM killer, which ends what "
            f"takes the most memory. There are {total} MiB of memory and {swap} MiB of swap here; "
            f"the workspace was {size_text(workspace)}. {remedy(workspace)}"
        )
    errors.seek(0)
    printed = errors.read()[-2000:].decode(errors="replace").strip().splitlines()[-TAIL:]
    told = "".join(f"\n  {row}" for row in (*rows, *printed))
    if status < 0:
        how = f"was ended by signal {-status} ({signal.Signals(-status).name})"
    else:
        how = f"ended with status {status}"
    return BuildError(f"the process that runs TensorRT {how}{told or ', without a word'}")
