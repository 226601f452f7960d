"""MobileNetV3 as Keras lays it out, with its own head.

Sources: keras.applications; Howard et al., arXiv 1905.02244, tables 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers


@dataclass(frozen=True, slots=True)
class Shape:
    """One block: its middle and its outputs in channels, and what it does between."""

    kernel: int
    wide: int
    outputs: int
    excited: bool
    hard: bool
    """hard-swish; else ReLU."""
    stride: int = 1


LARGE = (
    Shape(3, 16, 16, False, False),
    Shape(3, 64, 24, False, False, 2),
    Shape(3, 72, 24, False, False),
    Shape(5, 72, 40, True, False, 2),
    Shape(5, 120, 40, True, False),
    Shape(5, 120, 40, True, False),
    Shape(3, 240, 80, False, True, 2),
    Shape(3, 200, 80, False, True),
    Shape(3, 184, 80, False, True),
    Shape(3, 184, 80, False, True),
    Shape(3, 480, 112, True, True),
    Shape(3, 672, 112, True, True),
    Shape(5, 672, 160, True, True, 2),
    Shape(5, 960, 160, True, True),
    Shape(5, 960, 160, True, True),
)
SMALL = (
    Shape(3, 16, 16, True, False, 2),
    Shape(3, 72, 24, False, False, 2),
    Shape(3, 88, 24, False, False),
    Shape(5, 96, 40, True, True, 2),
    Shape(5, 240, 40, True, True),
    Shape(5, 240, 40, True, True),
    Shape(5, 120, 48, True, True),
    Shape(5, 144, 48, True, True),
    Shape(5, 288, 96, True, True, 2),
    Shape(5, 576, 96, True, True),
    Shape(5, 576, 96, True, True),
)


def activation(hard: bool) -> nn.Module:
    return nn.Hardswish(inplace=True) if hard else nn.ReLU(inplace=True)


def conv(
    inputs: int, outputs: int, kernel: int, stride: int = 1, *, groups: int = 1, hard: bool
) -> nn.Sequential:
    """A convolution without bias, BatchNorm, and hard-swish or ReLU."""
    return nn.Sequential(
        layers.Conv(inputs, outputs, kernel, stride, groups=groups, bias=False),
        layers.norm(outputs),
        activation(hard),
    )


class Excitation(nn.Module):
    """Each channel times a gate between 0 and 1 that the means of all channels decide."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow = divisible(channels / 4)
        self.gate = nn.Sequential(
            *(layers.Grid(1), nn.Conv2d(channels, narrow, 1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(narrow, channels, 1), nn.Hardsigmoid()),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x * self.gate(x)
        return out


class Block(nn.Module):
    """Widen, filter each channel, excite, narrow; the input is added where the shape is kept."""

    def __init__(self, inputs: int, shape: Shape, *, widened: bool) -> None:
        super().__init__()
        wide = shape.wide
        self.main = nn.Sequential(
            *([conv(inputs, wide, 1, hard=shape.hard)] if widened else []),
            conv(wide, wide, shape.kernel, shape.stride, groups=wide, hard=shape.hard),
            *([Excitation(wide)] if shape.excited else []),
            *(layers.Conv(wide, shape.outputs, 1, bias=False), layers.norm(shape.outputs)),
        )
        self.residual = inputs == shape.outputs and shape.stride == 1

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x)
        return out + x if self.residual else out


class MobileNetV3(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits; `hidden` channels before the logits."""

    def __init__(self, shapes: tuple[Shape, ...], hidden: int, classes: int, channels: int) -> None:
        super().__init__()
        features: list[nn.Module] = [conv(channels, 16, 3, 2, hard=True)]
        inputs = 16
        for i, shape in enumerate(shapes):
            features.append(Block(inputs, shape, widened=i > 0))
            inputs = shape.outputs
        features.append(conv(inputs, 6 * inputs, 1, hard=True))
        self.features = nn.Sequential(*features)
        self.grid = layers.Grid(1)
        self.hidden = nn.Sequential(nn.Linear(6 * inputs, hidden), activation(hard=True))
        self.logits = layers.head(hidden, classes)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.flatten(self.grid(self.features(x)), 1)  # (N, 960 or 576)
        out: Tensor = self.logits(self.hidden(x))
        return out


def divisible(channels: float) -> int:
    """The nearest multiple of 8, at least 8, that is not more than a tenth too small."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
