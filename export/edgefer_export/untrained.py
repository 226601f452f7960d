"""The zoo's networks as ONNX files whose weights nobody trained: to measure how fast they are.

Speed does not depend on what the weights are, as long as no value becomes denormal or infinite on
its way: BatchNorm's statistics are therefore those of the fixture's drawn faces.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from edgefer.engines.ort import OrtEngine
from edgefer.engines.trt_agreement import fixture
from edgefer.errors import ModelError
from edgefer.files import replacing
from edgefer.spec import EXPRESSIONS, UNTRAINED, ModelSpec, Preprocessing
from edgefer_export import measure
from edgefer_export.to_onnx import described, to_graph
from edgefer_export.torch_engine import TorchEngine
from edgefer_export.zoo import NETWORKS, Network, build

LABELS = {5: ("angry", "happy", "normal", "sad", "shock"), 7: EXPRESSIONS}
"""By their number; those of the publications."""
SEED = 0
WITHIN = 1e-3
"""How far a logit may be from torch's, as a share of the largest."""


def spec_of(network: Network) -> ModelSpec:
    """With the input and the classes of its publication; `accuracy` says that it has none."""
    with torch.device("meta"):
        shape = (network.channels, network.size, network.size)
        macs = measure.macs(_built(network), shape)
    return ModelSpec(
        name=network.name,
        labels=LABELS[network.classes],
        preprocessing=_input(network),
        parameters=network.parameters,
        macs=macs,
        accuracy=UNTRAINED,
        precision="fp32",
        network=network.name,
    )


def write_untrained(name: str, folder: Path) -> Path:
    """Write `folder/NAME.onnx`, checked against torch; ModelError where they differ."""
    network = NETWORKS[name]
    spec = spec_of(network)
    torch.manual_seed(SEED)
    built = _built(network)
    faces = fixture(spec)
    with torch.no_grad():  # in training, BatchNorm takes the statistics of what passes
        for layer in built.modules():
            if isinstance(layer, _BatchNorm):
                layer.momentum = None  # of all batches alike: here of the only one
        built.train()(torch.tensor(faces))
    path = folder / f"{name}.onnx"
    with replacing(path) as file:
        file.write(described(to_graph(built, spec.preprocessing), spec))
    _check(path, TorchEngine(built, spec), faces)
    return path


def _check(path: Path, reference: TorchEngine, faces: NDArray[np.float32]) -> None:
    engine = OrtEngine(path)
    found, wanted = engine.infer(faces), reference.infer(faces.copy())
    engine.close()
    if not np.allclose(found, wanted, atol=WITHIN * float(np.abs(wanted).max())):
        path.unlink()
        raise ModelError(
            f"{path} answers {np.abs(found - wanted).max():.2g} off torch; it is not kept. Please "
            "report this with the versions of torch and onnxruntime"
        )


def _built(network: Network) -> nn.Module:
    return build(
        network.name, classes=network.classes, channels=network.channels, size=network.size
    )


def _input(network: Network) -> Preprocessing:
    return Preprocessing(
        network.size,
        network.size,
        network.channels,
        "rgb" if network.channels == 3 else "grey",
        mean=(0.5,) * network.channels,
        std=(0.5,) * network.channels,
    )
