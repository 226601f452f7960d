"""A made-up data set, and a tiny run trained on it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edgefer_export.data import Split, load_splits
from edgefer_export.evaluate import tensors
from edgefer_export.recipe import Recipe, Schedule, Stage, Target
from edgefer_export.runs import Run, read_run
from edgefer_export.train import train
from edgefer_export.zoo import build

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Sums do not depend on how many threads there are, and tests share the machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data and models that the repository may not hold: `../shared`, or where
    EDGEFER_SHARED says. Without it the test is skipped, except in CI."""
    folder = Path(os.environ.get("EDGEFER_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        reason = f"no {folder}: put the shared media there or set EDGEFER_SHARED"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """56 training rows, two of them blank, and 28 public ones, four of them copies."""
    rng = np.random.default_rng(0)
    n = 84
    images = rng.integers(0, 256, (n, 48, 48), dtype=np.uint8)
    flat = np.zeros(n, bool)
    flat[[3, 30]] = True
    images[flat] = 0
    votes = rng.multinomial(10, (0.4, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.03, 0.02), size=n)
    path = tmp_path_factory.mktemp("data") / "fer2013.npz"
    np.savez(
        path,
        images=images,
        labels=(np.arange(n) % 7).astype(np.int8),
        usage=(np.arange(n) >= 56).astype(np.int8),
        ferplus_votes=votes.astype(np.int8),
        leak=np.isin(np.arange(n), (60, 61, 70, 83)),
        flat=flat,
    )
    return path


@pytest.fixture(scope="session")
def training(npz: Path) -> Split:
    return load_splits(npz)["train"].faces()


@pytest.fixture(scope="session")
def public(npz: Path) -> Split:
    return load_splits(npz)["public"]


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """The real network on the smallest pictures it takes, for two epochs."""
    return Recipe(
        name="tiny",
        stages=(Stage(32, 2),),
        batch=16,
        schedule=Schedule(warmup_epochs=1),
        target=Target(votes=0.3),
    )


@pytest.fixture(scope="session")
def finished(
    tiny: Recipe, training: Split, public: Split, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A run that has ended. Nobody may write into its folder."""
    folder = tmp_path_factory.mktemp("run")
    train(tiny, training, public, folder)
    return read_run(folder)


@pytest.fixture(scope="session")
def settled(finished: Run, public: Split) -> Run:
    """The same run with a network whose BatchNorm statistics fit its weights: after so few
    steps the real ones do not, and answers of millions would hide a small difference."""
    network = build(finished.recipe.network).train()
    for layer in network.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum = 1.0
    network(torch.from_numpy(tensors(public.images, finished.recipe.input())))
    return dataclasses.replace(finished, network=network.eval())


@pytest.fixture(scope="session")
def lessons() -> dict[str, Split]:
    """Seven patterns, each an expression, in noise: 70 training rows and 70 public ones."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(40, 216, (7, 4, 4)).repeat(12, axis=1).repeat(12, axis=2)
    labels = np.arange(70) % 7
    splits = {}
    for name in ("train", "public"):
        noise = rng.normal(0, 8, (70, 48, 48))
        images = (patterns[labels] + noise).clip(0, 255).astype(np.uint8)
        splits[name] = Split(name, images, labels.astype(np.int64))
    return splits


@pytest.fixture(scope="session")
def certain(finished: Run, lessons: dict[str, Split]) -> Run:
    """The finished run with a network that has learned the lessons: its answers are far enough
    apart that rounding does not change them."""
    torch.manual_seed(0)
    network = build(finished.recipe.network).train()
    split = lessons["train"]
    batch = torch.from_numpy(tensors(split.images, finished.recipe.input()))
    labels = torch.from_numpy(split.labels)
    steps = torch.optim.AdamW(network.parameters(), lr=2e-3)
    for _ in range(12):
        steps.zero_grad()
        nn.functional.cross_entropy(network(batch), labels).backward()  # type: ignore[no-untyped-call]
        steps.step()
    for layer in network.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum = 1.0
    with torch.no_grad():
        network(batch)
    rows = {
        "train": {"rows": 70, "digest": split.digest()},
        "validation": {"split": "public", "rows": 70, "digest": lessons["public"].digest()},
    }
    return dataclasses.replace(finished, network=network.eval(), record={**finished.record, **rows})
