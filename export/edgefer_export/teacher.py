"""A finished model that another one learns from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edgefer.protocols import Engine
from edgefer_export.data import Split
from edgefer_export.evaluate import probabilities
from edgefer_export.targets import Distributions


def answers(teacher: Engine, split: Split) -> Distributions:
    """(N, K): the mean of what it answers to each picture and to its mirror image.

    It is asked once, about the pictures as they are: then it costs nothing in any epoch.
    """
    mirrored = replace(split, images=np.ascontiguousarray(np.flip(split.images, axis=2)))
    both = probabilities(teacher, split), probabilities(teacher, mirrored)
    mean: Distributions = np.mean(both, axis=0, dtype=np.float32)
    return mean
