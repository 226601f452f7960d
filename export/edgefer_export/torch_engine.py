"""A network of this workstation behind edgefer's engine protocol."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgefer.spec import ModelSpec
from edgefer_export import measure
from edgefer_export.runs import Run


class TorchEngine:
    """The reference that an exported model is compared with. One thread at a time."""

    exclusive = True

    def __init__(self, network: nn.Module, spec: ModelSpec) -> None:
        self.spec = spec
        self._network = network.eval()

    @property
    def runtime(self) -> str:
        return f"torch {torch.__version__}"

    @torch.no_grad()
    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, C, h, w) float32 -> (N, K) float32."""
        out: NDArray[np.float32] = self._network(torch.from_numpy(batch)).numpy()
        return out

    def close(self) -> None:
        """Nothing is held beside memory."""


def describe(run: Run) -> ModelSpec:
    """What the model of a run is; every count is taken from the network."""
    how = run.recipe.input()
    return ModelSpec(
        name=run.recipe.name,
        labels=run.expressions,
        preprocessing=how,
        output="logits",
        parameters=measure.parameters(run.network),
        macs=measure.macs(run.network, (how.channels, how.height, how.width)),
        precision="fp32",
        recipe=f"{run.recipe.name} {digest(run)}",
        network=run.recipe.network,
    )


def digest(run: Run) -> str:
    """Twelve hex digits that name the recipe as the run's record holds it: every setting."""
    text = json.dumps(run.record["recipe"], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
