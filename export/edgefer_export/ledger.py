"""Several runs side by side: how each differs from the first, what it cost, how right it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np

from edgefer.bench.provenance import command_line, environment
from edgefer_export import measure
from edgefer_export.data import Split
from edgefer_export.evaluate import Evaluation, Score, judge, probabilities, table
from edgefer_export.evaluate.evaluation import MAJORITY
from edgefer_export.evaluate.intervals import Interval, of_mean
from edgefer_export.evaluate.tables import WIDTH, accuracy_cells
from edgefer_export.evaluate.words import points
from edgefer_export.recipe import Recipe
from edgefer_export.runs import Run, differences, read_metrics
from edgefer_export.torch_engine import TorchEngine, describe

SCHEMA = "edgefer.runs/1"


@dataclass(frozen=True, slots=True)
class Entry:
    """One run."""

    name: str
    change: str
    """How its recipe differs from the first run's; the network's name for the first."""
    parameters: int
    macs: int
    epochs: int
    hours: float
    evaluation: Evaluation
    gain: float | None
    """Accuracy by the standard labels less the first run's, on the same rows; None for it."""
    gain_interval: Interval | None


def ledger(runs: Sequence[Run], split: Split) -> tuple[Entry, ...]:
    """The first run is what the others are held against, row by row."""
    entries: list[Entry] = []
    first = None
    for run in runs:
        spec = describe(run)
        engine = TorchEngine(run.network, spec)
        probs = probabilities(engine, split)
        right = (probs.argmax(1) == split.labels).astype(np.float64)
        gain = None if first is None else right - first
        entries.append(
            Entry(
                name=run.folder.name,
                change=run.recipe.network if first is None else what_differs(runs[0], run),
                parameters=measure.parameters(run.network),
                macs=spec.macs or 0,
                epochs=run.epoch,
                hours=sum(line.seconds for line in read_metrics(run.folder)) / 3600,
                evaluation=judge(engine, split, probs),
                gain=None if gain is None else float(gain.mean()),
                gain_interval=None if gain is None else of_mean(gain, split.groups),
            )
        )
        first = right if first is None else first
    return tuple(entries)


def what_differs(base: Run, other: Run) -> str:
    """In words, what the recipe of a run changes."""
    before, now = (_plain(run.recipe) for run in (base, other))
    found = differences(before, now, but=("name", "margin", "landmarks"))
    return "; ".join(f"{key}: {value}" for key, _, value in found)


def _plain(recipe: Recipe) -> dict[str, Any]:
    stages = ", ".join(f"{stage.epochs} at {stage.size} px" for stage in recipe.stages)
    return {**dataclasses.asdict(recipe), "stages": stages}


def to_table(entries: Sequence[Entry]) -> str:
    """Markdown, then what each run changes."""
    rows = [
        (
            entry.name,
            f"{entry.parameters:,}",
            f"{entry.macs / 1e6:.1f} M",
            str(entry.epochs),
            *accuracy_cells(entry.evaluation.standard)[:1],
            "" if entry.gain is None else points(entry.gain, entry.gain_interval),
        )
        for entry in entries
    ]
    head = ("run", "params", "MACs", "epochs", "standard labels", "change, points")
    what = [f"{entry.name}: {entry.change or 'the same again'}" for entry in entries]
    return "\n".join((table(head, rows), "", *(fill(line, WIDTH) for line in what)))


def to_record(entries: Sequence[Entry], split: Split, commits: Sequence[str]) -> dict[str, Any]:
    """For `benchmarks/results`: figures, where they come from, on which rows."""
    return {
        "schema": SCHEMA,
        "command": command_line(),
        "environment": environment(),
        "data": {"name": split.dataset, "split": split.name, "digest": split.digest()},
        "runs": [
            {
                "name": entry.name,
                "change": entry.change,
                "commit": commit,
                "parameters": entry.parameters,
                "macs": entry.macs,
                "epochs": entry.epochs,
                "hours": round(entry.hours, 3),
                "standard": _numbers(entry.evaluation.standard),
                "majority": _numbers(entry.evaluation.score(MAJORITY)),
                "gain": entry.gain,
                "gain_interval": entry.gain_interval,
            }
            for entry, commit in zip(entries, commits, strict=True)
        ],
    }


def _numbers(of: Score | None) -> dict[str, Any] | None:
    if of is None or not of.n:
        return None
    return {"n": of.n, "accuracy": of.accuracy, "interval": of.intervals.accuracy}
