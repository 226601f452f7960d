"""LeNet, as the count and the cost published for it imply.

6, 16 and 120 filters and an input of 64 px leave one layout whose last grid is 7x7 and which
costs 10.2 M multiply-accumulates: the middle convolution is not padded, and a pool follows each.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers


class LeNet(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(layers.Conv(channels, 6, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
            *(layers.Conv(16, 120, 4), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        )
        self.grid = layers.Grid(7)
        self.hidden = nn.Sequential(nn.Linear(7 * 7 * 120, 84), nn.ReLU(inplace=True))
        self.logits = layers.head(84, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.grid(self.features(x)), 1)  # (N, 5880)
        out: Tensor = self.logits(self.hidden(x))
        return out
