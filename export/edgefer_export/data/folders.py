"""Folders named by expression, with or without folders named by split above them.

The Kaggle copies of FER2013 (`train/angry/...`, `test/...`; `validation/...`), CK+ in class
folders, and anybody's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from edgefer_export.data import ckplus, kdef
from edgefer_export.data.dataset import Skipped
from edgefer_export.data.pictures import Listing, Picture, find_pictures

SPELLINGS = {
    "angry": ("angry", "anger"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid", "scared"),
    "happy": ("happy", "happiness"),
    "sad": ("sad", "sadness"),
    "surprise": ("surprise", "surprised", "shock", "shocked"),
    "neutral": ("neutral", "normal"),
    "contempt": ("contempt", "contemptuous"),
}
"""Ours, and how else data sets and papers spell them."""

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val"),
    "test": ("test", "testing"),
    "public": ("public", "publictest"),
    "private": ("private", "privatetest"),
}

LEAST = 2
"""Folders named by an expression that make a data set: a single one may be anything."""


def expression_named(name: str) -> str | None:
    """The expression that a folder's name means: "0_Anger" is angry."""
    return _meant(name, SPELLINGS)


def split_named(name: str) -> str | None:
    """The split that a folder's name means."""
    return _meant(name, SPLITS)


def has_splits(folder: Path) -> bool:
    """A training or other split stands in it, and class folders in that."""
    return any(split_named(each.name) and has_classes(each) for each in subfolders(folder))


def has_classes(folder: Path) -> bool:
    """Two or more folders named by different expressions stand in it."""
    return len({expression_named(each.name) for each in subfolders(folder)} - {None}) >= LEAST


def list_splits(root: Path) -> Listing:
    """Pictures of all splits; folders that are no split are reported. Raises OSError."""
    pictures: list[Picture] = []
    skipped: list[Skipped] = []
    for folder in subfolders(root):
        split = split_named(folder.name)
        if split is None:
            skipped.append(Skipped(folder.name, "folder whose name is no split"))
            continue
        _add_classes(root, folder, split, pictures, skipped)
    return Listing(root.resolve().name, root, tuple(pictures), tuple(skipped))


def list_classes(root: Path) -> Listing:
    """Pictures of all class folders; others are reported. Raises OSError."""
    pictures: list[Picture] = []
    skipped: list[Skipped] = []
    _add_classes(root, root, "", pictures, skipped)
    return Listing(root.resolve().name, root, tuple(pictures), tuple(skipped))


def subfolders(folder: Path) -> Iterator[Path]:
    """In order of their names, without hidden ones."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and path.name != "__MACOSX":
            yield path


def _add_classes(
    root: Path, folder: Path, split: str, pictures: list[Picture], skipped: list[Skipped]
) -> None:
    for each in subfolders(folder):
        expression = expression_named(each.name)
        if expression is None:
            where = str(each.relative_to(root))
            skipped.append(Skipped(where, "folder whose name is no expression"))
            continue
        pictures.extend(
            Picture(path, expression, split, _person(path.name)) for path in find_pictures(each)
        )


def _person(name: str) -> str:
    """Who a picture shows that was copied from KDEF or CK+ under its own name."""
    return ckplus.person_of(name) or kdef.person_of(name)


def _meant(name: str, spellings: dict[str, tuple[str, ...]]) -> str | None:
    plain = re.sub(r"[^a-z]", "", name.lower())
    return next((ours for ours, known in spellings.items() if plain in known), None)
