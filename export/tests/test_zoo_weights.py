from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from edgefer.errors import ConfigError, ModelError
from edgefer_export.zoo import build
from edgefer_export.zoo.weights import read_weights, transfer

BLOCKS = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}


def batch_norm(name: str, width: int) -> dict[str, Tensor]:
    return {
        f"{name}.weight": torch.rand(width),
        f"{name}.bias": torch.rand(width),
        f"{name}.running_mean": torch.rand(width),
        f"{name}.running_var": torch.rand(width),
        f"{name}.num_batches_tracked": torch.tensor(9),
    }


@pytest.fixture(scope="module")
def torchvision() -> dict[str, Tensor]:
    """Made-up values under the names and in the shapes of torchvision's resnet50."""
    torch.manual_seed(0)
    state = {"conv1.weight": torch.rand(64, 3, 7, 7), **batch_norm("bn1", 64)}
    inputs = 64
    for (stage, depth), width in zip(BLOCKS.items(), (64, 128, 256, 512), strict=True):
        for block in range(depth):
            at = f"{stage}.{block}"
            for i, (outputs, reads, kernel) in enumerate(
                ((width, inputs, 1), (width, width, 3), (4 * width, width, 1)), start=1
            ):
                state[f"{at}.conv{i}.weight"] = torch.rand(outputs, reads, kernel, kernel)
                state |= batch_norm(f"{at}.bn{i}", outputs)
            if block == 0:
                state[f"{at}.downsample.0.weight"] = torch.rand(4 * width, inputs, 1, 1)
                state |= batch_norm(f"{at}.downsample.1", 4 * width)
            inputs = 4 * width
    state |= {"fc.weight": torch.rand(1000, 2048), "fc.bias": torch.rand(1000)}
    assert sum(t.numel() for n, t in state.items() if "running" not in n and t.ndim) == 25_557_032
    return state


def test_all_but_the_head_of_torchvisions_resnet50_is_loaded(
    torchvision: dict[str, Tensor],
) -> None:
    network = build("resnet50-bottleneck", channels=3)
    head = network.get_parameter("fc.weight").clone()
    loaded, skipped = transfer(network, torchvision)
    assert skipped == (
        ("fc.weight", "1000 x 2048 in the file, 7 x 2048 here"),
        ("fc.bias", "1000 in the file, 7 here"),
    )
    own = network.state_dict()
    assert set(loaded) == {n for n in own if not n.endswith("tracked")} - {"fc.weight", "fc.bias"}
    assert all(torch.equal(own[name], torchvision[name]) for name in loaded)
    assert torch.equal(own["fc.weight"], head)


def test_a_grey_network_answers_as_the_colour_one_does_to_grey(
    torchvision: dict[str, Tensor],
) -> None:
    network = build("resnet50-bottleneck", channels=1)
    loaded, _ = transfer(network, torchvision)
    assert "conv1.weight" in loaded
    filters = network.get_parameter("conv1.weight")
    grey = torch.rand(1, 1, 20, 20)
    with torch.no_grad():
        ours = nn.functional.conv2d(grey, filters)
        theirs = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), torchvision["conv1.weight"])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)


def test_what_is_on_one_side_only_is_told() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    state = {"0.weight": torch.ones(2, 2), "2.weight": torch.ones(2, 2), "0.bias": torch.ones(2)}
    loaded, skipped = transfer(network, state)
    assert loaded == ("0.weight", "0.bias")
    assert skipped == (("1.weight", "not in the file"), ("2.weight", "not in this network"))


def test_half_precision_weights_are_taken() -> None:
    network = nn.Linear(2, 2)
    transfer(network, {"weight": torch.full((2, 2), 0.5, dtype=torch.float16)})
    assert network.weight.dtype == torch.float32
    assert bool((network.weight == 0.5).all())


@pytest.mark.parametrize(
    "state",
    [{"other": torch.ones(2)}, {"weight": torch.ones(2, 2), "bias": torch.tensor([0, torch.nan])}],
)
def test_weights_of_no_use_are_refused_and_change_nothing(state: dict[str, Tensor]) -> None:
    network = nn.Linear(2, 2)
    before = network.weight.clone()
    with pytest.raises(ModelError):
        transfer(network, state)
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize("wrapped", ["", "state_dict", "model", "average"])
def test_weights_are_found_in_the_usual_wrappings(tmp_path: Path, wrapped: str) -> None:
    state = {f"module.{k}": v for k, v in nn.Linear(2, 2).state_dict().items()}
    path = tmp_path / "weights.pth"
    torch.save({wrapped: state, "epoch": 3} if wrapped else state, path)
    read = read_weights(path)
    assert set(read) == {"weight", "bias"}
    assert torch.equal(read["weight"], state["module.weight"])


def test_weights_in_the_format_of_before_torch_1_6_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path, _use_new_zipfile_serialization=False)
    assert set(read_weights(path)) == {"weight", "bias"}


class Harm:
    """Unpickled, it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


def test_a_file_that_would_run_code_is_refused_and_does_not(tmp_path: Path) -> None:
    path, done = tmp_path / "weights.pth", tmp_path / "done"
    torch.save({"weight": Harm(done)}, path)
    with pytest.raises(ModelError):
        read_weights(path)
    assert not done.exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04broken"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        read_weights(path)
    with pytest.raises(ConfigError):
        read_weights(tmp_path / "none.pth")


def test_a_table_without_tensors_is_refused_and_its_keys_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"epoch": 3, "lr": 0.1}, path)
    with pytest.raises(ModelError, match="epoch, lr"):
        read_weights(path)
