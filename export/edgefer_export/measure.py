"""What a network costs, counted from the network itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def parameters(network: nn.Module) -> int:
    """Keras's count: trainable values plus BatchNorm's running means and variances."""
    # BatchNorm's third buffer, the whole number of batches seen, does not exist in Keras.
    statistics = (b for b in network.buffers() if b.is_floating_point())
    return sum(t.numel() for t in (*network.parameters(), *statistics))


@torch.no_grad()
def macs(network: nn.Module, shape: tuple[int, int, int]) -> int:
    """Multiply-accumulates of every Conv2d and Linear for one input of (channels, h, w).

    The network may be on any device; on "meta" nothing is computed, and a big one is quick.
    """
    total = 0

    def add(layer: nn.Module, _: Any, out: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            height, width = layer.kernel_size
            total += out.numel() * (layer.in_channels // layer.groups) * height * width
        elif isinstance(layer, nn.Linear):
            total += out.numel() * layer.in_features

    hooks = [layer.register_forward_hook(add) for layer in network.modules()]
    training = network.training
    device = next((p.device for p in network.parameters()), None)
    try:
        network.eval()(torch.zeros(1, *shape, device=device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return total
