"""AlexNet for small pictures: its first convolution has no stride, its last three are 1x1.

At 64 px the grid before the flattening is 5x5 by itself, which the published count implies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers


class AlexNet(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits.

    `normed` puts a BatchNorm before each pool: after the first two convolutions and the last.
    """

    def __init__(self, classes: int, channels: int, *, normed: bool) -> None:
        super().__init__()

        def pool(width: int) -> list[nn.Module]:
            between = [layers.norm(width)] if normed else []
            return [nn.ReLU(inplace=True), *between, nn.MaxPool2d(3, 2)]

        self.features = nn.Sequential(
            *(nn.Conv2d(channels, 96, 11), *pool(96)),
            *(layers.Conv(96, 256, 5), *pool(256)),
            *(nn.Conv2d(256, 384, 1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 384, 1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 1), *pool(256)),
        )
        self.grid = layers.Grid(5)
        self.hidden = nn.Sequential(
            *(nn.Linear(5 * 5 * 256, 4096), nn.ReLU(inplace=True)),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
        )
        self.logits = layers.head(4096, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.grid(self.features(x)), 1)  # (N, 6400)
        out: Tensor = self.logits(self.hidden(x))
        return out
