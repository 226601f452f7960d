"""Data sets as arrays. `load_splits` is the door; `Split` is what comes out of it."""

from edgefer_export.data.dataset import HELD_OUT, Dataset, Loading, Skipped, pick, report_skipped
from edgefer_export.data.grouping import split_by_group
from edgefer_export.data.load import load_dataset, load_splits
from edgefer_export.data.split import SIDE, Split, leaders, together

__all__ = [
    "HELD_OUT",
    "SIDE",
    "Dataset",
    "Loading",
    "Skipped",
    "Split",
    "leaders",
    "load_dataset",
    "load_splits",
    "pick",
    "report_skipped",
    "split_by_group",
    "together",
]
