"""Right and wrong answers against one set of labels, and the figures made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer_export.calibration import SMALLEST
from edgefer_export.evaluate.intervals import (
    RESAMPLES,
    Interval,
    by_group,
    interval,
    resampled,
)

Figures = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Intervals:
    """95 %, of each figure of a score; None where the figure is not known."""

    accuracy: Interval | None = None
    macro_f1: Interval | None = None
    balanced_accuracy: Interval | None = None
    top2: Interval | None = None
    loss: Interval | None = None
    recall: tuple[Interval | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """Against one set of labels; shares are 0 to 1, and nan of no rows."""

    expressions: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    """Row: the label; column: the answer; in the order of `expressions`."""
    top2: float
    """Share of rows whose label is one of the two most probable."""
    loss: float
    """Mean negative log-likelihood of the labels, nats."""
    intervals: Intervals

    @property
    def n(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def right(self) -> int:
        return sum(row[i] for i, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        return self.right / self.n if self.n else math.nan

    @property
    def recall(self) -> tuple[float, ...]:
        """Of each expression, the share of its rows that were answered so; nan of none."""
        return tuple(recalls(self._cells).tolist())

    @property
    def precision(self) -> tuple[float, ...]:
        """Of each expression, the share of its answers that were right; nan of none."""
        return tuple(recalls(self._cells.T).tolist())

    @property
    def f1(self) -> tuple[float, ...]:
        """Harmonic mean of precision and recall; nan where neither rows nor answers are."""
        return tuple(f1s(self._cells).tolist())

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the expressions that have rows."""
        return float(macro_f1(self._cells))

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the expressions that have rows."""
        return float(mean_known(recalls(self._cells)))

    @property
    def _cells(self) -> Figures:
        return np.array(self.confusion, np.float64)


def score(
    expressions: tuple[str, ...],
    labels: NDArray[np.int64],
    probs: NDArray[np.float32],
    groups: NDArray[np.int64] | None = None,
    resamples: int = RESAMPLES,
) -> Score:
    """(N,) labels, (N, K) probabilities -> what they amount to, K the number of expressions."""
    k, n = len(expressions), len(labels)
    if not n:
        return Score(
            expressions, ((0,) * k,) * k, math.nan, math.nan, Intervals(recall=(None,) * k)
        )
    rows = np.zeros((n, k * k + 2))  # one cell of the confusion, then top-2, then loss
    rows[np.arange(n), labels * k + probs.argmax(axis=1)] = 1
    given = probs[np.arange(n), labels]
    rows[:, -2] = (probs > given[:, None]).sum(axis=1) < 2
    rows[:, -1] = -np.log(np.maximum(given.astype(np.float64), SMALLEST))
    total = rows.sum(axis=0)
    counts = total[:-2].astype(int).reshape(k, k).tolist()
    drawn = resampled(by_group(rows, groups), resamples)
    cells, size = drawn[:, :-2].reshape(-1, k, k), drawn[:, :-2].sum(axis=1)
    recall = recalls(cells)
    return Score(
        expressions,
        tuple(map(tuple, counts)),
        float(total[-2] / n),
        float(total[-1] / n),
        Intervals(
            interval(np.trace(cells, axis1=1, axis2=2) / size),
            interval(macro_f1(cells)),
            interval(mean_known(recall)),
            interval(drawn[:, -2] / size),
            interval(drawn[:, -1] / size),
            tuple(interval(column) for column in recall.T),
        ),
    )


def recalls(cells: Figures) -> Figures:
    """(..., K, K) -> (..., K): diagonal by row sum; nan of an empty row."""
    return _share(np.diagonal(cells, axis1=-2, axis2=-1), cells.sum(axis=-1))


def f1s(cells: Figures) -> Figures:
    """(..., K, K) -> (..., K): 2 TP / (2 TP + FP + FN)."""
    right = np.diagonal(cells, axis1=-2, axis2=-1)
    return _share(2 * right, cells.sum(axis=-1) + cells.sum(axis=-2))


def macro_f1(cells: Figures) -> Figures:
    """(..., K, K) -> (...): over the expressions that have rows."""
    return mean_known(np.where(cells.sum(axis=-1) > 0, f1s(cells), np.nan))


def mean_known(values: Figures) -> Figures:
    """(..., K) -> (...): the mean of what is not nan; nan where all is."""
    known = ~np.isnan(values)
    return _share(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))


def _share(part: Figures, whole: Figures | NDArray[np.int64]) -> Figures:
    out = np.full(np.shape(part), np.nan)
    np.divide(part, whole, out=out, where=np.asarray(whole) > 0)
    return out
