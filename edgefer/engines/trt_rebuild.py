"""A plan that no longer fits, built again where the configuration asks for it."""

from __future__ import annotations

import dataclasses
import logging
import sys
from pathlib import Path

from edgefer.config import PACKAGED_MODELS
from edgefer.engines.trt_build import WORKSPACE, Order, compile_plan
from edgefer.engines.trt_child import needed
from edgefer.errors import ModelError
from edgefer.files import sha256
from edgefer.manifest import mismatches, read_manifest, read_plan

log = logging.getLogger(__name__)


def rebuild_if_stale(plan: Path, python: str = sys.executable) -> bool:
    """Build `plan` again from its ONNX file where it does not belong on this device, or no longer
    comes from that file; whether that was done. The file lies beside it, or came with edgefer.

    What `[engine] rebuild = "if-stale"` asks for; nobody else may call it, as it takes minutes.
    With a readable manifest its options are kept. Without the ONNX file nothing is done: opening
    the plan then says what is wrong with it. Raises what `compile_plan` raises.
    """
    order = Order(_origin(plan.with_suffix(".onnx")), plan, python=python)
    try:
        manifest = read_manifest(plan)
        file = read_plan(plan)
    except ModelError as exc:
        why = str(exc)
    else:
        order = dataclasses.replace(
            order,
            onnx=_origin(plan.with_name(manifest.onnx)),
            precision=manifest.precision,
            max_batch=manifest.profile.most,
            workspace_bytes=manifest.workspace_bytes or WORKSPACE,
        )
        found = [one for one in mismatches(manifest, needed(python), file) if one.fatal]
        why = "; ".join(map(str, found))
        if order.onnx.is_file() and sha256(order.onnx) != manifest.onnx_sha256:
            why = why or f"{order.onnx.name} has changed since"
    if not why or not order.onnx.is_file():
        return False
    log.warning("building %s again, which takes minutes: %s", plan, why)
    compile_plan(order, _to_log)
    return True


def _origin(beside: Path) -> Path:
    packaged = PACKAGED_MODELS / beside.name
    return packaged if packaged.is_file() and not beside.is_file() else beside


def _to_log(elapsed: float, severity: str, row: str) -> None:
    if severity in ("INTERNAL_ERROR", "ERROR", "WARNING"):
        log.warning("%.0f s: TensorRT: %s", elapsed, row)
