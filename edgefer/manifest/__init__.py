"""What a TensorRT plan was built from and for, and whether it belongs on this device.

`model.plan.json` lies beside `model.plan`. It is read and compared before the plan is given to
TensorRT, which says no more of a plan for another device than None, and which runs code that a
plan may carry. Pure Python: TensorRT is not imported, and nothing here was run on a GPU.
"""

from edgefer.manifest.compare import (
    Here,
    Mismatch,
    PlanMismatch,
    io_mismatches,
    mismatches,
    rebuild_command,
    refuse,
    refuse_changed,
)
from edgefer.manifest.plan import (
    PlanFile,
    compile_command,
    header_version,
    read_plan,
    same_version,
    size_text,
    version,
)
from edgefer.manifest.record import (
    SCHEMA,
    UNAVAILABLE,
    PlanManifest,
    Profile,
    TensorIO,
    check_holdable,
    contract,
    manifest_path,
    read_manifest,
    to_json,
    trusted_manifest,
    write_manifest,
)

__all__ = [
    "SCHEMA",
    "UNAVAILABLE",
    "Here",
    "Mismatch",
    "PlanFile",
    "PlanManifest",
    "PlanMismatch",
    "Profile",
    "TensorIO",
    "check_holdable",
    "compile_command",
    "contract",
    "header_version",
    "io_mismatches",
    "manifest_path",
    "mismatches",
    "read_manifest",
    "read_plan",
    "rebuild_command",
    "refuse",
    "refuse_changed",
    "same_version",
    "size_text",
    "to_json",
    "trusted_manifest",
    "version",
    "write_manifest",
]
