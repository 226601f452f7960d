"""How much accuracy falls when pictures are as a camera and a detector would give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgefer.protocols import Engine
from edgefer_export.data import Split
from edgefer_export.evaluate.answers import probabilities
from edgefer_export.evaluate.corruptions import CORRUPTIONS, Corruption
from edgefer_export.evaluate.intervals import RESAMPLES, Interval, of_mean

FRAMING = (0.85, 1.15)
"""Crop scales between which a detector's framing is expected to vary."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Accuracy on changed pictures by the standard labels, all rows."""

    name: str
    about: str
    scale: float
    accuracy: float
    change: float
    """Against the unchanged pictures, 0 to 1; negative is a fall."""
    interval: Interval | None
    """Of the change, over the same rows."""


def measure_robustness(
    engine: Engine,
    split: Split,
    clean: NDArray[np.float32],
    *,
    common: bool = False,
    resamples: int = RESAMPLES,
    corruptions: Sequence[Corruption] = CORRUPTIONS,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Variant, ...]:
    """One variant for each corruption; `clean` are the (N, K) probabilities without any.

    `progress` hears each name before its turn. Raises what `probabilities` raises.
    """
    before = clean.argmax(axis=1) == split.labels
    found = []
    for corruption in corruptions:
        progress(corruption.name)
        changed = replace(split, images=corruption.change(split.images))
        probs = probabilities(engine, changed, scale=corruption.scale, common=common)
        after = probs.argmax(axis=1) == split.labels
        difference = after.astype(np.float64) - before
        found.append(
            Variant(
                corruption.name,
                corruption.about,
                corruption.scale,
                float(after.mean()),
                float(difference.mean()),
                of_mean(difference, split.groups, resamples),
            )
        )
    return tuple(found)


def worst_framing(variants: Sequence[Variant]) -> Variant | None:
    """The crop scale from 0.85 to 1.15 at which accuracy falls most; None where none was tried."""
    low, high = FRAMING
    tried = [v for v in variants if v.scale != 1 and low <= v.scale <= high]
    return min(tried, key=lambda v: v.change, default=None)
