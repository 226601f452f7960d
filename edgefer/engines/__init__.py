"""Runtimes that run a classifier, behind one protocol."""

from __future__ import annotations

import difflib
from pathlib import Path

from edgefer.config import PACKAGED_MODELS, EngineConfig, model_folder
from edgefer.errors import ModelError, UnknownName
from edgefer.protocols import Engine

FORMATS = (".onnx",)


def open_engine(config: EngineConfig) -> Engine:
    """The engine that the model's suffix asks for.

    Raises UnknownName for a suffix that none runs, ModelError where the file is missing or
    broken, SpecError where it does not say what it expects and answers.
    """
    path = find_model(config.model)
    match path.suffix:
        case ".onnx":
            from edgefer.engines.ort import OrtEngine

            return OrtEngine(path, threads=config.threads)
        case suffix:
            raise UnknownName("model format", suffix, FORMATS)


def find_model(name: str) -> Path:
    """A path as it is, else a file name in the model folder, else one that came with edgefer."""
    given = Path(name).expanduser()
    places = [given]
    if given.name == name:
        places += [model_folder() / name, PACKAGED_MODELS / name]
    for place in places:
        if place.is_file():
            return place
    here = sorted({p.name for f in (model_folder(), PACKAGED_MODELS) for p in f.glob("*.onnx")})
    nearest = difflib.get_close_matches(name, here, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ModelError(
        f"there is no model file {name!r}.{hint} Give a path, or one of {', '.join(here)} (in "
        f"{model_folder()} and {PACKAGED_MODELS})"
    )
