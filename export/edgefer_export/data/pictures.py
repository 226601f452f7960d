"""From a list of labelled picture files to splits."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edgefer.config import DetectorConfig
from edgefer.data import Box, Face, Image
from edgefer.errors import ConfigError, SourceError
from edgefer.preprocessing import placement, warp
from edgefer.sources import IMAGE_SUFFIXES
from edgefer.sources.images import read_image
from edgefer.spec import Preprocessing
from edgefer_export.data.dataset import CONTEMPT, KNOWN, Dataset, Loading, Skipped
from edgefer_export.data.grouping import copied, copies, joined, numbered, split_by_group
from edgefer_export.data.published import ALL, verdict
from edgefer_export.data.split import Split

MOST_UNREADABLE = 0.5
"""Share of the files that may be damaged: one of thousands should not stop a load, and where
most are, the download or the folder is wrong."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file and what the data set says of it."""

    path: Path
    expression: str
    split: str = ""
    """The official one, where there is one."""
    person: str = ""
    """Who it shows, where the data set says."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All pictures of a data set, before any is opened."""

    dataset: str
    root: Path
    pictures: tuple[Picture, ...]
    skipped: tuple[Skipped, ...] = ()
    counted: tuple[Picture, ...] | None = None
    """What published tables count, where that is not every picture: one frame of a sequence."""


def find_pictures(folder: Path) -> Iterator[Path]:
    """Picture files in a folder and all below it, in order of their names; what macOS adds to
    archives is left out. Raises OSError where a folder cannot be listed."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == "__MACOSX":
            continue
        if path.is_dir():
            yield from find_pictures(path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            yield path


def to_dataset(listing: Listing, how: Loading) -> Dataset:
    """Read the pictures and divide them: as the data set does, else by person and copy.

    A data set with a training and a test split keeps the test split, and its validation rows
    are held out from training. Raises ConfigError where no picture, or less than half, can be
    read, or where there are too few to divide.
    """
    wanted, dropped = _contempt(listing, how)
    images, kept, skipped = _read(listing.root, wanted, how)
    pictures = [wanted[row] for row in kept]
    present = {picture.expression for picture in wanted}
    expressions = tuple(name for name in KNOWN if name in present)
    whole = Split(
        ALL,
        images,
        np.array([expressions.index(picture.expression) for picture in pictures], np.int64),
        groups=joined(copies(images), numbered([picture.person for picture in pictures])),
        expressions=expressions,
        dataset=listing.dataset,
    )
    official = np.array([picture.split for picture in pictures])
    splits, divided = _divide(whole, official, any(p.person for p in pictures), how)
    return Dataset(
        listing.dataset,
        splits,
        divided,
        verdict(listing.dataset, _counts(listing)),
        (*listing.skipped, *dropped, *skipped),
    )


def fit(image_bgr: Image, box: Box, how: Loading) -> NDArray[np.uint8]:
    """(H, W, 3) -> the box as (size, size) grey or (size, size, 3), by the device's own code."""
    out = np.empty((how.size, how.size, 3), np.uint8)
    warp(image_bgr, placement(Face(box, 1.0), Preprocessing(how.size, how.size)), out)
    return cv2.cvtColor(out, cv2.COLOR_BGR2GRAY) if how.colour == "grey" else out  # type: ignore[return-value]  # uint8 stays uint8


def centre(image_bgr: Image) -> Box:
    """The largest square in the middle of a picture."""
    height, width = image_bgr.shape[:2]
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return Box(left, top, left + side, top + side)


def _contempt(listing: Listing, how: Loading) -> tuple[list[Picture], list[Skipped]]:
    """The pictures to read, contempt renamed, and those dropped because it was so asked."""
    if how.contempt == "keep":
        return list(listing.pictures), []
    wanted, dropped = [], []
    for picture in listing.pictures:
        if picture.expression != CONTEMPT:
            wanted.append(picture)
        elif how.contempt == "drop":
            where = str(picture.path.relative_to(listing.root))
            dropped.append(Skipped(where, "of contempt, dropped as asked"))
        else:
            wanted.append(replace(picture, expression=how.contempt))
    return wanted, dropped


def _read(
    root: Path, pictures: Sequence[Picture], how: Loading
) -> tuple[NDArray[np.uint8], list[int], list[Skipped]]:
    """Pictures that can be read, (N, size, size[, 3]), which of the list they are, the others."""
    cv2.utils.logging.setLogLevel(0)  # what OpenCV would print of a bad file is in the report
    face_of = _cropper(how)
    images, kept, skipped, damaged = [], [], [], 0
    for row, picture in enumerate(pictures):
        _progress(row, len(pictures))
        where = str(picture.path.relative_to(root))
        try:
            image = read_image(picture.path)
        except SourceError as exc:
            damaged += 1
            skipped.append(Skipped(where, _without(str(exc), picture.path)))
            continue
        box = face_of(image)
        if box is None:
            skipped.append(Skipped(where, "in which Haar finds no face"))
            continue
        images.append(fit(image, box, how))
        kept.append(row)
    if damaged > MOST_UNREADABLE * len(pictures) or not images:
        raise ConfigError(
            f"{root}: of {len(pictures)} pictures {damaged} cannot be read and "
            f"{len(skipped) - damaged} show no face"
            + (f"; first {skipped[0].where}: {skipped[0].reason}" if skipped else "")
        )
    return np.stack(images), kept, skipped


def _progress(done: int, of: int) -> None:
    """On a terminal, how far it is: thousands of large pictures take minutes."""
    if done % 100 == 0 and done and sys.stderr.isatty():
        print(
            f"\r{done:,} of {of:,} pictures", end="\n" if done + 100 >= of else "", file=sys.stderr
        )


def _cropper(how: Loading) -> Callable[[Image], Box | None]:
    if how.crop == "whole":
        return centre
    from edgefer.detectors.haar import Haar

    haar = Haar(DetectorConfig(name="haar"))

    def largest(image_bgr: Image) -> Box | None:
        return max((face.box for face in haar.detect(image_bgr)), key=_area, default=None)

    return largest


def _area(box: Box) -> float:
    return box.area


def _without(message: str, path: Path) -> str:
    """The reader's message without the file's name, so that equal reasons can be counted."""
    return message.removeprefix(f"{path} ").replace(f" {path}", "")


def _divide(
    whole: Split, official: NDArray[np.str_], by_person: bool, how: Loading
) -> tuple[dict[str, Split], str]:
    names = ("train", "validation", "test", "public", "private")
    splits = {n: replace(whole.where(official == n), name=n) for n in names if n in official}
    unit = "persons" if by_person else "copies"
    share = f"{how.held_out:.0%} held out, {unit} kept together, seed {how.seed}"
    held_out = {"train": 1 - how.held_out, "validation": how.held_out}
    if not splits:
        return split_by_group(whole, held_out, how.seed), f"no official splits; {share}"
    if "train" not in splits:
        return splits, "official"
    for name in set(splits) - {"train"}:
        leak = copied(splits[name].images, splits["train"].images)
        splits[name] = replace(splits[name], leak=leak)
    if "validation" in splits or "public" in splits:
        return splits, "official"
    divided = {**split_by_group(splits.pop("train"), held_out, how.seed), **splits}
    return divided, f"official test; of train {share}"


def _counts(listing: Listing) -> dict[str, Counter[str]]:
    """Of what there is to read, whether or not it can be: that is what was published."""
    counts: dict[str, Counter[str]] = {}
    for picture in listing.pictures if listing.counted is None else listing.counted:
        counts.setdefault(picture.split or ALL, Counter())[picture.expression] += 1
    return counts
