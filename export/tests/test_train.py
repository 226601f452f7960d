from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from edgefer.errors import ConfigError, ModelError
from edgefer_export import runs
from edgefer_export import train as loop
from edgefer_export.augment import NONE, augment
from edgefer_export.checkpoint import read_checkpoint
from edgefer_export.cli import main
from edgefer_export.data import Split
from edgefer_export.evaluate import tensors
from edgefer_export.recipe import Optimizer, Recipe, Schedule, Stage, Target
from edgefer_export.runs import Run, read_metrics, read_run
from edgefer_export.targets import targets
from edgefer_export.train import (
    Machine,
    Rows,
    batches,
    learning_rate,
    machine,
    network_input,
    one_epoch,
    pixels_of,
    stalls,
    start,
    train,
)

CPU = machine("cpu", autocast=True)

RECIPE = """
seed = 3
batch = 16
[[stages]]
size = 32
epochs = 2
[[stages]]
size = 48
epochs = 1
[schedule]
warmup_epochs = 1
[target]
mixup = 0.3
"""


def same(first: Any, second: Any) -> bool:
    """Equal to the last bit, through tables and lists."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


def test_a_run_killed_at_a_random_moment_resumes_to_the_same_weights(
    tmp_path: Path, npz: Path
) -> None:
    (tmp_path / "kill.toml").write_text(RECIPE, encoding="utf-8")

    def command(folder: str) -> list[str]:
        recipe, out = str(tmp_path / "kill.toml"), str(tmp_path / folder)
        return ["train", recipe, "--data", str(npz), "--out", out, "--threads", "1"]

    assert main(command("whole")) == 0

    program = [sys.executable, "-m", "edgefer_export.cli", *command("cut")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(line.startswith("epoch 1/") for line in process.stdout)
        try:
            process.wait(random.uniform(0, 1))  # the moment of the kill; nothing else waits for it
        except subprocess.TimeoutExpired:
            process.kill()
    assert process.returncode in (-signal.SIGKILL, 0)

    assert main([*command("cut"), "--resume"]) == 0
    whole, cut = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "cut"))
    assert whole["epoch"] == 3
    assert same(whole, cut)
    without_seconds = [
        [dataclasses.replace(line, seconds=0) for line in read_metrics(tmp_path / name)]
        for name in ("whole", "cut")
    ]
    assert without_seconds[0] == without_seconds[1]


def test_a_checkpoint_holds_the_whole_state(finished: Run) -> None:
    state = read_checkpoint(finished.folder / "last.pt")
    parts = "network average optimizer scaler rng dropout epoch accuracies"
    assert set(state) == set(parts.split())


def test_every_epoch_leaves_one_line_of_metrics(finished: Run) -> None:
    assert [line.epoch for line in read_metrics(finished.folder)] == [1, 2]


def test_lines_of_epochs_that_have_no_checkpoint_are_dropped_on_resume(
    tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    train(tiny, training, public, tmp_path)
    with (tmp_path / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write("3,32,0.1,1.0,0.2,0.9,0.3,9.9\r\n4,32,0.")
    train(tiny, training, public, tmp_path, resume=True)
    assert [line.epoch for line in read_metrics(tmp_path)] == [1, 2]


def test_a_run_is_not_overwritten_without_resume(
    finished: Run, tiny: Recipe, training: Split, public: Split
) -> None:
    with pytest.raises(ConfigError, match="--resume"):
        train(tiny, training, public, finished.folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"optimizer": Optimizer(lr=0.05)}, "recipe.optimizer.lr was 0.1, is 0.05"),
        ({"seed": 1}, "recipe.seed was 0, is 1"),
        ({"target": Target(votes=0.0)}, "recipe.target.votes was 0.3, is 0.0"),
    ],
)
def test_resuming_with_another_recipe_is_refused_and_says_what_changed(
    finished: Run, tiny: Recipe, training: Split, public: Split, change: dict[str, Any], named: str
) -> None:
    other = dataclasses.replace(tiny, **change)
    with pytest.raises(ConfigError, match=named):
        train(other, training, public, finished.folder, resume=True)


def test_resuming_with_other_data_is_refused(
    finished: Run, tiny: Recipe, training: Split, public: Split
) -> None:
    with pytest.raises(ConfigError, match="digest"):
        train(tiny, training.where(np.arange(40)), public, finished.folder, resume=True)


def test_less_than_one_batch_is_refused(
    tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    with pytest.raises(ConfigError, match="one batch"):
        train(tiny, training.where(np.arange(10)), public, tmp_path)


def test_a_diverged_epoch_is_refused_and_the_one_before_kept(
    tmp_path: Path,
    tiny: Recipe,
    training: Split,
    public: Split,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = loop.one_epoch

    def second_diverges(state: loop.State, *rest: Any) -> tuple[float, float, float]:
        loss, right, lr = good(state, *rest)
        return (float("nan") if state.epoch == 2 else loss), right, lr

    monkeypatch.setattr(loop, "one_epoch", second_diverges)
    with pytest.raises(ModelError, match="diverged in epoch 2"):
        train(tiny, training, public, tmp_path)
    assert read_checkpoint(tmp_path / "last.pt")["epoch"] == 1


def test_training_learns_to_tell_black_from_white(tmp_path: Path, tiny: Recipe) -> None:
    white = np.arange(64) % 2
    images = np.repeat((white * 255).astype(np.uint8), 48 * 48).reshape(-1, 48, 48)
    split = Split("train", images, np.where(white, 3, 4))
    recipe = dataclasses.replace(tiny, stages=(Stage(32, 4),), augmentation=NONE, ema=0.5)
    recipe = dataclasses.replace(recipe, optimizer=Optimizer(lr=0.02))
    train(recipe, split, split, tmp_path)
    first, *_, last = read_metrics(tmp_path)
    assert last.train_loss < first.train_loss
    assert last.train_accuracy > 0.9


def test_the_average_is_the_model(finished: Run) -> None:
    state = read_checkpoint(finished.folder / "last.pt")
    assert same(dict(finished.network.state_dict()), dict(state["average"]))
    assert not same(dict(state["network"]), dict(state["average"]))


def test_the_learning_rate_rises_then_falls_to_nothing(tiny: Recipe) -> None:
    epochs = np.linspace(0, tiny.epochs, 101)
    rates = [learning_rate(tiny, float(e)) for e in epochs]
    top = rates.index(max(rates))
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(tiny.optimizer.lr, rel=0.01)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_an_epoch_sees_no_row_twice() -> None:
    rows = torch.cat(list(batches(50, 16, torch.Generator().manual_seed(0))))
    assert len(rows) == 48
    assert len(set(rows.tolist())) == 48


def test_biases_and_batchnorm_are_not_decayed(tiny: Recipe) -> None:
    decayed, plain = start(tiny, CPU).optimizer.param_groups
    assert decayed["weight_decay"] == tiny.optimizer.weight_decay
    assert plain["weight_decay"] == 0
    assert all(p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim == 1 for p in plain["params"])


def test_training_and_serving_show_the_network_the_same_picture(
    tiny: Recipe, public: Split
) -> None:
    recipe = dataclasses.replace(tiny, stages=(Stage(64, 2),))
    served = tensors(public.images, recipe.input())
    how = recipe.input()
    pixels = augment(pixels_of(public, how), 64, NONE, torch.Generator())
    trained = network_input(pixels, how).numpy()
    # Serving rounds to whole grey values, and OpenCV places pixels to 1/32 of one.
    assert np.abs(served - trained).mean() * how.std[0] * 255 < 0.6
    assert np.abs(served - trained).max() * how.std[0] * 255 < 12


@pytest.mark.parametrize("planes", [("grey", "equalised", "edges"), ("clahe",)])
def test_training_makes_the_planes_that_the_device_makes(
    tiny: Recipe, public: Split, planes: tuple[str, ...]
) -> None:
    table = {"planes": list(planes), "mean": 0.5, "std": 0.5}
    recipe = dataclasses.replace(tiny, stages=(Stage(48, 2),), preprocessing=table)
    how = recipe.input()
    served = tensors(public.images, how)
    trained = network_input(pixels_of(public, how).float() / 255, how).numpy()
    np.testing.assert_allclose(served, trained, atol=1e-6)


def test_colour_is_red_green_blue_where_the_recipe_says_so(tiny: Recipe) -> None:
    blue = np.zeros((1, 48, 48, 3), np.uint8)
    blue[..., 0] = 255
    split = Split("train", blue, np.zeros(1, np.int64))
    how = dataclasses.replace(tiny, preprocessing={"colour": "rgb"}).input()
    assert pixels_of(split, how)[0, :, 0, 0].tolist() == [0, 0, 255]
    grey = dataclasses.replace(tiny).input()
    assert pixels_of(split, grey).shape == (1, 1, 48, 48)


def test_the_cosine_begins_again_with_each_cycle(tiny: Recipe) -> None:
    recipe = dataclasses.replace(
        tiny, stages=(Stage(32, 12),), schedule=Schedule(warmup_epochs=0, cycles=3)
    )
    rates = [learning_rate(recipe, epoch) / 0.1 for epoch in (0, 2, 3.999, 4, 8, 12)]
    assert rates == pytest.approx([1, 0.5, 0, 1, 1, 0], abs=1e-3)


def test_a_plateau_lowers_the_learning_rate_after_its_patience(tiny: Recipe) -> None:
    recipe = dataclasses.replace(
        tiny, schedule=Schedule(name="plateau", warmup_epochs=0, patience=2, factor=0.1)
    )
    better, stalled = [0.1, 0.2, 0.3], [0.1, 0.2, 0.2, 0.1]
    assert learning_rate(recipe, 3, better) == pytest.approx(0.1)
    assert learning_rate(recipe, 4, stalled) == pytest.approx(0.01)
    assert stalls([0.5, 0.5, 0.5, 0.5, 0.5], 2) == 2
    assert stalls([0.5, 0.4, 0.6, 0.5, 0.7], 2) == 0


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimizer_learns_and_a_clipped_step_is_no_longer_than_its_clip(
    name: str, tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    how = Optimizer(name=name, lr=1e-3, weight_decay=0.0, clip=1e-3, momentum=0.0)
    before = {k: v.detach().clone() for k, v in start(seeded(tiny), CPU).network.named_parameters()}
    train(dataclasses.replace(tiny, optimizer=how), training, public, tmp_path)
    after = read_checkpoint(tmp_path / "last.pt")["network"]
    moved = float(sum(((after[k] - v) ** 2).sum() for k, v in before.items())) ** 0.5
    assert moved > 0
    if name == "sgd":  # lr times clip, six steps; the others scale each value's step
        assert moved <= 6 * 1e-3 * 1e-3 * 1.01


def seeded(recipe: Recipe) -> Recipe:
    """So that the next network gets the first weights of a run of this recipe."""
    torch.manual_seed(recipe.seed)
    return recipe


def test_the_best_epoch_is_kept_beside_the_last(
    tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    recipe = dataclasses.replace(tiny, keep="best", stages=(Stage(32, 4),))
    train(recipe, training, public, tmp_path)
    accuracies = [line.validation_accuracy for line in read_metrics(tmp_path)]
    run = read_run(tmp_path)
    assert accuracies[run.epoch - 1] == max(accuracies)
    assert run.epoch == 4 - accuracies[::-1].index(max(accuracies))  # the later of equals


def test_first_weights_can_be_given(
    tmp_path: Path, finished: Run, tiny: Recipe, training: Split, public: Split
) -> None:
    still = dataclasses.replace(tiny, optimizer=Optimizer(lr=0.0), ema=0.0)
    weights = finished.network.state_dict()
    train(still, training, public, tmp_path, weights=weights)
    after = read_checkpoint(tmp_path / "last.pt")["network"]
    assert all(torch.equal(after[k], v) for k, v in weights.items() if "weight" in k)


def test_dropout_draws_the_same_after_a_resume(
    tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    recipe = dataclasses.replace(
        tiny, network="model-b", stages=(Stage(48, 2),), preprocessing={"channels": 1}
    )
    train(recipe, training, public, tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stop(*_: Any) -> None:
        raise Stopped

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "draw_curves", stop)  # the last thing that an epoch does
        with pytest.raises(Stopped):
            train(recipe, training, public, tmp_path / "cut")
    torch.rand(7)  # whatever else draws in between
    train(recipe, training, public, tmp_path / "cut", resume=True)
    whole, cut = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "cut"))
    assert same(whole, cut)


def test_a_run_draws_its_curves(finished: Run) -> None:
    for name in ("accuracy.png", "loss.png"):
        picture = cv2.imread(str(finished.folder / name))
        assert picture is not None
        assert picture.std() > 5


def test_half_precision_with_scaled_gradients_learns_as_well(tiny: Recipe, training: Split) -> None:
    """What CUDA devices without bfloat16 do, on the processor."""
    where = Machine(torch.device("cpu"), torch.float16)
    state = start(seeded(tiny), where)
    assert state.scaler.is_enabled()
    # The default scale overflows at first and is halved; an epoch here has three steps only.
    state.scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    rows = Rows(
        pixels_of(training, tiny.input()),
        torch.from_numpy(targets(training, tiny.target)),
        torch.from_numpy(training.labels),
    )
    before = [p.detach().clone() for p in state.network.parameters()]
    loss, _, _ = one_epoch(state, tiny, rows, where)
    assert np.isfinite(loss)
    after = list(state.network.parameters())
    assert all(bool(torch.isfinite(p).all()) for p in after)
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: pytest -m gpu")
def test_a_run_on_cuda_is_read_back_on_the_processor(
    tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    train(tiny, training, public, tmp_path, device="cuda")
    assert next(read_run(tmp_path).network.parameters()).device.type == "cpu"


def test_a_cuda_device_that_is_absent_is_refused_with_the_remedy() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(ConfigError, match="finds no CUDA device"):
        machine("cuda", autocast=True)


def test_a_run_records_its_commit_and_its_machine(finished: Run) -> None:
    assert {"commit", "torch", "machine", "train", "validation"} <= set(finished.record)


def test_a_folder_that_is_no_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="edgefer-export train"):
        read_run(tmp_path)


def test_a_cut_checkpoint_is_a_model_error(tmp_path: Path, finished: Run) -> None:
    (tmp_path / "recipe.json").write_bytes((finished.folder / "recipe.json").read_bytes())
    whole = (finished.folder / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="checkpoint"):
        read_run(tmp_path)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    torch.save({"epoch": Path("not a tensor")}, tmp_path / "last.pt")
    with pytest.raises(ModelError, match="not a checkpoint"):
        read_checkpoint(tmp_path / "last.pt")
