"""The folder of a report: what `evaluate --out` leaves there, and how answers are read again.

report.md         everything, for readers
report.json       the same, for programs
confusion.png     by the standard labels, all rows
reliability.png   before and after a temperature
answers.csv       each row's label, answer and probabilities: what `compare` reads
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError, OutputError
from edgefer.files import replacing
from edgefer.protocols import Engine
from edgefer_export import charts
from edgefer_export.data import Split
from edgefer_export.evaluate.evaluation import STANDARD, Evaluation
from edgefer_export.evaluate.record import to_record
from edgefer_export.evaluate.robustness import Variant
from edgefer_export.evaluate.tables import report, title

REPORT, RECORD, ANSWERS = "report.md", "report.json", "answers.csv"
CONFUSION, RELIABILITY = "confusion.png", "reliability.png"
COLUMNS = ("row", "label", "answer", "group")


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One model's answers to one split, by the data set's own labels."""

    model: str
    runtime: str
    data: str
    """Data set and split, such as "FER2013 public"."""
    digest: str
    expressions: tuple[str, ...]
    labels: NDArray[np.int64]  # (N,) numbers into `expressions`
    answers: NDArray[np.int64]  # (N,) the same
    groups: NDArray[np.int64] | None  # (N,) as in Split


def answers_of(engine: Engine, split: Split, probs: NDArray[np.float32]) -> Answers:
    """Of (N, K) probabilities that the engine gave for this split."""
    return Answers(
        engine.spec.name,
        engine.runtime,
        f"{split.dataset} {split.name}",
        split.digest(),
        split.expressions,
        split.labels,
        probs.argmax(axis=1).astype(np.int64),
        split.groups,
    )


def write(
    folder: Path,
    result: Evaluation,
    split: Split,
    probs: NDArray[np.float32],
    variants: Sequence[Variant] = (),
) -> None:
    """Make the folder and its files. Raises OutputError."""
    prepare(folder)
    below = title(result)
    charts.confusion(
        folder / CONFUSION,
        f"{result.model}: confusion by {STANDARD} (n {result.standard.n})",
        result.expressions,
        result.standard.confusion,
        below,
    )
    if (found := result.calibration) is not None:
        charts.reliability(
            folder / RELIABILITY,
            f"{result.model}: calibration by {STANDARD} (n {result.rows})",
            {
                "as it is": found.before,
                f"at a temperature (about {found.temperature:.2f}), cross-fitted": found.after,
            },
            below,
        )
    with replacing(folder / ANSWERS) as file:
        file.write(_csv(result.expressions, split, probs).encode())
    with replacing(folder / REPORT) as file:
        file.write((report(result, variants) + "\n").encode())
    # Last, since it is what tells a reader that the folder is a report.
    with replacing(folder / RECORD) as file:
        file.write((json.dumps(to_record(result, variants), indent=2) + "\n").encode())


def prepare(folder: Path) -> None:
    """Make the folder. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise OutputError(f"cannot make {folder}: {exc.strerror}") from exc


def is_report(folder: Path) -> bool:
    """Whether `evaluate --out` wrote it."""
    return (folder / ANSWERS).is_file() and (folder / RECORD).is_file()


def read(folder: Path) -> Answers:
    """The answers in a report's folder. Raises ConfigError where they cannot be read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        expressions = tuple(map(str, record["expressions"]))
        with (folder / ANSWERS).open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        rows = [
            (expressions.index(r["label"]), expressions.index(r["answer"]), int(r["group"]))
            for r in lines
        ]
        if len(rows) != record["rows"]:
            raise ValueError(f"{len(rows)} answers, {record['rows']} rows were evaluated")
        labels, answers, groups = np.array(rows, np.int64).reshape(-1, 3).T
        return Answers(
            str(record["model"]),
            str(record["runtime"]),
            f"{record['dataset']} {record['split']}",
            str(record["digest"]),
            expressions,
            labels,
            answers,
            groups if (groups >= 0).any() else None,
        )
    except OSError as exc:
        raise ConfigError(f"cannot read the report in {folder}: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise ConfigError(
            f"the report in {folder} is not what `edgefer-export evaluate --out` writes: {exc}. "
            "Write it again"
        ) from exc


def _csv(expressions: Sequence[str], split: Split, probs: NDArray[np.float32]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, *(f"p_{name}" for name in expressions)))
    groups = np.full(len(split), -1) if split.groups is None else split.groups
    for row, (label, group, given) in enumerate(zip(split.labels, groups, probs, strict=True)):
        answer = expressions[int(given.argmax())]
        shares = (f"{p:.6f}" for p in given)
        writer.writerow((row, expressions[label], answer, group, *shares))
    return text.getvalue()
