"""What `edgefer inspect` says of a TensorRT plan, with TensorRT or without."""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from edgefer.cli.lines import lines, spec_lines
from edgefer.config import EngineConfig
from edgefer.engines import interpreter
from edgefer.engines.trt_child import Found, layers, probe
from edgefer.errors import EdgeferError, ModelError, NotInstalled
from edgefer.manifest import (
    UNAVAILABLE,
    Here,
    Mismatch,
    PlanFile,
    PlanManifest,
    TensorIO,
    mismatches,
    read_manifest,
    read_plan,
    rebuild_command,
    size_text,
)
from edgefer.tables import counted

SHOWN = 20
"""Layers that are listed; --json has them all."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that can be known of a plan here."""

    file: PlanFile
    manifest: PlanManifest | None
    here: Here
    differences: tuple[Mismatch, ...]
    layers: tuple[str, ...] | None
    """None where TensorRT was not asked: it is not here, or the plan does not belong here."""
    fault: EdgeferError | None
    """Why it cannot be used here."""


def inspect_plan(path: Path, args: argparse.Namespace) -> int:
    """Print; gives the exit code: 0 where the plan can be used here, 5 where it does not belong
    here, 8 where only TensorRT or a GPU is missing."""
    facts = _facts(path, args.python or interpreter(EngineConfig()))
    print(_json(facts) if args.json else _text(facts))
    return facts.fault.exit_code if facts.fault else 0


def _facts(path: Path, python: str) -> Facts:
    file, found = read_plan(path), _probed(python)
    try:
        manifest = read_manifest(path)
    except ModelError as exc:
        return Facts(file, None, found.here, (), None, exc)
    differences = mismatches(manifest, found.here, file)
    fatal = [one for one in differences if one.fatal]
    fault: EdgeferError | None = None
    names = None
    absent = {"TensorRT"} if found.here.tensorrt is None else set()
    absent |= {"compute capability"} if found.here.compute_capability is None else set()
    if fatal and absent.issuperset(one.what for one in fatal):
        missing = found.tensorrt_fault or found.cuda_fault
        fault = NotInstalled(f"{python} cannot run a plan: {missing}. See: edgefer doctor")
    elif fatal:
        fault = ModelError(
            "it does not belong here. Build it on this device: " + rebuild_command(manifest, path)
        )
    else:
        try:
            names = layers(python, path)
        except EdgeferError as exc:
            fault = exc
    return Facts(file, manifest, found.here, differences, names, fault)


def _probed(python: str) -> Found:
    try:
        return probe(python)
    except EdgeferError as exc:  # no such Python, or one that hangs in CUDA
        return Found(Here(), "", str(exc), str(exc))


def _json(facts: Facts) -> str:
    record = {
        "path": str(facts.file.path),
        "file": {
            "bytes": facts.file.bytes,
            "sha256": facts.file.sha256,
            "header": _version(facts.file),
        },
        "manifest": dataclasses.asdict(facts.manifest) if facts.manifest else None,
        "here": dataclasses.asdict(facts.here),
        "differences": [dataclasses.asdict(one) for one in facts.differences],
        "layers": facts.layers,
        "fault": str(facts.fault) if facts.fault else None,
    }
    return json.dumps(record, indent=2)


def _text(facts: Facts) -> str:
    file, here = facts.file, facts.here
    parts = [
        str(file.path),
        lines(
            ("sha256", file.sha256),
            ("size", f"{file.bytes:,} bytes"),
            ("header", _version(file) or "none: built before TensorRT 8.6, or no plan"),
        ),
    ]
    if facts.manifest:
        parts += ["", _manifest(facts.manifest), spec_lines(facts.manifest.spec)]
    parts += [
        "\nhere",
        lines(
            ("TensorRT", here.tensorrt or "none"),
            ("GPU", f"{here.device}, compute capability {here.compute_capability}"
             if here.device else "none that can be used"),
        ),
    ]  # fmt: skip
    for one in facts.differences:
        parts.append(f"  {'refused' if one.fatal else 'differs, without harm'}: {one}")
    if facts.layers is not None:
        rest = len(facts.layers) - SHOWN
        parts += [
            "\n" + counted(len(facts.layers), "layer"),
            *(f"  {one}" for one in facts.layers[:SHOWN]),
        ]
        parts += [f"  and {rest} more (--json)"] if rest > 0 else []
    parts += [f"\nnot usable here: {facts.fault}" if facts.fault else "\nusable here"]
    return "\n".join(parts)


def _manifest(manifest: PlanManifest) -> str:
    workspace = size_text(manifest.workspace_bytes)
    l4t = f", L4T {manifest.l4t}" if manifest.l4t != UNAVAILABLE else ""
    kinds = ("input", "output")
    return lines(
        ("built from", f"{manifest.onnx}, sha256 {manifest.onnx_sha256[:12]}..."),
        ("built by", f"TensorRT {manifest.tensorrt}, CUDA {manifest.cuda}{l4t}, edgefer "
         f"{manifest.edgefer}, {manifest.created}"),
        ("built for", f"{manifest.device}, compute capability {manifest.compute_capability}"),
        ("built as", f"{manifest.precision}, 1 to {manifest.profile.most} faces, workspace "
         f"{workspace}, in {manifest.build_seconds:.1f} s"),
        *((kind + "s", "; ".join(_tensor(t) for t in manifest.io if t.kind == kind))
          for kind in kinds),
    )  # fmt: skip


def _tensor(tensor: TensorIO) -> str:
    shape = ", ".join("batch" if size < 0 else str(size) for size in tensor.shape)
    return f"{tensor.name} {tensor.dtype} ({shape})"


def _version(file: PlanFile) -> str | None:
    return ".".join(map(str, file.header)) if file.header else None
