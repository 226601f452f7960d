"""Models A and B of Norhikmah, Lutfhi, Rumini (2022): 48x48 grey, five expressions.

The counts fix every layer. Where Model B drops out, and how much, they cannot tell: a quarter
after each pool and half before the logits is a guess.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers

FILTERS = ((32, 3), (64, 3), (128, 5), (256, 5))
"""(outputs, kernel side, px) of each convolution."""


class Norhikmah(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits. `normed` makes Model A Model B."""

    def __init__(self, classes: int, channels: int, *, normed: bool) -> None:
        super().__init__()
        features: list[nn.Module] = []
        for outputs, kernel in FILTERS:
            features += [layers.Conv(channels, outputs, kernel), nn.ReLU(inplace=True)]
            features += [layers.norm(outputs)] if normed else []
            features += [nn.MaxPool2d(2)]
            features += [nn.Dropout(0.25)] if normed else []
            channels = outputs
        hidden: list[nn.Module] = []
        for inputs in (3 * 3 * channels, 64):
            hidden += [nn.Linear(inputs, 64), nn.ReLU(inplace=True)]
            hidden += [nn.BatchNorm1d(64, eps=layers.EPSILON)] if normed else []
        hidden += [nn.Dropout(0.5)] if normed else []
        self.features = nn.Sequential(*features)
        self.grid = layers.Grid(3)
        self.hidden = nn.Sequential(*hidden)
        self.logits = layers.head(64, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.grid(self.features(x)), 1)  # (N, 2304)
        out: Tensor = self.logits(self.hidden(x))
        return out
