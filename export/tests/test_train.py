from __future__ import annotations

import dataclasses
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgefer.errors import ConfigError, ModelError
from edgefer_export import train as loop
from edgefer_export.augment import NONE, augment
from edgefer_export.cli import main
from edgefer_export.data import Split
from edgefer_export.evaluate import tensors
from edgefer_export.recipe import Recipe, Stage
from edgefer_export.runs import Run, read_checkpoint, read_metrics, read_run
from edgefer_export.train import batches, learning_rate, network_input, start, train

RECIPE = """
seed = 3
batch = 16
warmup_epochs = 1
[[stages]]
size = 32
epochs = 2
[[stages]]
size = 48
epochs = 1
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
        [list(row.values())[:-1] for row in read_metrics(tmp_path / name)]
        for name in ("whole", "cut")
    ]
    assert without_seconds[0] == without_seconds[1]


def test_a_checkpoint_holds_the_five_parts_of_the_state(finished: Run) -> None:
    state = read_checkpoint(finished.folder / "last.pt")
    assert set(state) == {"network", "average", "optimizer", "rng", "epoch"}


def test_every_epoch_leaves_one_line_of_metrics(finished: Run) -> None:
    assert [row["epoch"] for row in read_metrics(finished.folder)] == ["1", "2"]


def test_lines_of_epochs_that_have_no_checkpoint_are_dropped_on_resume(
    tmp_path: Path, tiny: Recipe, training: Split, public: Split
) -> None:
    train(tiny, training, public, tmp_path)
    with (tmp_path / "metrics.csv").open("a", encoding="utf-8") as file:
        file.write("3,32,0.1,1.0,0.2,0.3,9.9\r\n4,32,0.")
    train(tiny, training, public, tmp_path, resume=True)
    assert [row["epoch"] for row in read_metrics(tmp_path)] == ["1", "2"]


def test_a_run_is_not_overwritten_without_resume(
    finished: Run, tiny: Recipe, training: Split, public: Split
) -> None:
    with pytest.raises(ConfigError, match="--resume"):
        train(tiny, training, public, finished.folder)


@pytest.mark.parametrize("change", [{"lr": 0.05}, {"seed": 1}, {"votes_weight": 0.0}])
def test_resuming_with_another_recipe_is_refused_and_says_what_changed(
    finished: Run, tiny: Recipe, training: Split, public: Split, change: dict[str, float]
) -> None:
    other = dataclasses.replace(tiny, **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=next(iter(change))):
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
    recipe = dataclasses.replace(tiny, stages=(Stage(32, 4),), augmentation=NONE, lr=0.02, ema=0.5)
    train(recipe, split, split, tmp_path)
    first, *_, last = read_metrics(tmp_path)
    assert float(last["train_loss"]) < float(first["train_loss"])
    assert float(last["train_accuracy"]) > 0.9


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
    assert max(rates) == pytest.approx(tiny.lr, rel=0.01)
    assert rates[-1] == pytest.approx(0, abs=1e-9)


def test_an_epoch_sees_no_row_twice() -> None:
    rows = torch.cat(list(batches(50, 16, torch.Generator().manual_seed(0))))
    assert len(rows) == 48
    assert len(set(rows.tolist())) == 48


def test_biases_and_batchnorm_are_not_decayed(tiny: Recipe) -> None:
    decayed, plain = start(tiny).optimizer.param_groups
    assert decayed["weight_decay"] == tiny.weight_decay
    assert plain["weight_decay"] == 0
    assert all(p.ndim > 1 for p in decayed["params"])
    assert all(p.ndim == 1 for p in plain["params"])


def test_training_and_serving_show_the_network_the_same_picture(
    tiny: Recipe, public: Split
) -> None:
    recipe = dataclasses.replace(tiny, stages=(Stage(64, 2),))
    served = tensors(public.images, recipe.input())
    pixels = augment(torch.from_numpy(public.images), 64, NONE, torch.Generator())
    trained = network_input(pixels, recipe).numpy()
    # Serving rounds to whole grey values, and OpenCV places pixels to 1/32 of one.
    assert np.abs(served - trained).mean() * recipe.std * 255 < 0.6
    assert np.abs(served - trained).max() * recipe.std * 255 < 12


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
