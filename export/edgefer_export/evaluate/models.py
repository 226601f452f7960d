"""A model from whatever a user has of it: a run, a checkpoint, or a file that edgefer runs."""

from __future__ import annotations

from pathlib import Path

from edgefer.config import EngineConfig
from edgefer.engines import open_engine
from edgefer.errors import ModelError
from edgefer.protocols import Engine

CHECKPOINTS = (".pt", ".pth")


def open_model(path: Path, threads: int | None = None) -> Engine:
    """A folder is a run; a `.pt` file is a checkpoint in one; the rest is edgefer's to open.

    Raises ConfigError where a folder is no run, ModelError for a damaged checkpoint, and what
    `edgefer.engines.open_engine` raises.
    """
    if path.is_dir() or path.suffix in CHECKPOINTS:
        return _open_run(path, threads)
    return open_engine(EngineConfig(model=str(path), threads=threads or 1))


def _open_run(path: Path, threads: int | None) -> Engine:
    import torch

    from edgefer_export.checkpoint import read_checkpoint
    from edgefer_export.runs import read_run
    from edgefer_export.torch_engine import TorchEngine, describe

    if threads:
        torch.set_num_threads(threads)
    if path.is_dir():
        run = read_run(path)
    else:
        state = read_checkpoint(path)
        run = read_run(path.parent)
        try:
            run.network.load_state_dict(state["average"])
        except (KeyError, RuntimeError) as exc:
            raise ModelError(f"{path} is no checkpoint of the run in {path.parent}: {exc}") from exc
    return TorchEngine(run.network, describe(run))
