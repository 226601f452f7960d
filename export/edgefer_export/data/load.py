"""The door: what a path holds is seen by what is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgefer.errors import ConfigError
from edgefer_export.data.dataset import (
    HELD_OUT,
    Colour,
    Crop,
    Dataset,
    Loading,
    report_skipped,
)
from edgefer_export.data.split import SIDE, Split

CSV_NAMES = ("fer2013.csv", "icml_face_data.csv")

DEPTH = 2
"""How many folders further down a data set may stand, as archives wrap them."""

LOOKED_FOR = (
    "a fer2013 npz, FER2013's own csv (fer2013.csv, icml_face_data.csv), folders named by split "
    "(train, validation, test) and in them by expression (angry or anger, ...), folders named by "
    "expression, KDEF's pictures (named as AF01ANS.JPG is), CK+'s folders cohn-kanade-images and "
    "Emotion"
)


def load_splits(
    path: Path,
    *,
    size: int = SIDE,
    colour: Colour = "grey",
    contempt: str = "keep",
    votes: Path | None = None,
    crop: Crop = "whole",
    held_out: float = HELD_OUT,
) -> dict[str, Split]:
    """The splits of a data set by name, after saying on stderr what was left out.

    FER2013 has train, public and private; others train, validation and test. What the choices
    mean is written in `Loading`. Raises ConfigError where the path holds no known data set, or
    a damaged one.
    """
    dataset = load_dataset(path, Loading(size, colour, contempt, votes, crop, held_out=held_out))
    report_skipped(path, dataset.skipped)
    return dataset.splits


def load_dataset(path: Path, how: Loading) -> Dataset:
    """As `load_splits`, with what is known of the data set as a whole; nothing is printed."""
    try:
        return _open(path, how)
    except OSError as exc:
        raise ConfigError(
            f"cannot read {exc.filename or path}: {exc.strerror or exc}. Known data sets: "
            f"{LOOKED_FOR}"
        ) from exc


def _open(path: Path, how: Loading) -> Dataset:
    from edgefer_export.data.fer2013 import from_csv, from_npz

    if path.suffix == ".csv":
        return from_csv(path, how)
    if not path.is_dir():
        return from_npz(path, how)
    for folder in _wrapped(path):
        for name in CSV_NAMES:
            if (folder / name).is_file():
                return from_csv(folder / name, how)
        dataset = _from_folder(folder, how)
        if dataset is not None:
            return dataset
    raise ConfigError(f"{path} holds no data set that is known. Looked for: {LOOKED_FOR}")


def _from_folder(folder: Path, how: Loading) -> Dataset | None:
    from edgefer_export.data.ckplus import ckplus_parts, list_ckplus
    from edgefer_export.data.folders import has_classes, has_splits, list_classes, list_splits
    from edgefer_export.data.kdef import is_kdef, list_kdef
    from edgefer_export.data.pictures import to_dataset

    if parts := ckplus_parts(folder):
        listing = list_ckplus(folder, *parts, how.peaks)
    elif has_splits(folder):
        listing = list_splits(folder)
    elif is_kdef(folder):  # before class folders: its names tell more than the folders do
        listing = list_kdef(folder)
    elif has_classes(folder):
        listing = list_classes(folder)
    else:
        return None
    if how.votes:
        raise ConfigError(
            f"FER+ votes belong to the rows of fer2013.csv; {folder} has no such rows"
        )
    return to_dataset(listing, how)


def _wrapped(path: Path) -> Iterator[Path]:
    """The folder, then those below it, level by level."""
    level = [path]
    for _ in range(DEPTH + 1):
        yield from level
        level = [each for folder in level for each in sorted(folder.iterdir()) if each.is_dir()]
