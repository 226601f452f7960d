"""Layers as Keras builds them, which the reconstructed networks share.

Two things differ from torch: "same" padding with a stride puts the odd row below and to the
right, and BatchNorm's epsilon is 1e-3. Its momentum, which no finished network holds, stays
torch's.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning
from torch.nn import functional as f

EPSILON = 1e-3
"""Of BatchNorm. Source: the default of tf.keras.layers.BatchNormalization."""


class Conv(nn.Conv2d):
    """A square convolution padded as Keras's "same": ceil(H / stride) rows come out."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        *,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        (top, bottom), (left, right) = (same_padding(n, kernel, stride) for n in sides(x))
        if (top, left) == (bottom, right):
            return f.conv2d(x, self.weight, self.bias, self.stride, (top, left), groups=self.groups)
        return super().forward(pad(x, (left, right, top, bottom)))


class SamePool(nn.Module):
    """The maximum over 3x3, padded as Keras's "same": ceil(H / stride) rows come out."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        before = tuple(same_padding(n, 3, self.stride)[0] for n in sides(x))
        # Where the padding is lopsided, nothing lies before, and the last window overhangs.
        return f.max_pool2d(x, 3, self.stride, before, ceil_mode=True)


class Grid(nn.Module):
    """(N, C, H, W) -> (N, C, side, side), so that a head that flattens takes any input size.

    The right size passes as it is; a larger one is averaged over equal windows, a smaller one
    gets a border of zeros. Unlike torch's adaptive pooling, every case can be written in ONNX.
    """

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        h, w = sides(x)
        if h < self.side or w < self.side:
            high, wide = max(self.side - h, 0), max(self.side - w, 0)
            x = pad(x, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
            h, w = h + high, w + wide
        if (h, w) == (self.side, self.side):
            return x
        stride = (h // self.side, w // self.side)
        kernel = (h - (self.side - 1) * stride[0], w - (self.side - 1) * stride[1])
        return f.avg_pool2d(x, kernel, stride)


def pad(x: Tensor, amounts: tuple[int, int, int, int]) -> Tensor:
    """A border of zeros: left, right, top, bottom."""
    if not exporting():
        return f.pad(x, amounts)
    out: Tensor = PadOfOneNode.apply(x, amounts)  # type: ignore[no-untyped-call]
    return out


class PadOfOneNode(torch.autograd.Function):
    """A pad for an ONNX export only; it has no gradient.

    From torch's own pad the exporter (as of 2.13) makes nodes that compute the amounts, and
    TensorRT 8.2 wants to know them.
    """

    @staticmethod
    def forward(_: Any, x: Tensor, amounts: tuple[int, int, int, int]) -> Tensor:
        return f.pad(x, amounts)

    @staticmethod
    def symbolic(g: Any, x: Any, amounts: tuple[int, int, int, int]) -> Any:
        left, right, top, bottom = amounts
        both = torch.tensor((0, 0, top, left, 0, 0, bottom, right))
        return g.op("Pad", x, g.op("Constant", value_t=both))


def exporting() -> bool:
    """Whether an ONNX export traces what is computed now."""
    return bool(torch.onnx.is_in_onnx_export())


def sides(x: Tensor) -> tuple[int, int]:
    """The height and width of (N, C, H, W) as plain numbers, also while an export traces it.

    So an exported file is fixed to one size of input. Only its batch is free.
    """
    if not exporting():
        return x.shape[-2], x.shape[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TracerWarning)
        return int(x.shape[-2]), int(x.shape[-1])


def same_padding(n: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows of padding before and after, for ceil(n / stride) outputs; after gets the odd one."""
    outputs = -(-n // stride)
    missing = max((outputs - 1) * stride + kernel - n, 0)
    return missing // 2, missing - missing // 2


def norm(channels: int) -> nn.BatchNorm2d:
    """BatchNorm over (N, C, H, W) with Keras's epsilon."""
    return nn.BatchNorm2d(channels, eps=EPSILON)


def head(features: int, classes: int, *, normed: bool = False) -> nn.Sequential:
    """(N, features) -> (N, classes) logits, with a BatchNorm over the logits if `normed`."""
    layers: list[nn.Module] = [nn.Linear(features, classes)]
    if normed:
        layers.append(nn.BatchNorm1d(classes, eps=EPSILON))
    return nn.Sequential(*layers)


def start(network: nn.Module) -> None:
    """Keras's first weights: Glorot's uniform ones, and no bias."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
