"""Small files of the kernel, read as text or as a number."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

SYS = Path("/sys")
PROC = Path("/proc")


def text(path: Path) -> str:
    """A file's text without space around it; "" where it cannot be read."""
    try:
        return path.read_text(errors="replace").strip("\0 \n")
    except OSError:  # a sensor that is switched off answers with an error
        return ""


def number(path: Path) -> int | None:
    """A file's whole number; None where it cannot be read, or is none."""
    try:
        return int(text(path))
    except ValueError:
        return None


def free(name: str, taken: Collection[str]) -> str:
    """Two sensors of one name are told apart by a number."""
    if name not in taken:
        return name
    return next(f"{name} {n}" for n in range(2, 1000) if f"{name} {n}" not in taken)
