"""A network of this workstation behind edgefer's engine protocol."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgefer.spec import EXPRESSIONS, ModelSpec
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


def describe(run: Run, accuracy: str = "") -> ModelSpec:
    """What the model of a run is; every count is taken from the network."""
    how = run.recipe.input()
    return ModelSpec(
        name=run.recipe.name,
        labels=EXPRESSIONS,
        preprocessing=how,
        output="logits",
        parameters=measure.parameters(run.network),
        macs=measure.macs(run.network, (how.channels, how.height, how.width)),
        accuracy=accuracy,
    )
