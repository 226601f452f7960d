"""How far a figure would move with other rows of the same kind: bootstrap intervals.

Efron, "Bootstrap Methods", 1979; percentile intervals. Rows are drawn again with replacement;
where rows belong together (copies of one picture, pictures of one person), whole groups are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
SEED = 0
LEVEL = 0.95
CELLS = 2_000_000
"""Numbers of rows drawn at a time: what bounds memory."""

Sums = NDArray[np.float64]


class Interval(NamedTuple):
    """From the 2.5th to the 97.5th percentile of the resamples."""

    low: float
    high: float


def by_group(values: NDArray[np.float64], groups: NDArray[np.int64] | None) -> Sums:
    """(N, C) of rows -> (G, C) sums of groups; a row of group -1, or without groups, is its own."""
    if groups is None or not len(groups):
        return values
    alone = groups < 0
    names, number = np.unique(groups[~alone], return_inverse=True)
    at = np.empty(len(groups), np.int64)
    at[~alone] = number
    at[alone] = len(names) + np.arange(alone.sum())
    sums = np.zeros((len(names) + int(alone.sum()), values.shape[1]))
    np.add.at(sums, at, values)
    return sums


def resampled(sums: Sums, resamples: int = RESAMPLES, seed: int = SEED) -> Sums:
    """(G, C) -> (resamples, C): sums over G groups drawn with replacement, G at least 1."""
    rng = np.random.default_rng(seed)
    g = len(sums)
    out = np.empty((resamples, sums.shape[1]))
    step = max(1, CELLS // g)
    for start in range(0, resamples, step):
        n = min(step, resamples - start)
        drawn = rng.integers(0, g, (n, g)) + g * np.arange(n)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * g).reshape(n, g)
        out[start : start + n] = times @ sums
    return out


def interval(samples: NDArray[np.float64]) -> Interval | None:
    """(B,) figures of resamples -> their interval; nan does not count, None where all are."""
    known = samples[~np.isnan(samples)]
    if not len(known):
        return None
    outside = 50 * (1 - LEVEL)
    low, high = np.percentile(known, (outside, 100 - outside)).tolist()
    return Interval(low, high)


def of_mean(
    values: NDArray[np.float64], groups: NDArray[np.int64] | None, resamples: int = RESAMPLES
) -> Interval | None:
    """The interval of the mean of (N,) values of rows; None of no rows."""
    if not len(values):
        return None
    sums = resampled(by_group(np.stack((values, np.ones(len(values))), axis=1), groups), resamples)
    return interval(sums[:, 0] / sums[:, 1])
