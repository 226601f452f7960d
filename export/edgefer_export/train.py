"""One training run, from top to bottom: data, network, loop, checkpoint."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from edgefer import preprocessing
from edgefer.errors import ConfigError, ModelError
from edgefer.spec import Preprocessing
from edgefer_export import runs
from edgefer_export.augment import NONE, augment, blend
from edgefer_export.checkpoint import read_checkpoint, write_checkpoint
from edgefer_export.data import Split
from edgefer_export.recipe import Optimizer, Recipe
from edgefer_export.runs import Epoch
from edgefer_export.targets import Distributions, targets

FEW = 200
"""Steps of a run below which its figures mean little."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where and how exactly it is computed."""

    device: torch.device
    dtype: torch.dtype
    """Of multiplications under autocast; float32 where there is none."""

    def autocast(self) -> torch.autocast:
        half = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if half else None, enabled=half)


def machine(device: str, autocast: bool) -> Machine:
    """`auto`, `cpu`, `cuda` or `cuda:1`; raises ConfigError where it is absent."""
    present = torch.cuda.is_available()
    name = device if device != "auto" else ("cuda" if present else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise ConfigError(f"--device {device}: known are auto, cpu, cuda and cuda:N")
    if name.startswith("cuda") and not present:
        raise ConfigError(
            f"--device {device}: torch {torch.__version__} finds no CUDA device. Leave it out to "
            "train on the processor, or install torch for your CUDA"
        )
    if not autocast:
        return Machine(torch.device(name), torch.float32)
    bfloat = name == "cpu" or torch.cuda.is_bf16_supported()
    return Machine(torch.device(name), torch.bfloat16 if bfloat else torch.float16)


@dataclass
class State:
    """What changes while training; a checkpoint holds exactly this."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    rng: torch.Generator
    epoch: int = 0
    accuracies: list[float] = field(default_factory=list)
    """On the validation split, after each epoch."""

    def save(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "rng": self.rng.get_state(),
            "dropout": torch.get_rng_state(),
            "epoch": self.epoch,
            "accuracies": self.accuracies,
        }

    def restore(self, state: dict[str, Any]) -> None:
        for part in ("network", "average", "optimizer", "scaler"):
            getattr(self, part).load_state_dict(state[part])
        self.rng.set_state(state["rng"])
        torch.set_rng_state(state["dropout"])
        self.epoch = state["epoch"]
        self.accuracies = list(state["accuracies"])


@dataclass(frozen=True, slots=True)
class Rows:
    """A split as tensors."""

    pixels: Tensor  # (N, C, H, W) uint8, on the processor
    targets: Tensor  # (N, K) float32
    labels: Tensor  # (N,) int64


def train(
    recipe: Recipe,
    training: Split,
    validation: Split,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    teacher: Distributions | None = None,
    weights: Mapping[str, Tensor] | None = None,
    origin: Mapping[str, Any] | None = None,
) -> Path:
    """Train to the last epoch and return the checkpoint, `folder/last.pt`.

    `teacher` answers each training row, (N, K) probabilities; `weights` replace the fresh ones;
    `origin` says in the run's record where both came from. Killed at any moment, `resume=True`
    goes on after the last whole epoch, to the same weights. Raises ConfigError where the folder
    holds another run, ModelError where training diverges.
    """
    if len(training) < recipe.batch:
        raise ConfigError(f"{len(training)} rows do not fill one batch of {recipe.batch}")
    where = machine(device, recipe.autocast)
    last = folder / runs.CHECKPOINT
    torch.manual_seed(recipe.seed)
    state = start(recipe, where, weights)
    rows = Rows(
        pixels_of(training, recipe.input()),
        torch.from_numpy(targets(training, recipe.target, teacher)),
        torch.from_numpy(training.labels),
    )
    watched = pixels_of(validation, recipe.input())
    record = runs.record(recipe, training, validation, {**(origin or {}), "machine": str(where)})
    runs.refuse_existing(folder, resume)
    if last.exists():
        runs.refuse_other(record, folder)
        state.restore(read_checkpoint(last))
    runs.prepare(folder)
    runs.write_record(record, folder)
    runs.begin_metrics(folder, state.epoch)
    if (steps := recipe.epochs * (len(training) // recipe.batch)) < FEW:
        print(
            f"only {steps} steps in all: BatchNorm's statistics and the averaged weights need some "
            f"{FEW} to settle, so expect nonsense until then. Take a smaller batch or more epochs",
            file=sys.stderr,
        )

    print("loss and accuracy: training / validation; speed in pictures a second", flush=True)
    while state.epoch < recipe.epochs:
        began = time.perf_counter()
        size = recipe.stage_at(state.epoch)[0].size
        loss, right, lr = one_epoch(state, recipe, rows, where)
        if not math.isfinite(loss):
            raise ModelError(
                f"training diverged in epoch {state.epoch}: the loss is {loss}. Lower lr in the "
                f"recipe and begin a new run; whole epochs, if any, are in {last}"
            )
        validation_loss, accuracy = judge(state, recipe, watched, validation.labels, where)
        state.accuracies.append(accuracy)
        seconds = time.perf_counter() - began
        done = Epoch(
            state.epoch, size, lr, loss, right, validation_loss, accuracy, round(seconds, 1)
        )
        runs.append_metrics(folder, done)
        if accuracy == max(state.accuracies):
            write_checkpoint(
                {"average": state.average.state_dict(), "epoch": state.epoch}, folder / runs.BEST
            )
        write_checkpoint(state.save(), last)
        runs.draw_curves(folder, recipe.name)
        left = (recipe.epochs - state.epoch) * seconds / 60
        speed = len(training) / seconds
        print(f"{done.in_words(recipe.epochs)}, {speed:.0f}/s, {left:.0f} min left", flush=True)
    return last


def one_epoch(
    state: State, recipe: Recipe, rows: Rows, where: Machine
) -> tuple[float, float, float]:
    """Every whole batch once: the mean loss, the share of right answers, the last learning rate."""
    stage, behind = recipe.stage_at(state.epoch)
    how = recipe.input(stage.size)
    steps = len(rows.labels) // recipe.batch
    loss_sum, right, lr = 0.0, 0, 0.0
    state.network.train()
    bar = tqdm(
        batches(len(rows.labels), recipe.batch, state.rng),
        f"epoch {state.epoch + 1}/{recipe.epochs}",
        steps,
        leave=False,
        disable=None,  # where there is no terminal
    )
    for step, picked in enumerate(bar):
        lr = learning_rate(recipe, state.epoch + step / steps, state.accuracies)
        for group in state.optimizer.param_groups:
            group["lr"] = lr
        pixels = rows.pixels[picked].to(where.device)
        x = network_input(augment(pixels, stage.size, recipe.augmentation, state.rng), how)
        wanted = rows.targets[picked].to(where.device)
        x, wanted = blend(x, wanted, recipe.target.mixup, recipe.target.cutmix, state.rng)
        with where.autocast():
            logits = state.network(x)
        loss = nn.functional.cross_entropy(logits.float(), wanted)
        state.optimizer.zero_grad(set_to_none=True)
        state.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if recipe.optimizer.clip:
            state.scaler.unscale_(state.optimizer)
            nn.utils.clip_grad_norm_(state.network.parameters(), recipe.optimizer.clip)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        # Counted from the stage's start: at a new size the old average means little.
        seen = behind * steps + step
        update_average(state.average, state.network, min(recipe.ema, (1 + seen) / (10 + seen)))
        loss_sum += loss.item()
        right += int((logits.argmax(1).cpu() == rows.labels[picked]).sum())
    state.epoch += 1
    return loss_sum / steps, right / (steps * recipe.batch), lr


def start(recipe: Recipe, where: Machine, weights: Mapping[str, Tensor] | None = None) -> State:
    """A network, its average and its optimizer; biases and BatchNorm are not decayed.

    The first weights come from torch's global generator, or are the ones given.
    """
    network, average = (runs.network_of(recipe) for _ in range(2))
    if weights is not None:
        network.load_state_dict(weights)
    average.load_state_dict(network.state_dict())
    for net in (network, average):
        net.to(where.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    scaler = torch.amp.GradScaler(where.device.type, enabled=where.dtype == torch.float16)
    rng = torch.Generator().manual_seed(recipe.seed)
    return State(network, average, optimizer(recipe.optimizer, decayed, plain), scaler, rng)


def optimizer(
    how: Optimizer, decayed: list[nn.Parameter], plain: list[nn.Parameter]
) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": how.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    match how.name:
        case "adam":
            return torch.optim.Adam(groups, lr=how.lr)
        case "adamw":
            return torch.optim.AdamW(groups, lr=how.lr)
        case _:
            return torch.optim.SGD(
                groups, lr=how.lr, momentum=how.momentum, nesterov=how.momentum > 0
            )


def learning_rate(recipe: Recipe, epoch: float, accuracies: Sequence[float] = ()) -> float:
    """At a moment of the run, in epochs; the accuracies so far matter to `plateau` alone."""
    lr, schedule = recipe.optimizer.lr, recipe.schedule
    warmup = schedule.warmup_epochs
    if epoch < warmup:
        return lr * (epoch + 0.01) / (warmup + 0.01)
    match schedule.name:
        case "cosine":
            done = min((epoch - warmup) / (recipe.epochs - warmup), 1.0) * schedule.cycles
            # The end of the last cycle belongs to it; each other end begins the next one.
            done -= min(int(done), schedule.cycles - 1)
            return lr * 0.5 * (1 + math.cos(math.pi * done))
        case "plateau":
            return lr * schedule.factor ** stalls(accuracies, schedule.patience)
        case _:
            return lr


def stalls(accuracies: Sequence[float], patience: int) -> int:
    """How often `patience` epochs in a row brought nothing better than the best so far."""
    best, waited, found = -math.inf, 0, 0
    for accuracy in accuracies:
        best, waited = (accuracy, 0) if accuracy > best else (best, waited + 1)
        if waited == patience:
            waited, found = 0, found + 1
    return found


def batches(n: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of whole batches in a new order; the last few rows wait for another epoch."""
    order = torch.randperm(n, generator=rng)
    return iter(torch.split(order[: n // size * size], size))


def pixels_of(split: Split, how: Preprocessing) -> Tensor:
    """(N, C, H, W) uint8: the planes of each picture as the device makes them, at the size the
    data have. Plain grey is one plane however many channels the network reads."""
    grey = split.images if split.images.ndim == 3 else None
    if how.colour != "grey":
        if grey is not None:
            return torch.from_numpy(grey).unsqueeze(1).expand(-1, 3, -1, -1)
        order = [2, 1, 0] if how.colour == "rgb" else [0, 1, 2]
        colour = np.ascontiguousarray(split.images[..., order].transpose(0, 3, 1, 2))
        return torch.from_numpy(colour)
    if grey is None:
        grey = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in split.images])
    if how.planes is None:
        return torch.from_numpy(grey).unsqueeze(1)
    return torch.from_numpy(np.stack([preprocessing.planes(image, how.planes) for image in grey]))


def network_input(pixels: Tensor, how: Preprocessing) -> Tensor:
    """(N, 1 or C, s, s) in 0..1 -> normalised (N, C, s, s); one plane serves every channel."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(1, -1, 1, 1)
        for values in (how.mean, how.std)
    )
    x = (pixels - mean) / std
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


def judge(
    state: State, recipe: Recipe, pixels: Tensor, labels: NDArray[np.int64], where: Machine
) -> tuple[float, float]:
    """The averaged network's loss and accuracy by the standard labels, to be watched."""
    size = recipe.stage_at(state.epoch - 1)[0].size
    logits = answers(state.average, pixels, recipe.input(size), where)
    wanted = torch.from_numpy(labels)
    loss = float(nn.functional.cross_entropy(logits, wanted))
    return loss, float((logits.argmax(1) == wanted).float().mean())


@torch.no_grad()
def answers(network: nn.Module, pixels: Tensor, how: Preprocessing, where: Machine) -> Tensor:
    """(N, K) float32 logits on the processor."""
    network.eval()
    parts = []
    for some in torch.split(pixels, 256):
        x = augment(some.to(where.device), how.width, NONE, torch.Generator())
        with where.autocast():
            parts.append(network(network_input(x, how)).float().cpu())
    return torch.cat(parts)
