"""How many pictures of each expression the data sets' own papers and pages count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgefer_export.data.dataset import KNOWN

Counts = Mapping[str, Mapping[str, int]]
"""Split -> expression -> pictures."""

ALL = "all"
"""The split that a data set without official ones is counted as."""


@dataclass(frozen=True, slots=True)
class Table:
    """Published counts of one data set."""

    dataset: str
    source: str
    counts: Counts


def _named(*counts: int) -> dict[str, int]:
    """Counts in the order of KNOWN -> by name; 0 is an expression that the data set lacks."""
    return {name: n for name, n in zip(KNOWN, counts, strict=False) if n}


FER2013 = Table(
    "FER2013",
    "Goodfellow et al. 2013, the ICML challenge's own file",
    {
        "train": _named(3995, 436, 4097, 7215, 4830, 3171, 4965),
        "public": _named(467, 56, 496, 895, 653, 415, 607),
        "private": _named(491, 55, 528, 879, 594, 416, 626),
    },
)
KDEF = Table(
    "KDEF",
    "Lundqvist, Flykt and Oehman 1998: 70 persons x 7 expressions x 5 angles x 2 sessions",
    {ALL: _named(700, 700, 700, 700, 700, 700, 700)},
)
CKPLUS = Table(
    "CK+",
    "Lucey et al. 2010, Table 1: 327 labelled sequences, one frame of each",
    {ALL: _named(45, 59, 25, 69, 28, 83, 0, 18)},
)
FOLDERS = (
    Table(
        "FER2013 in folders",
        "Kaggle msambare/fer2013: its test split is FER2013's public and private",
        {
            "train": _named(3995, 436, 4097, 7215, 4830, 3171, 4965),
            "test": _named(958, 111, 1024, 1774, 1247, 831, 1233),
        },
    ),
    Table(
        "Face expression recognition data set",
        "Kaggle jonathanoheix/face-expression-recognition-dataset: 28,821 and 7,066",
        {
            "train": _named(3993, 436, 4103, 7164, 4938, 3205, 4982),
            "validation": _named(960, 111, 1018, 1825, 1139, 797, 1216),
        },
    ),
    Table(
        "CK+ in folders",
        "Kaggle shawon10/ckplus: three frames of each of the 327 sequences",
        {ALL: _named(135, 177, 75, 207, 84, 249, 0, 54)},
    ),
)
"""Copies that go round as class folders: nothing but their counts tells which one it is."""


def verdict(name: str, counts: Counts) -> str:
    """Whether the counts found are the published ones; empty where none are published.

    Splits that were not found (FER2013's private one) are not missed.
    """
    for table in (FER2013, KDEF, CKPLUS):
        if table.dataset == name:
            wrong = _differences(table.counts, counts)
            if wrong:
                return f"differs from what is published ({table.source}): {'; '.join(wrong)}"
            return f"as published: {table.source}"
    for table in FOLDERS:
        if table.counts.keys() == counts.keys() and not _differences(table.counts, counts):
            return f"as published: {table.source}"
    return ""


def _differences(published: Counts, found: Counts) -> Sequence[str]:
    return [
        f"{'' if split == ALL else split + ' '}{name} {counts.get(name, 0)}, "
        f"not {published[split].get(name, 0)}"
        for split, counts in found.items()
        if split in published
        for name in KNOWN
        if counts.get(name, 0) != published[split].get(name, 0)
    ]
