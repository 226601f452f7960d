from __future__ import annotations

import pytest
import torch

from edgefer_export.zoo import layers
from edgefer_export.zoo.mobilenetv3 import divisible

PLACES = torch.arange(36.0).reshape(1, 1, 6, 6)


def middle(kernel: int, stride: int) -> layers.Conv:
    """A convolution that gives the pixel under its middle."""
    conv = layers.Conv(1, 1, kernel, stride, bias=False)
    torch.nn.init.zeros_(conv.weight)
    with torch.no_grad():
        conv.weight[0, 0, kernel // 2, kernel // 2] = 1
    return conv


@pytest.mark.parametrize(
    ("side", "kernel", "first"),
    [(6, 3, 1), (5, 3, 0), (6, 5, 1), (5, 5, 0), (6, 7, 1), (4, 1, 0)],
)
def test_a_stride_of_2_begins_where_keras_begins(side: int, kernel: int, first: int) -> None:
    """With an even side the padding is one row shorter above than below."""
    x = PLACES[..., :side, :side]
    assert torch.equal(middle(kernel, 2)(x), x[..., first::2, first::2])


def test_without_a_stride_an_odd_kernel_is_centred_and_an_even_one_looks_ahead() -> None:
    assert torch.equal(middle(5, 1)(PLACES), PLACES)
    one = layers.Conv(1, 1, 4, bias=False)
    torch.nn.init.ones_(one.weight)
    # The first window of four begins one row above the picture: rows and columns 0 to 2.
    assert one(PLACES)[0, 0, 0, 0] == PLACES[0, 0, :3, :3].sum()


@pytest.mark.parametrize(("high", "wide"), [(6, 5), (5, 6), (4, 3)])
def test_height_and_width_are_padded_each_by_its_own_need(high: int, wide: int) -> None:
    x = PLACES[..., :high, :wide]
    rows, columns = (slice(1 - n % 2, None, 2) for n in (high, wide))
    assert torch.equal(middle(3, 2)(x), x[..., rows, columns])


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("stride", [1, 2])
def test_the_pool_gives_the_maximum_of_what_is_there_and_no_padding(side: int, stride: int) -> None:
    x = PLACES[..., :side, :side] - 100  # all below zero: a padding of zeros would win
    before = layers.same_padding(side, 3, stride)[0]
    wanted = [
        [x[0, 0, max(r, 0) : r + 3, max(c, 0) : c + 3].max().item() for c in starts]
        for starts in [range(-before, side - before, stride)]
        for r in starts
    ]
    assert layers.SamePool(stride)(x)[0, 0].tolist() == wanted


def test_the_right_grid_passes_as_it_is() -> None:
    assert layers.Grid(6)(PLACES) is PLACES


def test_a_larger_grid_is_averaged_and_every_place_counts() -> None:
    assert torch.equal(layers.Grid(3)(PLACES), torch.nn.functional.avg_pool2d(PLACES, 2))
    assert layers.Grid(1)(PLACES).item() == 17.5
    x = torch.zeros(1, 1, 6, 6, requires_grad=True)
    layers.Grid(4)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.all()


def test_a_smaller_grid_gets_a_border_of_zeros() -> None:
    out = layers.Grid(9)(PLACES)
    assert torch.equal(out[..., 1:7, 1:7], PLACES)
    assert out.sum() == PLACES.sum()


def test_the_narrow_layers_of_mobilenetv3_are_multiples_of_8() -> None:
    assert [divisible(n / 4) for n in (16, 72, 96, 120, 144, 960)] == [8, 24, 24, 32, 40, 240]
