"""How right a model is, by which labels, on which rows.

What is evaluated is what ships: an engine's answers to pictures that went through the same
preprocessing as on the device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.classifier import softmax
from edgefer.data import Box, Face
from edgefer.errors import ConfigError, InferenceError, SpecError
from edgefer.preprocessing import tensor
from edgefer.protocols import Engine
from edgefer.spec import EXPRESSIONS, Preprocessing
from edgefer_export.data import SIDE, Split, leaders

BATCH = 64
UNAVAILABLE = "unavailable"

STANDARD = "standard labels"
PLURALITY = "FER+ votes, one winner among the seven"
MAJORITY = "FER+ votes, winner with more than half of all votes"


@dataclass(frozen=True, slots=True)
class Score:
    """Right and wrong answers against one set of labels."""

    confusion: tuple[tuple[int, ...], ...]
    """Row: the label; column: the answer; in the order of EXPRESSIONS."""

    @property
    def n(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def right(self) -> int:
        return sum(row[i] for i, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """0 to 1; nan of no rows."""
        return self.right / self.n if self.n else math.nan

    @property
    def uncertainty(self) -> float:
        """Half the width of a 95 % interval of the accuracy: sampling error alone."""
        p = self.accuracy
        return 1.96 * math.sqrt(p * (1 - p) / self.n) if self.n else math.nan

    @property
    def recall(self) -> tuple[float, ...]:
        """Of each expression, the share of its rows that were answered so; nan of none."""
        return tuple(
            row[i] / sum(row) if sum(row) else math.nan for i, row in enumerate(self.confusion)
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one split."""

    model: str
    runtime: str
    split: str
    digest: str
    """Names the split's images and labels."""
    rows: int
    scores: tuple[tuple[str, Score | None, Score | None], ...]
    """Label set; over all its rows; over those that are no copy of a training picture. None
    where the data do not say."""
    agreement: float | None
    """Share of rows whose standard label is the FER+ majority, where there is one."""

    @property
    def standard(self) -> Score:
        """By FER2013's own labels, all rows; every split has it."""
        found = self.score(STANDARD)
        assert found is not None
        return found

    def score(self, labels: str, without_leak: bool = False) -> Score | None:
        """By the name of the label set."""
        every, clean = next((s[1], s[2]) for s in self.scores if s[0] == labels)
        return clean if without_leak else every


def evaluate(engine: Engine, split: Split) -> Evaluation:
    """Raises SpecError where the model's labels are not FER2013's seven, InferenceError."""
    if not len(split):
        raise ConfigError(f"the {split.name} split has no rows")
    answers = probabilities(engine, split).argmax(axis=1)
    kept = None if split.leak is None else ~split.leak
    everything = np.ones(len(split), bool)

    def both(
        name: str, labels: NDArray[np.int64], rows: NDArray[np.bool_]
    ) -> tuple[str, Score, Score | None]:
        clean = None if kept is None else score(labels, answers, rows & kept)
        return name, score(labels, answers, rows), clean

    scores: list[tuple[str, Score | None, Score | None]]
    scores = [both(STANDARD, split.labels, everything)]
    agreement = None
    if split.votes is None or split.ballots is None:
        scores += [(name, None, None) for name in (PLURALITY, MAJORITY)]
    else:
        winner, alone = leaders(split.votes)
        majority = split.votes.max(axis=1) * 2 > split.ballots
        scores += [both(PLURALITY, winner, alone), both(MAJORITY, winner, majority)]
        if majority.any():
            agreement = float((winner == split.labels)[majority].mean())
    return Evaluation(
        engine.spec.name,
        engine.runtime,
        split.name,
        split.digest(),
        len(split),
        tuple(scores),
        agreement,
    )


def score(labels: NDArray[np.int64], answers: NDArray[np.int64], rows: NDArray[np.bool_]) -> Score:
    """Count the rows that a mask picks; labels and answers, (N,), are positions in EXPRESSIONS."""
    k = len(EXPRESSIONS)
    cells = np.bincount(labels[rows] * k + answers[rows], minlength=k * k).reshape(k, k)
    return Score(tuple(tuple(row) for row in cells.tolist()))


