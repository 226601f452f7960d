"""FER2013's files: the `fer2013.csv` of the 2013 challenge, which holds pixels and labels alone,
and an npz, which also holds FER+ votes and marks copies and blank pictures.
"""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer.spec import EXPRESSIONS
from edgefer_export.data.dataset import Dataset, Loading
from edgefer_export.data.grouping import copied, copies
from edgefer_export.data.published import verdict
from edgefer_export.data.split import SIDE, Split

FERPLUS_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""Of FER+'s fer2013new.csv, behind Usage and Image name. NF: there is no face."""

FERPLUS_TO_OURS = (6, 3, 5, 4, 0, 1, 2)
"""Where FER+'s first seven vote columns stand among `edgefer.spec.EXPRESSIONS`. Contempt,
unknown and "no face" have no place there."""

NPZ_USAGES = ("train", "public", "private")
CSV_USAGES = {"Training": "train", "PublicTest": "public", "PrivateTest": "private"}

NPZ_KEYS = ("images", "labels", "usage", "ferplus_votes", "leak", "flat")
CSV_COLUMNS = ("emotion", "pixels", "usage")

PIXELS = SIDE * SIDE


def from_npz(path: Path, how: Loading) -> Dataset:
    """FER2013 from an npz. Its own marks of copies and leaks are kept: they also hold pictures
    that are nearly the same. Raises ConfigError where it is none; OSError."""
    if how.votes:
        raise ConfigError(f"{path} has its FER+ votes inside; leave {how.votes} out")
    try:
        with zipfile.ZipFile(path) as archive:
            present = {Path(name).stem for name in archive.namelist()}
        missing = [key for key in NPZ_KEYS if key not in present]
        if missing:
            raise ConfigError(f"{path} has no {', '.join(missing)}; expected {', '.join(NPZ_KEYS)}")
        with np.load(path) as arrays:
            images, labels, usage, crowd, leak, flat = (arrays[key] for key in NPZ_KEYS)
            marked = arrays["dup_group"] if "dup_group" in present else None
    except (ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise ConfigError(f"{path} is not an npz of plain arrays: {exc}") from exc
    n = len(labels)
    if images.dtype != np.uint8 or images.shape != (n, SIDE, SIDE):
        raise ConfigError(
            f"{path}: images are {images.dtype} {images.shape}; expected uint8 ({n}, 48, 48)"
        )
    groups = copies(images) if marked is None else marked.astype(np.int64)
    if crowd.shape != (n, 10) or {len(usage), len(leak), len(flat), len(groups)} != {n}:
        raise ConfigError(f"{path}: its arrays have not {n} rows each, and 10 vote columns")
    if n and (labels.min() < 0 or labels.max() >= len(EXPRESSIONS)):
        raise ConfigError(
            f"{path}: labels reach {labels.min()} to {labels.max()}; 0 to 6 are known"
        )
    whole = Split(
        "all",
        np.ascontiguousarray(images),
        labels.astype(np.int64),
        *_votes(crowd),
        leak.astype(bool),
        flat.astype(bool),
        groups,
    )
    masks = {name: usage == number for number, name in enumerate(NPZ_USAGES)}
    return _dataset(path, {k: whole.where(m) for k, m in masks.items() if m.any()}, how)


def from_csv(path: Path, how: Loading) -> Dataset:
    """FER2013 from the challenge's csv file, its columns in any order; copies are found pixel by
    pixel. Raises ConfigError naming the first line that cannot be read; OSError.

    A bad line is an error, not left out: the file is of one piece, and FER+ joins by row.
    """
    usages: list[str] = []
    labels: list[int] = []
    pixels: list[NDArray[np.uint8]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file, warnings.catch_warnings():
            # Of text that is no number, older versions of numpy only warn.
            warnings.simplefilter("ignore", DeprecationWarning)
            for usage, label, values in _csv_rows(path, csv.reader(file)):
                usages.append(usage)
                labels.append(label)
                pixels.append(values)
    except (csv.Error, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not a csv file: {exc}") from exc
    if not labels:
        raise ConfigError(f"{path} has a first line and no other; FER2013 has 35,887 more")
    images = np.stack(pixels).reshape(-1, SIDE, SIDE)
    crowd = _read_votes(how.votes, path, usages) if how.votes else None
    votes, ballots = (None, None) if crowd is None else _votes(crowd)
    whole = Split("all", images, np.array(labels, np.int64), votes, ballots, groups=copies(images))
    which = np.array(usages)
    splits = {n: whole.where(which == n) for n in CSV_USAGES.values() if n in which}
    training = splits.get("train")
    if training is not None:
        for name in set(splits) - {"train"}:
            leak = copied(splits[name].images, training.images)
            splits[name] = replace(splits[name], leak=leak)
    return _dataset(path, splits, how)


def _dataset(path: Path, splits: dict[str, Split], how: Loading) -> Dataset:
    if how.crop != "whole":
        raise ConfigError(f"{path} holds faces already cut out; leave --crop {how.crop} out")
    counts = {n: dict(zip(EXPRESSIONS, s.counts(), strict=True)) for n, s in splits.items()}
    fitted = {n: replace(s, name=n, images=_fit(s.images, how)) for n, s in splits.items()}
    return Dataset("FER2013", fitted, "official", verdict("FER2013", counts))


def _fit(images: NDArray[np.uint8], how: Loading) -> NDArray[np.uint8]:
    """Pictures of the size and colour asked for; as they are where that is grey 48 x 48."""
    if (how.size, how.colour) == (SIDE, "grey"):
        return images
    from edgefer_export.data.pictures import centre, fit

    colour = (np.repeat(grey[..., None], 3, axis=2) for grey in images)
    return np.stack([fit(image, centre(image), how) for image in colour])


def _votes(crowd: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(N, 10) FER+ columns -> (N, 7) votes in the order of EXPRESSIONS, (N,) all votes."""
    votes = np.zeros((len(crowd), len(EXPRESSIONS)), np.float32)
    votes[:, FERPLUS_TO_OURS] = crowd[:, : len(FERPLUS_TO_OURS)]
    return votes, crowd.sum(axis=1, dtype=np.int64)


def _read_votes(path: Path, data: Path, usages: list[str]) -> NDArray[np.int64]:
    """(N, 10) FER+ votes, checked to stand beside the rows of fer2013.csv."""
    crowd: list[list[int]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            missing = [name for name in ("Usage", *FERPLUS_COLUMNS) if name not in header]
            if missing:
                raise ConfigError(
                    f"{path} has no column {', '.join(missing)}; FER+'s fer2013new.csv is needed"
                )
            at = [header.index(name) for name in FERPLUS_COLUMNS]
            for number, row in enumerate(filter(None, reader), start=2):
                usage = CSV_USAGES.get(row[header.index("Usage")].strip())
                if number - 2 < len(usages) and usage != usages[number - 2]:
                    raise ConfigError(
                        f"{path}, line {number}, is of the {usage} split, and that row of {data} "
                        f"of {usages[number - 2]}: they are not rows of one file"
                    )
                crowd.append([int(row[i]) for i in at])
    except (csv.Error, UnicodeDecodeError, ValueError, IndexError) as exc:
        raise ConfigError(f"{path}, line {len(crowd) + 2}: cannot be read ({exc})") from exc
    if len(crowd) != len(usages):
        raise ConfigError(
            f"{path} has {len(crowd)} rows and {data} {len(usages)}; votes join row by row, so "
            "both must be whole"
        )
    return np.array(crowd, np.int64)


def _csv_rows(
    path: Path, reader: Iterator[list[str]]
) -> Iterator[tuple[str, int, NDArray[np.uint8]]]:
    """Split name, label and 2,304 pixels of each row; the columns stand in any order."""
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in CSV_COLUMNS if name not in header]
    if missing:
        raise ConfigError(
            f"{path} has no column {', '.join(missing)}; its first line is {','.join(header)!r}, "
            f"expected emotion, pixels and Usage"
        )
    at = [header.index(name) for name in CSV_COLUMNS]
    for number, row in enumerate(reader, start=2):
        if not row:
            continue
        try:
            label, pixels, usage = (row[i].strip() for i in at)
            values = _numbers(pixels)
            known = CSV_USAGES[usage], range(len(EXPRESSIONS)).index(int(label))
        except (ValueError, KeyError, IndexError) as exc:
            raise ConfigError(
                f"{path}, line {number}: cannot be read ({exc}). Expected an emotion from 0 to 6, "
                f"pixels from 0 to 255 and a Usage of {', '.join(CSV_USAGES)}"
            ) from exc
        if len(values) != PIXELS:
            raise ConfigError(f"{path}, line {number}: {len(values)} pixels; 48 x 48 = 2304 needed")
        yield *known, values


def _numbers(text: str) -> NDArray[np.uint8]:
    """Numbers from 0 to 255 between spaces; ValueError otherwise.

    numpy reads a line five times as fast as Python does, but says less of what is wrong.
    """
    with suppress(ValueError):
        values = np.fromstring(text, np.int64, sep=" ")
        if len(values) == PIXELS and values.min() >= 0 and values.max() <= 255:
            return values.astype(np.uint8)
    return np.frombuffer(bytes(map(int, text.split())), np.uint8)
