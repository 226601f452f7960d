"""What can be asked of a loader, and what it gives back: splits, and a report of what it left
out and why."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from edgefer.errors import ConfigError, UnknownName
from edgefer.spec import EXPRESSIONS
from edgefer_export.data.split import SIDE, Split

Colour = Literal["grey", "bgr"]
Crop = Literal["whole", "haar"]

CONTEMPT = "contempt"
KNOWN = (*EXPRESSIONS, CONTEMPT)
"""Every expression a loader knows, in the order in which a data set's own are numbered."""

HELD_OUT = 0.2

NAMED = 3
"""How many of those left out for one reason are named."""

SAME_ROLE = {"public": "validation", "private": "test", "validation": "public", "test": "private"}
"""FER2013 calls its validation split public, and its test split private."""


@dataclass(frozen=True, slots=True)
class Loading:
    """How a data set is read. Raises ConfigError or UnknownName for what cannot be meant."""

    size: int = SIDE
    """Pixels: pictures become squares that wide and high."""
    colour: Colour = "grey"
    contempt: str = "keep"
    """What becomes of that eighth expression: `keep`, `drop`, or the name of one of the seven,
    which then takes its rows."""
    votes: Path | None = None
    """FER+'s fer2013new.csv, joined to fer2013.csv row by row."""
    crop: Crop = "whole"
    """What of a picture file is kept: its centre square, or the face that OpenCV's Haar cascade
    finds (pictures without one are left out)."""
    peaks: int = 1
    """CK+: how many frames at the end of a sequence are taken. Often 3, as in the paper of
    Istiqomah et al. and in the Kaggle copy."""
    held_out: float = HELD_OUT
    """Share of the rows that become the validation split where a data set has none."""
    seed: int = 0
    """Of that choice."""

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 1024:
            raise ConfigError(f"size is {self.size}; 8 to 1024 px are possible")
        if self.colour not in get_args(Colour):
            raise UnknownName("colour", self.colour, get_args(Colour))
        if self.crop not in get_args(Crop):
            raise UnknownName("crop", self.crop, get_args(Crop))
        if self.contempt not in ("keep", "drop", *EXPRESSIONS):
            raise UnknownName("choice for contempt", self.contempt, ("keep", "drop", *EXPRESSIONS))
        if self.peaks < 1:
            raise ConfigError(f"peaks is {self.peaks}; 1 frame of a sequence is the least")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; a share between 0 and 1 is needed")


@dataclass(frozen=True, slots=True)
class Skipped:
    """One file or row that was left out."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set as it was read."""

    name: str
    splits: dict[str, Split]
    divided: str
    """How it came by its splits, in words: "official", or by what and with which shares."""
    published: str = ""
    """Whether its counts are those of the published table; empty where none is known."""
    skipped: tuple[Skipped, ...] = ()


def pick(splits: Mapping[str, Split], name: str, path: Path) -> Split:
    """The split of that name, or of the same role: public is validation, private is test.

    Raises UnknownName where there is neither.
    """
    for known in (name, SAME_ROLE.get(name, name)):
        if known in splits:
            return splits[known]
    raise UnknownName(f"split in {path}", name, splits)


def reasons(skipped: Sequence[Skipped]) -> tuple[str, ...]:
    """One line for each reason: how many, and the first few."""
    found: dict[str, list[str]] = {}
    for each in skipped:
        found.setdefault(each.reason, []).append(each.where)
    return tuple(
        f"{len(where):,} {reason}: {', '.join(where[:NAMED])}"
        + (f" and {len(where) - NAMED:,} more" if len(where) > NAMED else "")
        for reason, where in sorted(found.items(), key=lambda item: -len(item[1]))
    )


def report_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    """Say on stderr what was left out and why; nothing where nothing was."""
    if skipped:
        print(f"{path}: {len(skipped):,} left out", file=sys.stderr)
        for line in reasons(skipped):
            print(f"  {line}", file=sys.stderr)
