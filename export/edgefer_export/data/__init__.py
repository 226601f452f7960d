"""Data sets as arrays. `load_splits` is the door; `Split` is what comes out of it."""

from edgefer_export.data.fer2013 import load_splits
from edgefer_export.data.split import SIDE, Split, leaders, soft_targets

__all__ = ["SIDE", "Split", "leaders", "load_splits", "soft_targets"]
