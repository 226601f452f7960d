from __future__ import annotations

import pytest
import torch
from torch import nn

from edgefer.errors import UnknownName
from edgefer_export import measure
from edgefer_export.zoo import NETWORKS, build


def test_the_lightweight_network_has_the_published_number_of_parameters() -> None:
    assert measure.parameters(build("lightweight")) == 2_893_395


def test_the_lightweight_network_costs_140_million_macs_at_64_px() -> None:
    assert measure.macs(build("lightweight"), (3, 64, 64)) / 1e6 == pytest.approx(140.5, abs=0.05)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [32, 48, 64])
def test_every_network_answers_seven_logits_at_every_size(name: str, size: int) -> None:
    with torch.no_grad():
        assert build(name).eval()(torch.zeros(2, 3, size, size)).shape == (2, 7)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UnknownName):
        build("heavyweight")


def test_macs_and_parameters_of_a_net_counted_by_hand() -> None:
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


def test_counting_leaves_the_network_as_it_was() -> None:
    net = build("lightweight").train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    measure.macs(net, (3, 64, 64))
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(layer._forward_hooks for layer in net.modules())
