"""The folder of a training run: what training leaves there, and how it is read again.

recipe.json       what was asked, with the data's digests, the versions and the commit
metrics.csv       one line an epoch
accuracy.png, loss.png   the same, drawn
last.pt           everything `--resume` needs, replaced whole after each epoch
best.pt           the averaged weights of the epoch with the best validation accuracy
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import edgefer_export
from edgefer.bench.provenance import git_state
from edgefer.errors import ConfigError, ModelError, OutputError, UnknownName
from edgefer.files import replacing
from edgefer_export import charts
from edgefer_export.checkpoint import read_checkpoint
from edgefer_export.data import Split
from edgefer_export.recipe import Recipe, recipe_from
from edgefer_export.zoo import build

RECORD, METRICS, CHECKPOINT, BEST = "recipe.json", "metrics.csv", "last.pt", "best.pt"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of metrics."""

    epoch: int
    size: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float

    def in_words(self, epochs: int) -> str:
        loss = f"{self.train_loss:.3f}/{self.validation_loss:.3f}"
        accuracy = f"{100 * self.train_accuracy:.1f}/{100 * self.validation_accuracy:.1f} %"
        return f"epoch {self.epoch}/{epochs}, {self.size} px: loss {loss}, accuracy {accuracy}"


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands on disk, finished or not."""

    folder: Path
    recipe: Recipe
    record: Mapping[str, Any]
    """`recipe.json` as it is."""
    network: nn.Module
    """The averaged weights of the epoch that the recipe keeps, in evaluation mode: the model."""
    epoch: int
    """Whole epochs that went into them."""

    @property
    def expressions(self) -> tuple[str, ...]:
        """What the network answers, in its order."""
        return self.recipe.expressions


def network_of(recipe: Recipe) -> nn.Module:
    """The recipe's network with fresh weights from torch's global generator."""
    return build(
        recipe.network,
        classes=len(recipe.expressions),
        channels=recipe.input().channels,
        size=recipe.size,
    )


def read_run(folder: Path) -> Run:
    """A run from its folder; ConfigError where there is none, ModelError where it is broken."""
    record = read_record(folder)
    recipe = recipe_of(record, folder)
    path = folder / (BEST if recipe.keep == "best" else CHECKPOINT)
    state = read_checkpoint(path)
    network = network_of(recipe)
    try:
        network.load_state_dict(state["average"])
        epoch = int(state["epoch"])
    except (KeyError, RuntimeError) as exc:
        raise ModelError(
            f"{path} is no checkpoint of the network {recipe.network!r}: {exc}"
        ) from exc
    return Run(folder, recipe, record, network.eval(), epoch)


def prepare(folder: Path) -> None:
    """Make the folder. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"cannot make {folder}: {exc.strerror}") from exc


def record(
    recipe: Recipe, training: Split, validation: Split, origin: Mapping[str, Any]
) -> dict[str, Any]:
    """What this run is, ready for `recipe.json`."""
    return {
        "recipe": dataclasses.asdict(recipe),
        "train": {"rows": len(training), "digest": training.digest()},
        "validation": {
            "split": validation.name,
            "rows": len(validation),
            "digest": validation.digest(),
        },
        **origin,
        "torch": torch.__version__,
        "edgefer_export": edgefer_export.__version__,
        "commit": git_state(Path(__file__).parent),
    }


def write_record(of: Mapping[str, Any], folder: Path) -> None:
    """Say what this run is."""
    with replacing(folder / RECORD) as file:
        file.write((json.dumps(of, indent=2) + "\n").encode())


