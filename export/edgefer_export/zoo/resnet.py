"""ResNets: the paper's, made of basic blocks throughout, and a real ResNet-50.

The paper's counts fit basic blocks with a bias in every convolution, BatchNorm after the main
ones but none on a shortcut, and a BatchNorm over the logits. What it calls ResNet-34 and
ResNet-50 has [3, 4, 6, 2] and [3, 4, 6, 3] of them: the latter is the real ResNet-34's layout.
Source of the layouts: He et al., arXiv 1512.03385, table 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer_export.zoo import layers

WIDTHS = (64, 128, 256, 512)
DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 2), "resnet50": (3, 4, 6, 3)}
"""Blocks a stage, by the paper's labels."""


class Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut, projected where the shape changes."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *(layers.Conv(inputs, width, 3, stride), layers.norm(width), nn.ReLU(inplace=True)),
            *(layers.Conv(width, width, 3), layers.norm(width)),
        )
        same = inputs == width and stride == 1
        self.shortcut = nn.Identity() if same else layers.Conv(inputs, width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = (self.main(x) + self.shortcut(x)).relu()
        return out


class ResNet(nn.Module):
    """(N, channels, H, W) float32 -> (N, classes) logits."""

    def __init__(self, depths: tuple[int, ...], classes: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *(layers.Conv(channels, 64, 7, 2), layers.norm(64), nn.ReLU(inplace=True)),
            layers.SamePool(2),
        )
        blocks: list[nn.Module] = []
        inputs = 64
        for stage, (depth, width) in enumerate(zip(depths, WIDTHS, strict=True)):
            for i in range(depth):
                blocks.append(Basic(inputs, width, 2 if stage and not i else 1))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.grid = layers.Grid(1)
        self.logits = layers.head(inputs, classes, normed=True)
        layers.start(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))  # (N, 512, H/32, W/32)
        out: Tensor = self.logits(torch.flatten(self.grid(x), 1))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times the width, and a shortcut.

    Layers carry torchvision's names, so that its weights fit as they are.
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(x)).relu()
        out = self.bn2(self.conv2(out)).relu()
        total: Tensor = self.bn3(self.conv3(out)) + self.downsample(x)
        return total.relu()


class ResNet50(nn.Module):
    """A real ResNet-50: (N, channels, H, W) float32 -> (N, classes) logits.

    Named, padded and normalised (epsilon 1e-5) as torchvision's, so that its weights fit.
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = self._stage(64, 64, 3, stride=1)
        self.layer2 = self._stage(256, 128, 4, stride=2)
        self.layer3 = self._stage(512, 256, 6, stride=2)
        self.layer4 = self._stage(1024, 512, 3, stride=2)
        self.fc = nn.Linear(2048, classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _stage(inputs: int, width: int, depth: int, stride: int) -> nn.Sequential:
        rest = (Bottleneck(4 * width, width, 1) for _ in range(depth - 1))
        return nn.Sequential(Bottleneck(inputs, width, stride), *rest)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.bn1(self.conv1(x)).relu(), 3, 2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, 2048, H/32, W/32)
        out: Tensor = self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))
        return out
