"""The folder of a training run: what training leaves there, and how it is read again.

recipe.json       what was asked, with the data's digests and the versions
metrics.csv       one line an epoch
last.pt           everything `--resume` needs, replaced whole after each epoch
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import edgefer_export
from edgefer.errors import ConfigError, ModelError, OutputError, UnknownName
from edgefer.files import replacing
from edgefer_export.data import Split
from edgefer_export.recipe import Recipe, recipe_from
from edgefer_export.zoo import build

RECORD, METRICS, CHECKPOINT = "recipe.json", "metrics.csv", "last.pt"
COLUMNS = ("epoch", "size", "lr", "train_loss", "train_accuracy", "public_accuracy", "seconds")


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands on disk, finished or not."""

    folder: Path
    recipe: Recipe
    record: Mapping[str, Any]
    """`recipe.json` as it is."""
    network: nn.Module
    """The averaged weights, in evaluation mode: the model."""
    epoch: int
    """Whole epochs done."""


def read_run(folder: Path) -> Run:
    """A run from its folder; ConfigError where there is none, ModelError where it is broken."""
    record = read_record(folder)
    state = read_checkpoint(folder / CHECKPOINT)
    recipe = recipe_of(record, folder)
    network = build(recipe.network)
    try:
        network.load_state_dict(state["average"])
        epoch = int(state["epoch"])
    except (KeyError, RuntimeError) as exc:
        raise ModelError(
            f"{folder / CHECKPOINT} is no checkpoint of the network {recipe.network!r}: {exc}"
        ) from exc
    return Run(folder, recipe, record, network.eval(), epoch)


def prepare(folder: Path) -> None:
    """Make the folder. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"cannot make {folder}: {exc.strerror}") from exc


def write_record(recipe: Recipe, training: Split, public: Split, folder: Path) -> None:
    """Say what this run is."""
    record = {
        "recipe": dataclasses.asdict(recipe),
        "train": {"rows": len(training), "digest": training.digest()},
        "public": {"rows": len(public), "digest": public.digest()},
        "torch": torch.__version__,
        "edgefer_export": edgefer_export.__version__,
    }
    with replacing(folder / RECORD) as file:
        file.write((json.dumps(record, indent=2) + "\n").encode())


def read_record(folder: Path) -> dict[str, Any]:
    """`recipe.json`; raises ConfigError."""
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        parts = {"recipe": dict, "train": dict, "public": dict, "torch": str}
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


def refuse_other(recipe: Recipe, training: Split, folder: Path) -> None:
    """Raises ConfigError where the run in `folder` was begun with another recipe or other data.

    How faces are framed may differ: training does not use it.
    """
    record = read_record(folder)
    begun = dataclasses.replace(recipe_of(record, folder), preprocessing=recipe.preprocessing)
    before, now = dataclasses.asdict(begun), dataclasses.asdict(recipe)
    changed = [f"{key} was {before[key]}, is {now[key]}" for key in now if before[key] != now[key]]
    if record["train"].get("digest") != training.digest():
        changed.append(
            f"the training data were {record['train']}, are {len(training)} rows, digest "
            f"{training.digest()}"
        )
    if changed:
        raise ConfigError(
            f"{folder} was begun differently: {'; '.join(changed)}. Go on with what it was begun "
            "with, or give another --out"
        )


def write_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Replace a checkpoint whole: a kill leaves either the old one or the new one."""
    with replacing(path) as file:
        torch.save(state, file)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `write_checkpoint` wrote; only plain tensors and numbers are ever loaded.

    Raises ConfigError where there is none, ModelError where it cannot be read.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile) as exc:
        raise ModelError(f"{path} is not a checkpoint, or a damaged one: {exc}") from exc
    if not isinstance(state, dict):
        raise ModelError(f"{path} holds a {type(state).__name__}; a checkpoint is a table")
    return state


def begin_metrics(folder: Path, epoch: int) -> None:
    """Keep the lines up to `epoch`: one after it was written by a run that died before the
    epoch's checkpoint was."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(row for row in read_metrics(folder) if int(row["epoch"]) <= epoch)
    with replacing(folder / METRICS) as file:
        file.write(text.getvalue().encode())


def append_metrics(folder: Path, row: Sequence[object]) -> None:
    """One more epoch."""
    with (folder / METRICS).open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(row)


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """The epochs in `metrics.csv`, in order; [] where there is none yet."""
    path = folder / METRICS
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]
