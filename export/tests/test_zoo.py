from __future__ import annotations

import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
import torch

from edgefer.bench.reported import TABLE_1
from edgefer.errors import ConfigError, UnknownName
from edgefer.spec import Preprocessing
from edgefer_export import measure
from edgefer_export.cli import main
from edgefer_export.to_onnx import to_graph
from edgefer_export.zoo import NETWORKS, build

NOT_REPRODUCED = {
    "mobilenetv2-bn": -133,
    "mobilenetv3-large": -892_440,
    "mobilenetv3-small": -1_412_520,
}
"""No layout with the published count is known; how far the closest one is from it."""
OF_OWN_LAYERS = [n for n in NETWORKS if n not in {"vgg11-bn", "vgg13-bn", "vgg19", "alexnet"}]
"""Without large ones that are made of nothing else than vgg16-bn or alexnet-bn is."""
EXACT = [n.name for n in NETWORKS.values() if n.published and n.name not in NOT_REPRODUCED]


@pytest.mark.parametrize("name", EXACT)
def test_the_reconstruction_has_the_published_number_of_parameters(name: str) -> None:
    of = NETWORKS[name]
    assert of.parameters == of.published
    assert of.difference == 0
    assert of.reproduction == "exact"


@pytest.mark.parametrize(("name", "difference"), NOT_REPRODUCED.items())
def test_the_difference_is_told_where_the_count_is_not_reproduced(
    name: str, difference: int
) -> None:
    of = NETWORKS[name]
    assert of.published is not None
    assert of.parameters - of.published == difference == of.difference
    assert of.reproduction == f"reconstruction, differs by {difference:+,}"
    assert f"has {of.parameters:,}" in TABLE_1[name].sic, "the bench's tables tell it too"


def test_every_row_of_table_1_is_in_the_zoo_and_17_they_are() -> None:
    assert len(TABLE_1) == 17
    assert {name: row.parameters for name, row in TABLE_1.items()} == {
        name: NETWORKS[name].published for name in TABLE_1
    }
    assert len(EXACT) == 17 - len(NOT_REPRODUCED) + 2  # and Models A and B


@pytest.mark.parametrize("label", [name for name, row in TABLE_1.items() if row.fps])
def test_reported_totals_are_what_one_loop_of_the_reported_parts_gives(label: str) -> None:
    """So no digit was typed wrong, and the one that is odd was printed so."""
    row = TABLE_1[label]
    assert row.fps is not None
    total, classification, detection = row.fps
    if "92.49 is meant" in row.sic:
        assert detection == 9249
        detection = 92.49
    whole = total == int(total)  # the paper's own net was printed without decimals
    serial = 1 / (1 / classification + 1 / detection)
    assert total == pytest.approx(serial, abs=0.5 if whole else 0.02)


@pytest.mark.parametrize(
    ("name", "million"),
    [
        ("lightweight", 140.5),
        ("lightweight-residual", 140.5),
        ("vgg16-bn", 1271.7),
        ("resnet18", 148.0),
        ("mobilenetv1", 46.4),
        ("mobilenetv2", 22.9),
        ("googlenet", 129.1),
        ("lenet", 10.2),
        ("alexnet", 609.5),
    ],
)
def test_macs_at_64_px_in_colour_are_the_known_ones(name: str, million: float) -> None:
    with torch.device("meta"):
        network = build(name)
    assert measure.macs(network, (3, 64, 64)) / 1e6 == pytest.approx(million, abs=0.05)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_answers_pictures_of_32_48_and_64_px(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, classes=5, channels=1, size=48).eval()
    with torch.no_grad():
        for size in (32, 48, 64):
            logits = network(torch.rand(2, 1, size, size))
            assert logits.shape == (2, 5)
            assert logits.isfinite().all()
            assert not torch.equal(logits[0], logits[1])  # the picture matters


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_takes_grey_and_colour_of_several_sizes(name: str, channels: int) -> None:
    with torch.device("meta"):
        network = build(name, channels=channels).eval()
        for size in (32, 40, 47, 48, 64, 96):
            assert network(torch.zeros(2, channels, size, size)).shape == (2, 7)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_least_input_is_one_that_works(name: str) -> None:
    least = NETWORKS[name].least
    with torch.device("meta"):
        network = build(name, size=least).eval()
        assert network(torch.zeros(2, 3, least, least)).shape == (2, 7)


