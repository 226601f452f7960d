"""Plans of the double, with the manifests that `edgefer compile` would write beside them."""

from __future__ import annotations

from pathlib import Path

from edgefer.engines.onnx_file import read_onnx
from edgefer.manifest import (
    Here,
    PlanManifest,
    Profile,
    TensorIO,
    read_plan,
    write_manifest,
)
from tests.models import SPEC, tiny_onnx
from tests.tensorrt_double.runtime import write_plan

HERE = Here("10.3.0.26", "12.6", "8.7", "TensorRT double (no GPU)", 1, 4 << 30)
IO = (
    TensorIO("input", "input", (-1, 3, 8, 8), "float32"),
    TensorIO("logits", "output", (-1, 7), "float32"),
)


def make_plan(path: Path, version: str = "10.3.0.26", capability: str = "8.7") -> PlanManifest:
    """A plan of `tiny_onnx`, its ONNX file and its manifest, which belong on HERE."""
    onnx = tiny_onnx(path.with_suffix(".onnx"))
    numbers = tuple(map(int, version.split(".")))
    inputs, outputs = ([[one.name, list(one.shape), "FLOAT"]] for one in IO)
    content = write_plan(
        numbers, inputs, outputs, [1, 1, 8], onnx=onnx.read_bytes(), capability=capability
    )
    path.write_bytes(content)
    file = read_plan(path)
    manifest = PlanManifest(
        plan_sha256=file.sha256,
        plan_bytes=file.bytes,
        onnx=onnx.name,
        onnx_sha256=read_onnx(onnx).sha256,
        tensorrt=version,
        cuda="12.6",
        compute_capability=capability,
        device="TensorRT double (no GPU)",
        multiprocessors=1,
        memory_bytes=4 << 30,
        l4t="unavailable",
        precision="fp16",
        profile=Profile(1, 1, 8),
        workspace_bytes=256 << 20,
        io=IO,
        spec=SPEC,
        edgefer="0.0.1",
        build_seconds=1.5,
        created="2026-01-02T03:04:05+00:00",
    )
    write_manifest(path, manifest)
    return manifest