def probabilities(engine: Engine, split: Split) -> NDArray[np.float32]:
    """(N, 7) in the order of EXPRESSIONS, whatever the model's own order is."""
    spec = engine.spec
    if sorted(spec.labels) != sorted(EXPRESSIONS):
        raise SpecError(
            f"{spec.name} answers {', '.join(spec.labels)}; FER2013's labels are "
            f"{', '.join(EXPRESSIONS)}. Name its outputs so in its sidecar, or evaluate another"
        )
    parts = []
    for start in range(0, len(split), BATCH):
        images = split.images[start : start + BATCH]
        raw = engine.infer(tensors(images, spec.preprocessing))
        parts.append(softmax(raw) if spec.output == "logits" else raw)
    probs = np.concatenate(parts)[:, [spec.labels.index(name) for name in EXPRESSIONS]]
    if not np.isfinite(probs).all():
        raise InferenceError(f"{spec.name} answers values that are no numbers: it is broken")
    return probs


def tensors(images: NDArray[np.uint8], how: Preprocessing) -> NDArray[np.float32]:
    """(N, 48, 48) grey pictures -> (N, C, h, w): each whole picture is the crop."""
    whole = Face(Box(0, 0, SIDE, SIDE), score=1.0)
    tight = replace(how, margin=0.0)
    colour = np.repeat(images[..., None], 3, axis=3)
    return np.concatenate([tensor(image, [whole], tight) for image in colour])


def percent(value: float | None) -> str:
    """0.6643 -> "66.4 %"; never a number where there is none."""
    return UNAVAILABLE if value is None or math.isnan(value) else f"{100 * value:.1f} %"


def figure(of: Score | None) -> str:
    """Accuracy, its sampling error and n."""
    if of is None or not of.n:
        return UNAVAILABLE
    return f"{percent(of.accuracy)} ± {100 * of.uncertainty:.1f} (n {of.n})"


def in_words(result: Evaluation) -> str:
    """One line for a model's description: figure, label set, data."""
    parts = [f"{figure(result.standard)} by {STANDARD}"]
    if (crowd := result.score(PLURALITY)) is not None:
        parts.append(f"{figure(crowd)} by {PLURALITY}")
    return f"FER2013 {result.split} ({result.digest}): {'; '.join(parts)}"


def accuracy_table(result: Evaluation) -> str:
    """Markdown: label sets down, with and without leaked rows across."""
    rows = [(name, figure(every), figure(clean)) for name, every, clean in result.scores]
    return table(("accuracy by", "all rows", "without copies of training pictures"), rows)


def recall_table(result: Evaluation) -> str:
    """Markdown: expressions down, label sets across, over all rows."""
    recalls = [score.recall if score else None for _, score, _ in result.scores]
    rows = [
        (name, *(percent(recall[i] if recall else None) for recall in recalls))
        for i, name in enumerate(EXPRESSIONS)
    ]
    return table(("recall of", *(name for name, _, _ in result.scores)), rows)


def confusion_table(of: Score) -> str:
    """Markdown: the label down, the answer across."""
    rows = [(name, *map(str, row)) for name, row in zip(EXPRESSIONS, of.confusion, strict=True)]
    return table(("label \\ answer", *EXPRESSIONS), rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown, its columns padded so that a terminal shows them straight too."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (cell.ljust(w) for cell, w in zip(cells, widths, strict=True))
        return "| " + " | ".join((first, *rest)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join((line(head), rule, *map(line, rows)))


def report(result: Evaluation) -> str:
    """Everything about one evaluation, as Markdown."""
    return "\n\n".join(
        (
            f"{result.model} on {result.runtime}: FER2013 {result.split}, {result.rows} rows, "
            f"digest {result.digest}",
            accuracy_table(result),
            recall_table(result),
            f"Confusion, {STANDARD}, all rows:",
            confusion_table(result.standard),
        )
    )


def to_record(result: Evaluation) -> dict[str, Any]:
    """What `--json` prints; null where the data do not say."""

    def numbers(of: Score | None) -> dict[str, Any] | None:
        if of is None or not of.n:
            return None
        recall = {
            name: None if math.isnan(value) else value
            for name, value in zip(EXPRESSIONS, of.recall, strict=True)
        }
        return {
            "n": of.n,
            "accuracy": of.accuracy,
            "uncertainty": of.uncertainty,
            "recall": recall,
            "confusion": of.confusion,
        }

    return {
        "model": result.model,
        "runtime": result.runtime,
        "split": result.split,
        "digest": result.digest,
        "rows": result.rows,
        "expressions": EXPRESSIONS,
        "scores": {
            name: {"all": numbers(every), "without_leak": numbers(clean)}
            for name, every, clean in result.scores
        },
        "agreement_of_labels": result.agreement,
    }
