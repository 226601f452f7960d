"""What the network is told to answer for each picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer_export.data import Split
from edgefer_export.recipe import Target

Distributions = NDArray[np.float32]
"""(N, K): one row a picture, one column an expression."""


def targets(split: Split, how: Target, teacher: Distributions | None = None) -> Distributions:
    """The standard labels mixed with what else is known, times the weight of each row.

    Where a share is asked for that a row has no answer to (no vote for any of these
    expressions), the standard label takes it. Rows sum to their weight: 1 without balancing.
    Raises ConfigError where a teacher is needed and none is there.
    """
    k = len(split.expressions)
    hard = np.eye(k, dtype=np.float32)[split.labels]
    mixed = (1 - how.votes - how.teacher - how.smoothing) * hard
    mixed += how.votes * (hard if split.votes is None else voted(split.votes, hard))
    if how.teacher:
        if teacher is None:
            raise ConfigError("this recipe learns from a teacher; name one with --teacher MODEL")
        mixed += how.teacher * teacher
    mixed += how.smoothing / k
    rows = np.bincount(split.labels, minlength=k)[split.labels]
    weight = rows.astype(np.float64) ** -how.balance
    result: Distributions = (mixed * (weight / weight.mean())[:, None]).astype(np.float32)
    return result


def voted(votes: NDArray[np.float32], otherwise: Distributions) -> Distributions:
    """The shares of the votes, (N, K); `otherwise` where a row has none."""
    total = votes.sum(axis=1, keepdims=True)
    shares: Distributions = np.divide(votes, total, out=otherwise.copy(), where=total > 0)
    return shares
