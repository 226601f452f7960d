"""Where a figure comes from: the machine, the versions, the commit."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

UNAVAILABLE = "unavailable"

PACKAGES = (
    "edgefer",
    "numpy",
    "opencv-python-headless",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
)


def environment() -> dict[str, object]:
    """What can be read of this machine; what cannot is "unavailable"."""
    return {
        "device": device(),
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": _field(Path("/proc/meminfo"), "MemTotal"),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "git": git_state(Path(__file__).parent),
    }


def command_line() -> tuple[str, ...]:
    """How this process was started, as one types it: without the folders of the interpreter and
    the program, and without the interpreter where the program is one by itself, as an installed
    `edgefer` is."""
    words = tuple(Path(word).name if n < 2 else word for n, word in enumerate(sys.orig_argv))
    by_itself = len(words) > 1 and not words[1].startswith("-") and not words[1].endswith(".py")
    return words[1:] if by_itself else words


def device() -> str:
    """The board's name, or the machine's."""
    for path in ("/proc/device-tree/model", "/sys/class/dmi/id/product_name"):
        try:
            if name := Path(path).read_text(encoding="utf-8").strip("\0 \n"):
                return name
        except OSError:
            continue
    return UNAVAILABLE


def _field(path: Path, name: str) -> str:
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    except OSError:
        pass
    return UNAVAILABLE


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return UNAVAILABLE


def git_state(folder: Path) -> str:
    """The commit of the checkout around `folder`, "+dirty" where tracked files differ."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        dirty = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+dirty" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return UNAVAILABLE
