from __future__ import annotations

import pytest
import torch
from torch import nn

from edgefer_export import measure
from edgefer_export.zoo import build


@pytest.mark.parametrize(
    ("layer", "macs", "parameters"),
    [
        # out 10x10: 100 places * 8 filters * 3*3*3
        (nn.Conv2d(3, 8, 3, padding=1), 100 * 8 * 27, 8 * 27 + 8),
        # each filter sees 1 of 3 groups: 64 places * 6 filters * 1*3*3
        (nn.Conv2d(3, 6, 3, groups=3, bias=False), 64 * 6 * 9, 6 * 9),
        # depthwise, stride 2: 5x5 places * 3 filters * 1*3*3
        (nn.Conv2d(3, 3, 3, stride=2, padding=1, groups=3), 25 * 3 * 9, 3 * 9 + 3),
        # dilated by 2: 3x3 reaches over 5, 6x6 places
        (nn.Conv2d(3, 4, 3, dilation=2), 36 * 4 * 27, 4 * 27 + 4),
        # oblong: 10x6 places of 1x5
        (nn.Conv2d(3, 2, (1, 5)), 60 * 2 * 15, 2 * 15 + 2),
        # two results from 300 values
        (nn.Sequential(nn.Flatten(), nn.Linear(300, 2)), 600, 602),
        # trained scale and shift, running mean and variance; no multiplication is counted
        (nn.BatchNorm2d(3), 0, 4 * 3),
    ],
)
def test_macs_and_parameters_are_those_counted_by_hand(
    layer: nn.Module, macs: int, parameters: int
) -> None:
    assert measure.macs(layer, (3, 10, 10)) == macs
    assert measure.parameters(layer) == parameters


def test_a_layer_used_twice_costs_twice_and_is_stored_once() -> None:
    layer = nn.Conv2d(3, 3, 1)
    assert measure.macs(nn.Sequential(layer, layer), (3, 10, 10)) == 2 * 900
    assert measure.parameters(nn.Sequential(layer, layer)) == 12


def test_a_small_net_counted_by_hand() -> None:
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),  # 10x10 out: 100 * 8 * 27 = 21,600; 216 + 8 weights
        nn.BatchNorm2d(8),  # 16 trained, 16 statistics
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, groups=4, bias=False),  # 3x3 out: 9 * 8 * 18 = 1,296; 144 weights
        nn.Flatten(),
        nn.Linear(72, 5),  # 360; 360 + 5 weights
    )
    assert measure.macs(net, (3, 10, 10)) == 21_600 + 1_296 + 360
    assert measure.parameters(net) == 224 + 32 + 144 + 365


def test_counting_needs_no_memory_for_the_weights() -> None:
    with torch.device("meta"):
        net = build("lightweight")
    assert measure.macs(net, (3, 64, 64)) == measure.macs(build("lightweight"), (3, 64, 64))
    assert measure.parameters(net) == 2_893_395


def test_counting_leaves_the_network_as_it_was() -> None:
    net = build("lightweight").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    measure.macs(net, (3, 64, 64))
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(layer._forward_hooks for layer in net.modules())
