"""GoogLeNet without its auxiliary heads; BatchNorm stands where the two LRNs stood.

Source of the widths: Szegedy et al., "Going deeper with convolutions", arXiv 1409.4842, table 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers

WIDTHS = (
    (192, 64, 96, 128, 16, 32, 32),
    (256, 128, 128, 192, 32, 96, 64),
    (480, 192, 96, 208, 16, 48, 64),
    (512, 160, 112, 224, 24, 64, 64),
    (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64),
    (528, 256, 160, 320, 32, 128, 128),
    (832, 256, 160, 320, 32, 128, 128),
    (832, 384, 192, 384, 48, 128, 128),
)
"""3a to 5b: inputs, 1x1, before 3x3, 3x3, before 5x5, 5x5, after the pool."""
POOLED = (2, 7)
"""A pool stands before these blocks, counted from 0: 4a and 5a."""


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution with bias, and ReLU."""
    return nn.Sequential(layers.Conv(inputs, outputs, kernel, stride), nn.ReLU(inplace=True))


class Inception(nn.Module):
    """(N, inputs, H, W) -> the four branches' outputs side by side, H and W kept."""

    def __init__(self, inputs: int, *widths: int) -> None:
        super().__init__()
        one, before_three, three, before_five, five, pooled = widths
        self.branches = nn.ModuleList(
            (
                conv(inputs, one, 1),
                nn.Sequential(conv(inputs, before_three, 1), conv(before_three, three, 3)),
                nn.Sequential(conv(inputs, before_five, 1), conv(before_five, five, 5)),
                nn.Sequential(layers.SamePool(1), conv(inputs, pooled, 1)),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class GoogLeNet(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(conv(channels, 64, 7, 2), layers.SamePool(2), layers.norm(64)),
            *(conv(64, 64, 1), conv(64, 192, 3), layers.norm(192), layers.SamePool(2)),
        )
        blocks: list[nn.Module] = []
        for i, widths in enumerate(WIDTHS):
            blocks += [layers.SamePool(2)] if i in POOLED else []
            blocks += [Inception(*widths)]
        self.blocks = nn.Sequential(*blocks)
        self.grid = layers.Grid(1)
        self.logits = layers.head(1024, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))  # (N, 1024, H/32, W/32)
        out: Tensor = self.logits(torch.flatten(self.grid(x), 1))
        return out
