"""One training run, from top to bottom: data, network, loop, checkpoint.

A run has a folder of its own:

    recipe.json       what was asked, with the data's digests and the versions
    metrics.csv       one line an epoch
    last.pt           everything `--resume` needs, replaced whole after each epoch
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgefer.errors import ConfigError
from edgefer.files import replacing
from edgefer_export.augment import NONE, augment
from edgefer_export.data import Split, soft_targets
from edgefer_export.recipe import Recipe
from edgefer_export.zoo.lightweight import Lightweight

COLUMNS = ("epoch", "size", "lr", "train_loss", "train_accuracy", "public_accuracy", "seconds")


@dataclass
class Run:
    """What changes while training; `last.pt` holds exactly this."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    rng: torch.Generator
    epoch: int = 0

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rng": self.rng.get_state(),
            "epoch": self.epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        for part in ("network", "average", "optimizer"):
            getattr(self, part).load_state_dict(state[part])
        self.rng.set_state(state["rng"])
        self.epoch = state["epoch"]


def train(
    recipe: Recipe, training: Split, public: Split, folder: Path, resume: bool = False
) -> Path:
    """Train to the last epoch and return the checkpoint, `folder/last.pt`.

    The public split is only watched: no epoch is chosen by it, the last average is the model.
    Killed at any moment, `resume=True` goes on after the last whole epoch.
    """
    last = folder / "last.pt"
    if last.exists() and not resume:
        raise ConfigError(f"{last} exists; give --resume to go on, or another --out")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    run = start(recipe)
    if resume and last.exists():
        run.restore(torch.load(last, weights_only=True))
    else:
        describe(recipe, training, public, folder)
    images = torch.from_numpy(training.images)
    targets = torch.from_numpy(soft_targets(training, recipe.votes_weight))
    labels = torch.from_numpy(training.labels)
    steps = len(training) // recipe.batch

    while run.epoch < recipe.epochs:
        began = time.perf_counter()
        size = recipe.size_at(run.epoch)
        loss_sum, right = 0.0, 0
        run.network.train()
        for step, rows in enumerate(batches(len(training), recipe.batch, run.rng)):
            lr = learning_rate(recipe, run.epoch + step / steps)
            for group in run.optimizer.param_groups:
                group["lr"] = lr
            x = network_input(augment(images[rows], size, recipe.augmentation, run.rng), recipe)
            with torch.autocast("cpu", torch.bfloat16):
                logits = run.network(x)
            loss = nn.functional.cross_entropy(logits.float(), targets[rows])
            run.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            run.optimizer.step()
            seen = run.epoch * steps + step
            update_average(run.average, run.network, min(recipe.ema, (1 + seen) / (10 + seen)))
            loss_sum += loss.item()
            right += int((logits.argmax(1) == labels[rows]).sum())
        run.epoch += 1
        probs = predict(run.average, public, recipe, size)
        accuracy = float((probs.argmax(1) == torch.from_numpy(public.labels)).float().mean())
        seconds = time.perf_counter() - began
        row = (
            run.epoch,
            size,
            f"{lr:.5f}",
            f"{loss_sum / steps:.4f}",
            f"{right / (steps * recipe.batch):.4f}",
            f"{accuracy:.4f}",
            f"{seconds:.1f}",
        )
        append_row(folder / "metrics.csv", row)
        save(run.state(), last)
        left = (recipe.epochs - run.epoch) * seconds / 60
        print(
            f"epoch {run.epoch}/{recipe.epochs} at {size} px: loss {row[3]}, train {row[4]}, "
            f"public {row[5]}, {steps * recipe.batch / seconds:.0f} images/s, {left:.0f} min left",
            flush=True,
        )
    return last


def start(recipe: Recipe) -> Run:
    """A fresh network, its average and its optimizer; biases and BatchNorm are not decayed."""
    network = Lightweight().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = Lightweight().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average.load_state_dict(network.state_dict())
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain}],
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=True,
    )
    return Run(network, average, optimizer, torch.Generator().manual_seed(recipe.seed))


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """A linear warm-up, then half a cosine down to zero at the last step."""
    if epoch < recipe.warmup_epochs:
        return recipe.lr * (epoch + 0.01) / (recipe.warmup_epochs + 0.01)
    done = (epoch - recipe.warmup_epochs) / (recipe.epochs - recipe.warmup_epochs)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def batches(n: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of whole batches in a new order; the last few rows wait for another epoch."""
    order = torch.randperm(n, generator=rng)
    return iter(order[: n // size * size].split(size))


def network_input(pixels: Tensor, recipe: Recipe) -> Tensor:
    """(N, 1, s, s) in 0..1 -> normalised (N, 3, s, s): grey, three times over."""
    x = ((pixels - recipe.mean) / recipe.std).expand(-1, 3, -1, -1)
    return x.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a step towards the network, BatchNorm statistics included.

    Early on, a short decay forgets the random start.
    """
    values = network.state_dict()
    for name, mean in average.state_dict().items():
        if mean.is_floating_point():
            mean.lerp_(values[name], 1 - decay)


@torch.no_grad()
def predict(network: nn.Module, split: Split, recipe: Recipe, size: int) -> Tensor:
    """(N, 7) probabilities in float32."""
    network.eval()
    rng = torch.Generator()
    parts = []
    for images in torch.from_numpy(split.images).split(256):
        x = network_input(augment(images, size, NONE, rng), recipe)
        parts.append(network(x).softmax(1))
    return torch.cat(parts)


def describe(recipe: Recipe, training: Split, public: Split, folder: Path) -> None:
    """Write what this run is, before it starts."""
    text = json.dumps(
        {
            "recipe": dataclasses.asdict(recipe),
            "train": {"rows": len(training), "digest": training.digest()},
            "public": {"rows": len(public), "digest": public.digest()},
            "torch": torch.__version__,
        },
        indent=2,
    )
    (folder / "recipe.json").write_text(text + "\n", encoding="utf-8")


def append_row(path: Path, row: tuple[object, ...]) -> None:
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow(COLUMNS)
        writer.writerow(row)


def save(state: dict[str, Any], path: Path) -> None:
    """Replace a checkpoint whole: a kill leaves either the old one or the new one."""
    with replacing(path) as file:
        torch.save(state, file)
