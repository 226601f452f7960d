"""Where a build's files lie: drafts beside the plan, the plan and its manifest, timing caches."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from pathlib import Path

from edgefer.config import model_folder
from edgefer.errors import OutputError
from edgefer.files import replacing
from edgefer.manifest import Here, PlanManifest, manifest_path, to_json

log = logging.getLogger(__name__)


def scratch(plan: Path) -> tempfile.TemporaryDirectory[str]:
    """A hidden folder on the plan's own disk, so that a rename at the end is one step."""
    try:
        return tempfile.TemporaryDirectory(prefix=f".{plan.name}.", dir=plan.absolute().parent)
    except OSError as exc:
        raise OutputError(f"cannot write beside {plan}: {exc.strerror}") from exc


def put(draft: Path, manifest: PlanManifest, plan: Path) -> None:
    """The plan and then its manifest, each by a rename; both are on the disk before the first."""
    text = draft.with_suffix(".json")
    try:
        with text.open("wb") as file:
            file.write(to_json(manifest).encode())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(plan)
        text.replace(manifest_path(plan))
    except OSError as exc:
        raise OutputError(f"cannot write {plan}: {exc.strerror or exc}") from exc


def default_cache(here: Here) -> Path:
    """In the model folder, named for TensorRT's version and the GPU's."""
    # A cache of another TensorRT or GPU is of no use: one file each.
    name = f"timing-{here.tensorrt}-{here.compute_capability}.cache"
    return model_folder() / "cache" / re.sub(r"[^\w.-]", "_", name)


def keep_cache(made: Path, cache: Path, *, wanted: bool) -> None:
    """Put the timing cache in its place, whole or not at all."""
    try:
        content = made.read_bytes()
        cache.parent.mkdir(parents=True, exist_ok=True)
        with replacing(cache) as file:
            file.write(content)
    except (OSError, OutputError) as exc:
        if wanted:
            raise OutputError(f"cannot keep the timing cache {cache}: {exc}") from exc
        log.warning("the timing cache is not kept, the next build takes as long: %s", exc)