def read_record(folder: Path) -> dict[str, Any]:
    """`recipe.json`; raises ConfigError."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        parts = {"recipe": dict, "train": dict, "validation": dict, "torch": str}
        if not all(isinstance(record[key], kind) for key, kind in parts.items()):
            raise TypeError(f"it needs {', '.join(parts)}")
    except OSError as exc:
        raise ConfigError(
            f"{folder} is no run: cannot read {path} ({exc.strerror}). Make one: "
            f"edgefer-export train RECIPE --data FILE --out {folder}"
        ) from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise ConfigError(f"{path} is not what a training run writes: {exc}") from exc
    assert isinstance(record, dict)
    return record


def recipe_of(record: Mapping[str, Any], folder: Path) -> Recipe:
    """The recipe that a record holds; raises ConfigError."""
    table = dict(record["recipe"])
    try:
        return recipe_from(str(table.pop("name", folder.name)), table)
    except UnknownName as exc:
        exc.args = (f"{folder / RECORD}: {exc}",)
        raise
    except ConfigError as exc:
        raise ConfigError(f"{folder / RECORD}: {exc}") from exc


def refuse_existing(folder: Path, resume: bool) -> None:
    """Raises ConfigError where a run with an epoch would be overwritten."""
    if (folder / CHECKPOINT).exists() and not resume:
        raise ConfigError(f"{folder / CHECKPOINT} exists; give --resume to go on, or another --out")


def refuse_other(now: Mapping[str, Any], folder: Path) -> None:
    """Raises ConfigError where the run in `folder` was begun with another recipe, other data,
    another teacher or other first weights.

    How faces are framed may differ: training does not use it.
    """
    before = read_record(folder)
    recipe = {"recipe": dataclasses.asdict(recipe_of(before, folder))}  # its defaults filled in
    changed = [
        f"{key} was {old}, is {new}"
        for key, old, new in differences(
            {**before, **recipe}, now, but=("margin", "landmarks", *MAY_CHANGE)
        )
    ]
    if changed:
        raise ConfigError(
            f"{folder} was begun differently: {'; '.join(changed)}. Go on with what it was begun "
            "with, or give another --out"
        )


MAY_CHANGE = ("machine", "torch", "edgefer_export", "commit")
"""What of a record may be different when a run goes on."""


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], but: tuple[str, ...] = (), at: str = ""
) -> Iterator[tuple[str, Any, Any]]:
    """Dotted key, value before and value now, of whatever differs between two records."""
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key), now.get(key)
        if key in but:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from differences(old, new, but, f"{at}{key}.")
        elif json.loads(json.dumps(old)) != json.loads(json.dumps(new)):  # tuples as lists
            yield f"{at}{key}", old, new


def refuse_other_rows(run: Run, part: str, split: Split) -> None:
    """Raises ConfigError where a split is not what the run's record holds as `part`: "train" or
    "validation"."""
    recorded = run.record[part].get("digest")
    if recorded != split.digest():
        raise ConfigError(
            f"the {split.name} split has digest {split.digest()}, the run in {run.folder} was made "
            f"with {recorded}; give --data what it was made with, read in the same way"
        )


def begin_metrics(folder: Path, epoch: int) -> None:
    """Keep the lines up to `epoch`: one after it was written by a run that died before the
    epoch's checkpoint was."""
    kept = [line for line in read_metrics(folder) if line.epoch <= epoch]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(f.name for f in dataclasses.fields(Epoch))
    writer.writerows(dataclasses.astuple(line) for line in kept)
    with replacing(folder / METRICS) as file:
        file.write(text.getvalue().encode())


def append_metrics(folder: Path, line: Epoch) -> None:
    """One more epoch."""
    with (folder / METRICS).open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(dataclasses.astuple(line))


def read_metrics(folder: Path) -> list[Epoch]:
    """The epochs in `metrics.csv`, in order; [] where there is none yet. A line cut short by a
    kill is left out."""
    path = folder / METRICS
    if not path.exists():
        return []
    names = [f.name for f in dataclasses.fields(Epoch)]
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    if rows and set(rows[0]) != set(names):
        raise ConfigError(f"{path} has the columns {', '.join(rows[0])}; an older edgefer wrote it")
    return [
        Epoch(int(row["epoch"]), int(row["size"]), *(float(row[name]) for name in names[2:]))
        for row in rows
    ]


def draw_curves(folder: Path, title: str) -> None:
    """`accuracy.png` and `loss.png`: every epoch so far, training and validation."""
    lines = read_metrics(folder)
    epochs = [line.epoch for line in lines]
    for name in ("accuracy", "loss"):
        curves = {
            part: (epochs, [getattr(line, f"{part}_{name}") for line in lines])
            for part in ("train", "validation")
        }
        charts.lines(folder / f"{name}.png", f"{title}: {name}", "epoch", name, curves)
