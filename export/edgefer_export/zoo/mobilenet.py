"""MobileNets 1 and 2 as Keras lays them out, with the heads that the published counts imply.

Sources: keras.applications; Howard et al., arXiv 1704.04861; Sandler et al., arXiv 1801.04381.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers

V1 = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)),
)
"""(outputs, stride) of each depthwise separable block."""
V2 = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
"""(expansion, outputs, repeats, stride of the first) of each group of inverted residuals."""
HIDDEN = 192
"""Width of MobileNetV2's hidden layer: the count leaves no other."""


def conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, bias: bool = False
) -> nn.Sequential:
    """A convolution, BatchNorm and ReLU6."""
    return nn.Sequential(
        layers.Conv(inputs, outputs, kernel, stride, groups=groups, bias=bias),
        layers.norm(outputs),
        nn.ReLU6(inplace=True),
    )


class MobileNetV1(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits. Every convolution has a bias."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        features = [conv(channels, 32, 3, 2, bias=True)]
        inputs = 32
        for outputs, stride in V1:
            features.append(conv(inputs, inputs, 3, stride, groups=inputs, bias=True))
            features.append(conv(inputs, outputs, 1, bias=True))
            inputs = outputs
        self.features = nn.Sequential(*features)
        self.grid = layers.Grid(1)
        self.logits = layers.head(inputs, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # (N, 1024, H/32, W/32)
        out: Tensor = self.logits(torch.flatten(self.grid(x), 1))
        return out


class Inverted(nn.Module):
    """Widen, filter each channel, narrow; the input is added where the shape is kept."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        widen = [conv(inputs, wide, 1)] if expansion > 1 else []
        self.main = nn.Sequential(
            *widen,
            conv(wide, wide, 3, stride, groups=wide),
            *(layers.Conv(wide, outputs, 1, bias=False), layers.norm(outputs)),
        )
        self.residual = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x)
        return out + x if self.residual else out


class MobileNetV2(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits.

    The body ends at 320 channels: Keras's widening to 1280 is left out. `normed` puts a
    BatchNorm after the pool and after the hidden layer.
    """

    def __init__(self, classes: int, channels: int, *, normed: bool) -> None:
        super().__init__()
        features: list[nn.Module] = [conv(channels, 32, 3, 2)]
        inputs = 32
        for expansion, outputs, repeats, first in V2:
            for i in range(repeats):
                features.append(Inverted(inputs, outputs, expansion, 1 if i else first))
                inputs = outputs
        self.features = nn.Sequential(*features)
        self.grid = layers.Grid(1)
        self.hidden = nn.Sequential(
            *([nn.BatchNorm1d(inputs, eps=layers.EPSILON)] if normed else []),
            *(nn.Linear(inputs, HIDDEN), nn.ReLU(inplace=True)),
            *([nn.BatchNorm1d(HIDDEN, eps=layers.EPSILON)] if normed else []),
        )
        self.logits = layers.head(HIDDEN, classes, normed=True)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.grid(self.features(x)), 1)  # (N, 320)
        out: Tensor = self.logits(self.hidden(x))
        return out
