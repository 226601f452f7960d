"""One training run, from top to bottom: data, network, loop, checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edgefer.errors import ConfigError, ModelError
from edgefer_export import runs
from edgefer_export.augment import NONE, augment
from edgefer_export.data import Split, soft_targets
from edgefer_export.recipe import Recipe
from edgefer_export.zoo import build


@dataclass
class State:
    """What changes while training; a checkpoint holds exactly this."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    rng: torch.Generator
    epoch: int = 0

    def save(self) -> dict[str, Any]:
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
    Killed at any moment, `resume=True` goes on after the last whole epoch, to the same weights.
    Raises ConfigError where the folder holds another run, ModelError where training diverges.
    """
    if len(training) < recipe.batch:
        raise ConfigError(f"{len(training)} rows do not fill one batch of {recipe.batch}")
    last = folder / runs.CHECKPOINT
    torch.manual_seed(recipe.seed)
    state = start(recipe)
    if not last.exists():
        runs.prepare(folder)
    elif resume:
        runs.refuse_other(recipe, training, folder)
        state.restore(runs.read_checkpoint(last))
    else:
        raise ConfigError(f"{last} exists; give --resume to go on, or another --out")
    runs.write_record(recipe, training, public, folder)
    runs.begin_metrics(folder, state.epoch)
    runs.write_checkpoint(state.save(), last)
    images = torch.from_numpy(training.images)
    targets = torch.from_numpy(soft_targets(training, recipe.votes_weight))
    labels = torch.from_numpy(training.labels)

    while state.epoch < recipe.epochs:
        began = time.perf_counter()
        size = recipe.size_at(state.epoch)
        loss, right, lr = one_epoch(state, recipe, images, targets, labels)
        if not math.isfinite(loss):
            raise ModelError(
                f"training diverged in epoch {state.epoch}: the loss is {loss}. The epoch before "
                f"is in {last}; lower lr in the recipe and begin a new run"
            )
        probs = predict(state.average, public, recipe, size)
        accuracy = float((probs.argmax(1) == torch.from_numpy(public.labels)).float().mean())
        seconds = time.perf_counter() - began
        row = (
            state.epoch,
            size,
            f"{lr:.5f}",
            f"{loss:.4f}",
            f"{right:.4f}",
            f"{accuracy:.4f}",
            f"{seconds:.1f}",
        )
        runs.append_metrics(folder, row)
        runs.write_checkpoint(state.save(), last)
        left = (recipe.epochs - state.epoch) * seconds / 60
        print(
            f"epoch {state.epoch}/{recipe.epochs} at {size} px: loss {row[3]}, train {row[4]}, "
            f"public {row[5]}, {len(training) / seconds:.0f} images/s, {left:.0f} min left",
            flush=True,
        )
    return last


def one_epoch(
    state: State, recipe: Recipe, images: Tensor, targets: Tensor, labels: Tensor
) -> tuple[float, float, float]:
    """Every whole batch once: the mean loss, the share of right answers, the last learning rate.

    `images` (N, 48, 48) uint8, `targets` (N, 7) distributions, `labels` (N,) standard labels.
    """
    size, steps = recipe.size_at(state.epoch), len(images) // recipe.batch
    loss_sum, right, lr = 0.0, 0, 0.0
    state.network.train()
    for step, rows in enumerate(batches(len(images), recipe.batch, state.rng)):
        lr = learning_rate(recipe, state.epoch + step / steps)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        x = network_input(augment(images[rows], size, recipe.augmentation, state.rng), recipe)
        with torch.autocast("cpu", torch.bfloat16):
            logits = state.network(x)
        loss = nn.functional.cross_entropy(logits.float(), targets[rows])
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        seen = state.epoch * steps + step
        update_average(state.average, state.network, min(recipe.ema, (1 + seen) / (10 + seen)))
        loss_sum += loss.item()
        right += int((logits.argmax(1) == labels[rows]).sum())
    state.epoch += 1
    return loss_sum / steps, right / (steps * recipe.batch), lr


def start(recipe: Recipe) -> State:
    """A fresh network, its average and its optimizer; biases and BatchNorm are not decayed.

    The first weights come from torch's global generator.
    """
    network, average = build(recipe.network), build(recipe.network)
    average.load_state_dict(network.state_dict())
    for net in (network, average):
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]]
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain}]
    optimizer = torch.optim.SGD(
        groups,
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=True,
    )
    return State(network, average, optimizer, torch.Generator().manual_seed(recipe.seed))


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """A linear warm-up, then half a cosine down to zero at the last step."""
    if epoch < recipe.warmup_epochs:
        return recipe.lr * (epoch + 0.01) / (recipe.warmup_epochs + 0.01)
    done = (epoch - recipe.warmup_epochs) / (recipe.epochs - recipe.warmup_epochs)
    return recipe.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def batches(n: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of whole batches in a new order; the last few rows wait for another epoch."""
    order = torch.randperm(n, generator=rng)
    return iter(torch.split(order[: n // size * size], size))


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
    for images in torch.split(torch.from_numpy(split.images), 256):
        x = network_input(augment(images, size, NONE, rng), recipe)
        parts.append(network(x).softmax(1))
    return torch.cat(parts)
