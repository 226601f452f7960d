"""The machine as the checks see it: files under a root, programs, permissions, free space.

Everything a check asks goes through `Machine`, so that any device can be laid out as a folder.
Nothing here imports numpy, OpenCV or a runtime: a doctor must not die of what the patient has.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from edgefer.config import model_folder

TIMEOUT = 3.0
"""Seconds that one program may take; then it is killed, with all it started."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""Where JetPack puts its TensorRT bindings."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended."""

    code: int = 0
    out: str = ""
    err: str = ""
    fault: str = ""
    """Why it did not run to its end; empty where it did. `out` is what it said before."""


class Run(Protocol):
    """Runs a program for at most `timeout` seconds; never raises for what the program does."""

    def __call__(self, command: Sequence[str], timeout: float) -> Ran: ...


def run(command: Sequence[str], timeout: float) -> Ran:
    """Run `command` without input, in a session of its own, which is killed after `timeout`."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as exc:
        return Ran(fault=f"{command[0]} is not here" if exc.errno == 2 else f"{exc.strerror}")
    with process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as exc:
            said = (exc.output or b"").decode(errors="replace")
            return Ran(out=said, fault=_kill(process, command[0], timeout))
    return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def _kill(process: subprocess.Popen[bytes], name: str, timeout: float) -> str:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # One that sleeps inside a driver does not die; waiting for it would hang the doctor too.
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=0.2)
    # `with process` would wait for ever; a code stops it from doing so.
    if process.returncode is None:
        process.returncode = -signal.SIGKILL
    return f"{Path(name).name} gave no answer within {timeout:.1f} s and was killed"


def may_use(path: Path) -> bool:
    """Whether this user may read and write it."""
    return os.access(path, os.R_OK | os.W_OK)


def free_bytes(path: Path) -> int | None:
    """Bytes that this user may still write where `path` is, or will be; None if unknown."""
    for place in (path, *path.parents):
        with suppress(OSError):
            stat = os.statvfs(place)
            return stat.f_bavail * stat.f_frsize
    return None


@dataclass(frozen=True)
class Machine:
    """What the checks may ask. All answers are text; what cannot be read is None."""

    root: Path = Path("/")
    run: Run = run
    may_use: Callable[[Path], bool] = may_use
    free_bytes: Callable[[Path], int | None] = free_bytes
    administrator: bool = field(default_factory=lambda: os.geteuid() == 0)
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    models: Path = field(default_factory=model_folder)
    ends: float = field(default_factory=lambda: time.monotonic() + 9.0)
    """On time.monotonic(): no program is started after it, and none runs longer."""

    def at(self, path: str) -> Path:
        """`path`, which is absolute, under the root."""
        return self.root / path.lstrip("/")

    def there(self, path: str) -> bool:
        try:
            return self.at(path).exists()
        except OSError:
            return False

    def glob(self, pattern: str) -> list[Path]:
        """Sorted by name; numbers in it count as numbers, so video2 goes before video10."""
        found = self.root.glob(pattern.lstrip("/"))
        return sorted(found, key=lambda p: (len(p.name), p.name, str(p)))

    def read(self, path: str | Path) -> str | None:
        """A small file's text without NULs and space around it; None where it cannot be read."""
        where = path if isinstance(path, Path) else self.at(path)
        try:
            return where.read_bytes()[:1_000_000].decode(errors="replace").strip("\0 \n")
        except OSError:
            return None

    def number(self, path: str | Path) -> int | None:
        """A file's whole number; None where it cannot be read, or is none."""
        try:
            return int(self.read(path) or "")
        except ValueError:
            return None

    def ask(self, *command: str) -> Ran:
        """Run a program; `fault` says so where the time for all of them is up."""
        left = min(TIMEOUT, self.ends - time.monotonic())
        if left <= 0:
            return Ran(fault="not asked: the time for all checks was up")
        return self.run(command, left)

    @property
    def jetson(self) -> bool:
        """An NVIDIA Tegra board, or a container on one."""
        compatible = self.read("/proc/device-tree/compatible") or ""
        # Docker hides the device tree; the memory allocator's node is Tegra's alone.
        signs = ("/etc/nv_tegra_release", "/dev/nvmap")
        return "nvidia,tegra" in compatible or any(map(self.there, signs))

    @property
    def container(self) -> bool:
        return self.there("/.dockerenv") or self.there("/run/.containerenv")

    @property
    def nvidia(self) -> bool:
        """An NVIDIA GPU's driver shows its nodes."""
        return any(
            self.there(node)
            for node in ("/dev/nvidia0", "/dev/nvhost-gpu", "/dev/nvgpu", "/dev/nvmap")
        )
