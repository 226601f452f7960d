"""The lightweight network, 2,893,395 parameters by Keras's count, and the same with shortcuts.

The first is a reconstruction that matches the count published in Robot, Lolowang, Putro,
"Lightweight Convolutional Neural Network Architecture For Facial Expression Recognition"
(2024), Table 1; it is not the authors' file. The second is this repository's own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTHS = (32, 64, 128, 256)
"""Of the modules; the stem is as wide as the first."""


def conv(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution with bias, BatchNorm (Keras's epsilon) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs, eps=1e-3),
        nn.ReLU(inplace=True),
    )


def module(inputs: int, width: int) -> nn.Sequential:
    """Five convolutions, the middle one compressing to half the channels, and a pool."""
    return nn.Sequential(
        conv(inputs, width),
        conv(width, width),
        conv(width, width // 2),
        conv(width // 2, width),
        conv(width, width),
        nn.MaxPool2d(2),
    )


class Residual(nn.Module):
    """The five convolutions without the pool; the first one's output is added to the last one's.

    The sum comes before the last ReLU.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = conv(inputs, width)
        self.rest = nn.Sequential(
            conv(width, width),
            conv(width, width // 2),
            conv(width // 2, width),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width, eps=1e-3),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        out: Tensor = self.rest(x).add_(x).relu_()
        return out


class Lightweight(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) float32 logits; H and W at least 32."""

    def __init__(self, classes: int = 7, channels: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(channels, WIDTHS[0]), nn.MaxPool2d(2))
        self.blocks = nn.Sequential(
            *(module(i, w) for i, w in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False))
        )
        self.hidden, self.logits = head(classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))  # (N, 256, H/32, W/32)
        x = torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)  # (N, 256)
        out: Tensor = self.logits(self.hidden(x))  # (N, classes)
        return out


class LightweightResidual(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) float32 logits; H and W at least 16.

    A pool stands before each module, none after the last: the last one works on H/16.
    """

    def __init__(self, classes: int = 7, channels: int = 3) -> None:
        super().__init__()
        self.stem = conv(channels, WIDTHS[0])
        self.blocks = nn.ModuleList(
            Residual(i, w) for i, w in zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
        )
        self.hidden, self.logits = head(classes)
        start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(nn.functional.max_pool2d(x, 2))  # at last (N, 256, H/16, W/16)
        x = torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)  # (N, 256)
        out: Tensor = self.logits(self.hidden(x))  # (N, classes)
        return out


def head(classes: int) -> tuple[nn.Sequential, nn.Sequential]:
    """(N, 256) -> (N, 512), and that to (N, classes) logits with a BatchNorm over them."""
    hidden = nn.Sequential(nn.Linear(WIDTHS[-1], 512), nn.ReLU(inplace=True))
    return hidden, nn.Sequential(nn.Linear(512, classes), nn.BatchNorm1d(classes, eps=1e-3))


def start(network: nn.Module) -> None:
    """He's normal first weights, and no bias."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
