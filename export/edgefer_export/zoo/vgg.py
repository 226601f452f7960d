"""VGG with one BatchNorm a block, as the published counts imply; VGG19's do, whatever its label."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers

WIDTHS = (64, 128, 256, 512, 512)
DEPTHS = {
    "vgg11-bn": (1, 1, 2, 2, 2),
    "vgg13-bn": (2, 2, 2, 2, 2),
    "vgg16-bn": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
"""Convolutions a block. Source: Simonyan, Zisserman, arXiv 1409.1556, table 1: A, B, D, E."""


class VGG(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits; H and W at least 32."""

    def __init__(self, depths: tuple[int, ...], classes: int, channels: int) -> None:
        super().__init__()
        features: list[nn.Module] = []
        for depth, width in zip(depths, WIDTHS, strict=True):
            for _ in range(depth):
                features += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            features += [layers.norm(width), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*features)
        self.grid = layers.Grid(1)
        self.hidden = nn.Sequential(
            *(nn.Linear(512, 4096), nn.ReLU(inplace=True)),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True)),
        )
        self.logits = layers.head(4096, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.grid(self.features(x)), 1)  # (N, 512)
        out: Tensor = self.logits(self.hidden(x))
        return out
