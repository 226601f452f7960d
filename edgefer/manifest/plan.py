"""A plan as a file: its hash, the version in its header, and the command that builds it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from edgefer.errors import ModelError
from edgefer.files import sha256

MIB = 1 << 20
HEADER = 28
"""Bytes of a plan that hold its version, from TensorRT 8.6 on."""
Version = tuple[int, int, int, int]
"""Major, minor, patch, build."""

_VERSION = r"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?:\.([0-9]{1,4}))?(?:\.?post[0-9]+)?"


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as it lies on the disk, read without TensorRT."""

    path: Path
    bytes: int
    sha256: str
    header: Version | None
    """None before TensorRT 8.6, and for what is no plan."""


def read_plan(plan: Path) -> PlanFile:
    """The file's size, hash and header. Raises ModelError where it cannot be read, or is empty."""
    try:
        with plan.open("rb") as file:
            head = file.read(HEADER)
        digest, size = sha256(plan), plan.stat().st_size
    except OSError as exc:
        raise ModelError(f"cannot read {plan}: {exc.strerror}") from exc
    if not size:
        raise ModelError(
            f"{plan} is empty. Build it again: {compile_command(plan.with_suffix('.onnx'), plan)}"
        )
    return PlanFile(plan, size, digest, header_version(head))


def header_version(head: bytes) -> Version | None:
    """Of TensorRT, from a plan's first 28 bytes; None before 8.6, and for what is no plan.

    Source: what trtexec's --getPlanVersionOnly reads.
    """
    if len(head) < HEADER or head[:4] != b"ftrt" or head[4:8] != bytes(4):
        return None
    return head[24], head[25], head[26], head[27]


def version(text: str) -> tuple[int, ...] | None:
    """ "10.3.0.26" -> (10, 3, 0, 26); the build is left out where the text has none."""
    match = re.fullmatch(_VERSION, text)
    return tuple(int(part) for part in match.groups() if part is not None) if match else None


def same_version(one: tuple[int, ...] | None, other: tuple[int, ...] | None) -> bool:
    """As far as both say: TensorRT's Python side often names three of its four numbers. The
    header has a byte for each."""
    return one is not None and other is not None and all(
        a % 256 == b % 256 for a, b in zip(one, other, strict=False)
    )  # fmt: skip


def compile_command(onnx: Path, plan: Path) -> str:
    """For a shell; the defaults build for FP16 and up to 8 faces."""
    return f"edgefer compile {shlex.quote(str(onnx))} -o {shlex.quote(str(plan))}"


def size_text(size: int) -> str:
    """ "256MiB", or bytes where it is no whole number of them."""
    return f"{size // MIB}MiB" if size % MIB == 0 else str(size)