@pytest.mark.parametrize("name", OF_OWN_LAYERS)
def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, channels=1, size=48).train()
    logits = network(torch.rand(4, 1, 48, 48))
    loss = torch.nn.functional.cross_entropy(logits, torch.arange(4))
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        if parameter.ndim > 1:  # a bias before a BatchNorm has none to speak of
            assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *((name, 48) for name in OF_OWN_LAYERS),
        # where the grid before the head fits as it is, is averaged, or padding is odd
        *(("lenet", 64), ("model-a", 64), ("mobilenetv2", 64), ("resnet18", 72)),
    ],
)
def test_a_network_answers_in_onnx_runtime_as_in_torch_whatever_the_batch(
    name: str, size: int
) -> None:
    torch.manual_seed(0)
    network = build(name, channels=1, size=size).eval()
    how = Preprocessing(size, size, channels=1, colour="grey", mean=(0.5,), std=(0.5,))
    model = to_graph(network, how)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 13)]
    assert not {node.op_type for node in model.graph.node} & {"Slice", "Shape", "Transpose"}
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for batch in (1, 3):  # the file was written with a batch of two
        x = torch.rand(batch, 1, size, size) * 2 - 1
        with torch.no_grad():
            wanted = network(x).numpy()
        (logits,) = session.run(None, {"input": x.numpy()})
        assert logits.shape == (batch, 7)
        np.testing.assert_allclose(logits, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


def test_the_shortcut_adds_the_first_convolution_to_the_last_before_its_relu() -> None:
    from edgefer_export.zoo.lightweight import Residual

    block = Residual(2, 4).eval()
    for parameter in block.rest.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(1, 2, 6, 6)
    with torch.no_grad():
        assert torch.equal(block(x), block.first(x))


def test_weights_of_lightweight_residual_keep_their_names() -> None:
    names = set(build("lightweight-residual").state_dict())
    assert {"stem.0.weight", "blocks.0.first.0.weight", "blocks.3.rest.2.1.running_var"} <= names
    assert {"blocks.3.rest.3.weight", "blocks.3.rest.4.bias", "hidden.0.bias"} <= names
    assert {"logits.0.weight", "logits.1.running_mean"} <= names


def test_the_same_seed_gives_the_same_weights() -> None:
    def first(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([p.flatten() for p in build("mobilenetv2").parameters()])

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_an_unknown_network_is_refused_and_the_nearest_offered() -> None:
    with pytest.raises(UnknownName) as caught:
        build("mobilenet-v2")
    assert caught.value.nearest == "mobilenetv2"


@pytest.mark.parametrize("wrong", [{"size": 31}, {"channels": 0}, {"classes": 1}])
def test_an_input_or_answer_that_does_not_fit_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"needs at least .* were asked for"):
        build("vgg16-bn", **wrong)


def test_the_list_of_networks_is_had_without_torch() -> None:
    code = "import sys, edgefer_export.zoo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_listing_fits_a_terminal_and_names_every_network(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for name in NETWORKS:
        assert out.count(f"\n| {name} ") == 2  # among the counts and among the notes
    assert "| -892,440   |" in out
    assert "exact" in out
    assert "reconstructions" in out


def test_the_listing_is_one_table_in_markdown_at_the_size_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["zoo", "--markdown", "--size", "48", "--channels", "1"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if "| model-a " in line)
    assert "70.4 M" in row
    assert "two 3x3" in row
    assert "48x48x1" in out


def test_a_size_that_some_network_cannot_take_is_refused() -> None:
    assert main(["zoo", "--size", "8"]) == 2
