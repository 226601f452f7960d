"""Runtimes that run a classifier, behind one protocol."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edgefer.config import PACKAGED_MODELS, EngineConfig, model_folder
from edgefer.errors import ConfigError, ModelError, NotInstalled, UnknownName
from edgefer.protocols import Engine

if TYPE_CHECKING:
    from edgefer.engines.openvino import Arithmetic

FORMATS = (".onnx", ".plan", ".engine")

RUNTIMES: dict[str, Arithmetic] = {"openvino": "f32", "openvino-bf16": "bf16"}
"""What may stand before a model, as in `openvino:lightweight.onnx`; without, ONNX Runtime runs an
ONNX file."""

SYSTEM_PYTHON = "/usr/bin/python3"
"""The one that JetPack's TensorRT is for."""


def open_engine(config: EngineConfig) -> Engine:
    """The engine that the model's suffix asks for, or the runtime named before it.

    Raises UnknownName for a suffix that none runs and for an unknown runtime, ModelError where the
    file is missing or broken, SpecError where it does not say what it expects and answers.
    """
    runtime, path = split_runtime(config.model)[0], find_model(config.model)
    if runtime:
        return _open_openvino(runtime, path, config)
    match path.suffix:
        case ".onnx":
            from edgefer.engines.ort import OrtEngine
            from edgefer.engines.session import Device

            return OrtEngine(path, config.threads, cast("Device", config.device))
        case ".plan" | ".engine":
            return _open_plan(path, config)
        case suffix:
            raise UnknownName("model format", suffix, FORMATS)


def _open_openvino(runtime: str, path: Path, config: EngineConfig) -> Engine:
    from edgefer.engines.openvino import OpenVINOEngine

    if path.suffix != ".onnx":
        raise UnknownName(f"model format for {runtime}", path.suffix, (".onnx",))
    if config.device == "cuda":
        raise ConfigError(f"{runtime} runs on the processor, but the device is cuda")
    return OpenVINOEngine(path, config.threads, RUNTIMES[runtime])


def _open_plan(path: Path, config: EngineConfig) -> Engine:
    """TensorRT in this process where it is to be had here, else in the engine host.

    Raises PlanMismatch where the plan does not belong on this device, before TensorRT sees it.
    """
    from edgefer.engines.host import HostedEngine
    from edgefer.engines.trt import TensorRTEngine
    from edgefer.manifest import read_manifest, read_plan, refuse_changed, trusted_manifest

    python = interpreter(config)
    if config.rebuild == "if-stale" and not config.trust:
        from edgefer.engines.trt_rebuild import rebuild_if_stale

        rebuild_if_stale(path, python)
    manifest = trusted_manifest(path) if config.trust else read_manifest(path)
    try:
        if config.python == "auto" and python == sys.executable:
            return TensorRTEngine(path, manifest, graphs=config.graphs)
        return HostedEngine(
            path,
            manifest,
            python=python,
            graphs=config.graphs,
            timeout=config.timeout,
            restarts=config.restarts,
        )
    except NotInstalled:
        refuse_changed(manifest, read_plan(path))  # so much can be told without TensorRT
        raise


def interpreter(config: EngineConfig) -> str:
    """The Python that runs TensorRT: the configured one, else ours if it can, else the system's."""
    if config.python != "auto":
        return config.python
    from edgefer.engines.trt import importable

    return sys.executable if importable() else SYSTEM_PYTHON


def split_runtime(model: str) -> tuple[str, str]:
    """ "openvino:face.onnx" in its two parts; the first is "" where no runtime is named.

    Raises UnknownName where one is named that there is not.
    """
    runtime, colon, name = model.partition(":")
    if not colon or "/" in runtime or Path(os.path.expanduser(model)).is_file():
        return "", model
    if runtime not in RUNTIMES:
        raise UnknownName("runtime", runtime, RUNTIMES)
    return runtime, name


def find_model(name: str) -> Path:
    """A path as it is, else a file name in the model folder, else one that came with edgefer; a
    runtime before it does not count."""
    name = split_runtime(name)[1]
    given = Path(os.path.expanduser(name))
    places = [given]
    if given.name == name:
        places += [model_folder() / name, PACKAGED_MODELS / name]
    for place in places:
        if place.is_file():
            return place
    here = sorted(
        {
            p.name
            for f in (model_folder(), PACKAGED_MODELS)
            for p in f.glob("*")
            if p.suffix in FORMATS
        }
    )
    nearest = difflib.get_close_matches(name, here, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    raise ModelError(
        f"there is no model file {name!r}.{hint} Give a path, or one of {', '.join(here)} (in "
        f"{model_folder()} and {PACKAGED_MODELS})"
    )
