"""How right a model is, by which labels, on which rows, and how far its probabilities hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer.protocols import Engine
from edgefer_export.calibration import (
    SMALLEST,
    Reliability,
    cross_fitted,
    fit_temperature,
    likelihood_loss,
    reliability,
)
from edgefer_export.data import Split, leaders
from edgefer_export.evaluate.answers import probabilities, shared_rows
from edgefer_export.evaluate.intervals import RESAMPLES
from edgefer_export.evaluate.scores import Score, score

STANDARD = "standard labels"
PLURALITY = "FER+ plurality"
MAJORITY = "FER+ majority"
LABEL_SETS = {
    STANDARD: "the data set's own",
    PLURALITY: "rows where one expression has more FER+ votes than each other, as its label",
    MAJORITY: "rows where one expression has more than half of all FER+ votes",
}
"""Never mixed in one figure."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probabilities by the standard labels, all rows: as the model ships, and at a temperature.

    What stands under `after` was measured on halves of the rows, each at the temperature that
    fits the other half, so that it holds for new rows too.
    """

    temperature: float
    """That fits all rows best; it multiplies the one in the model's description."""
    before: Reliability
    after: Reliability
    loss_before: float
    """Mean negative log-likelihood, nats."""
    loss_after: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One model on one split."""

    model: str
    runtime: str
    dataset: str
    split: str
    digest: str
    """Names the split's images and labels."""
    rows: int
    expressions: tuple[str, ...]
    left_out: int
    """Rows of the split whose expression the model does not know; 0 unless that was asked for."""
    scores: tuple[tuple[str, Score | None, Score | None], ...]
    """Label set; over all its rows; over those that are no copy of a training picture. None
    where the data do not say."""
    agreement: float | None
    """Share of rows whose standard label is the FER+ majority, where there is one."""
    calibration: Calibration | None
    """None of fewer than two rows."""
    resamples: int
    grouped: bool
    """Intervals are of groups of rows (persons, copies), not of single rows."""

    @property
    def standard(self) -> Score:
        """By the data set's own labels, all rows; every split has it."""
        found = self.score(STANDARD)
        assert found is not None
        return found

    def score(self, labels: str, without_leak: bool = False) -> Score | None:
        """By the name of the label set."""
        every, clean = next((s[1], s[2]) for s in self.scores if s[0] == labels)
        return clean if without_leak else every


def evaluate(
    engine: Engine, split: Split, *, common: bool = False, resamples: int = RESAMPLES
) -> Evaluation:
    """Every figure of one model on one split.

    Raises SpecError where the model's labels are not the split's; with `common`, where they
    share fewer than two: the rest is left out, and counted. ConfigError where there are no rows,
    InferenceError where the model answers nonsense.
    """
    kept = shared_rows(engine.spec, split) if common else split
    refuse_empty(kept)
    probs = probabilities(engine, kept, common=common)
    return judge(engine, kept, probs, len(split) - len(kept), resamples)


def judge(
    engine: Engine,
    split: Split,
    probs: NDArray[np.float32],
    left_out: int = 0,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """The figures of (N, K) probabilities that the engine gave for this split."""
    kept = None if split.leak is None else ~split.leak
    everything = np.ones(len(split), bool)

    def counted(labels: NDArray[np.int64], rows: NDArray[np.bool_]) -> Score:
        groups = None if split.groups is None else split.groups[rows]
        return score(split.expressions, labels[rows], probs[rows], groups, resamples)

    def both(
        name: str, labels: NDArray[np.int64], rows: NDArray[np.bool_]
    ) -> tuple[str, Score, Score | None]:
        clean = None if kept is None else counted(labels, rows & kept)
        return name, counted(labels, rows), clean

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
        model=engine.spec.name,
        runtime=engine.runtime,
        dataset=split.dataset,
        split=split.name,
        digest=split.digest(),
        rows=len(split),
        expressions=split.expressions,
        left_out=left_out,
        scores=tuple(scores),
        agreement=agreement,
        calibration=calibrated(probs, split.labels) if len(split) > 1 else None,
        resamples=resamples,
        grouped=split.groups is not None and bool((split.groups >= 0).any()),
    )


def calibrated(probs: NDArray[np.float32], labels: NDArray[np.int64]) -> Calibration:
    """What a temperature would bring; N >= 2.

    Logarithms of probabilities are logits but for a constant of each row, which no softmax sees.
    """
    logits = np.log(np.maximum(probs, SMALLEST)).astype(np.float32)
    cooled = cross_fitted(logits, labels)
    return Calibration(
        temperature=fit_temperature(logits, labels),
        before=reliability(probs, labels),
        after=reliability(cooled, labels),
        loss_before=likelihood_loss(probs, labels),
        loss_after=likelihood_loss(cooled, labels),
    )


def refuse_empty(split: Split) -> None:
    """Raises ConfigError where there is nothing to judge."""
    if not len(split):
        raise ConfigError(f"the {split.name} split has no rows")
