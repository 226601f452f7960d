"""Whether a build has room: memory and swap, disk, and a folder that takes files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from edgefer.engines.trt_flags import BuildError
from edgefer.errors import OutputError
from edgefer.manifest import size_text

MIB = 1 << 20

LIBRARIES = 768 * MIB
"""About what the CUDA and TensorRT libraries and their context take: an estimate, and meant low,
so that no build is refused that could have been done."""
SMALL = 8 << 30
"""Bytes of memory below which a build without swap is warned of."""

MEMINFO = Path("/proc/meminfo")


def memory(meminfo: Path = MEMINFO) -> dict[str, int]:
    """MemTotal, MemAvailable, SwapTotal and SwapFree in bytes; those that can be read."""
    wanted = ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
    found = {}
    try:
        lines = meminfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    for line in lines:
        name, _, value = line.partition(":")
        if name in wanted and value.split()[:1]:
            found[name] = int(value.split()[0]) * 1024
    return found


def check_memory(onnx_bytes: int, workspace: int, meminfo: Path = MEMINFO) -> str:
    """Raises BuildError where memory and swap together are surely too little; gives a warning where
    there is little and no swap, else "". What cannot be read is not judged."""
    found = memory(meminfo)
    if not {"MemAvailable", "SwapFree"} <= found.keys():
        return ""
    have = found["MemAvailable"] + found["SwapFree"]
    # The parser and the builder each hold the weights, and the plan holds them once more.
    need = LIBRARIES + workspace + 3 * onnx_bytes
    if have < need:
        raise BuildError(
            f"{have // MIB} MiB of memory and swap are free; building takes {need // MIB} MiB or "
            f"more. {remedy(workspace)}"
        )
    if not found.get("SwapTotal") and found.get("MemTotal", SMALL) < SMALL:
        return (
            f"this device has {found['MemTotal'] // MIB} MiB of memory and no swap: the kernel may "
            f"kill the build. {remedy(workspace)}"
        )
    return ""


def remedy(workspace: int) -> str:
    """What to do where memory does not suffice."""
    less = size_text(max(workspace // 2 // MIB, 16) * MIB)
    return (
        f"Add swap (fallocate -l 4G /swapfile; chmod 600 /swapfile; mkswap /swapfile; "
        f"swapon /swapfile), give the builder less (--workspace {less}, --max-batch 1), and stop "
        "the desktop (systemctl isolate multi-user.target)"
    )


def check_disk(plan: Path, onnx_bytes: int) -> None:
    """Raises OutputError where `plan` cannot be written, or its disk is nearly full."""
    folder = plan.absolute().parent
    if plan.is_dir():
        raise OutputError(f"cannot write {plan}: it is a folder. Name a file with -o")
    if not folder.is_dir():
        raise OutputError(f"cannot write {plan}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {plan}: {folder} may not be written to. Choose another -o")
    free = shutil.disk_usage(folder).free
    # Two candidates of --precision best, each at most about the weights and their kernels.
    need = 2 * onnx_bytes + 16 * MIB
    if free < need:
        raise OutputError(
            f"{folder} has {free // MIB} MiB left; building takes {need // MIB} MiB. Make room, or "
            "choose another -o"
        )
