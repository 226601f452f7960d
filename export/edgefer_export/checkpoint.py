"""Tables of tensors in a file, replaced whole and read without running what is in them."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgefer.errors import ConfigError, ModelError
from edgefer.files import replacing


def write_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Replace a checkpoint whole: a kill leaves either the old one or the new one."""
    with replacing(path) as file:
        torch.save(state, file)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `write_checkpoint` wrote; only plain tensors and numbers are ever loaded.

    Raises ConfigError where there is none, ModelError where it cannot be read.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as exc:
        # torch's own words advise to load it unsafely.
        raise ModelError(
            f"{path} is not a checkpoint of tensors and plain values, or a damaged one "
            f"({type(exc).__name__})"
        ) from exc
    if not isinstance(state, dict):
        raise ModelError(f"{path} holds a {type(state).__name__}; a checkpoint is a table")
    return state
