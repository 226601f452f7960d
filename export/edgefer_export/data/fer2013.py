"""FER2013 as arrays: images, standard labels, and what else is known of each row.

Two files are read: a `fer2013` npz, which also holds FER+ votes and marks copies and blank
pictures, and the `fer2013.csv` of the 2013 challenge, which holds pixels and labels alone.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgefer.errors import ConfigError
from edgefer.spec import EXPRESSIONS
from edgefer_export.data.split import SIDE, Split

FERPLUS_TO_OURS = (6, 3, 5, 4, 0, 1, 2)
"""Where FER+'s first seven vote columns (neutral, happiness, surprise, sadness, anger,
disgust, fear) stand among `edgefer.spec.EXPRESSIONS`. Contempt, unknown and "no face" have
no place there."""

NPZ_USAGES = ("train", "public", "private")
CSV_USAGES = {"Training": "train", "PublicTest": "public", "PrivateTest": "private"}

NPZ_KEYS = ("images", "labels", "usage", "ferplus_votes", "leak", "flat")
CSV_COLUMNS = ("emotion", "pixels", "usage")


def load_splits(path: Path) -> dict[str, Split]:
    """The splits that a `fer2013` npz or csv holds, by name: train, public, private.

    Raises ConfigError where the file cannot be read, or is neither.
    """
    try:
        return _from_csv(path) if path.suffix == ".csv" else _from_npz(path)
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror or exc}. Give --data the fer2013 npz or fer2013.csv"
        ) from exc


def _from_npz(path: Path) -> dict[str, Split]:
    try:
        with zipfile.ZipFile(path) as archive:
            present = {Path(name).stem for name in archive.namelist()}
        missing = [key for key in NPZ_KEYS if key not in present]
        if missing:
            raise ConfigError(f"{path} has no {', '.join(missing)}; expected {', '.join(NPZ_KEYS)}")
        with np.load(path) as arrays:
            images, labels, usage, crowd, leak, flat = (arrays[key] for key in NPZ_KEYS)
    except (ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise ConfigError(f"{path} is not an npz of plain arrays: {exc}") from exc
    n = len(labels)
    if images.dtype != np.uint8 or images.shape != (n, SIDE, SIDE):
        raise ConfigError(
            f"{path}: images are {images.dtype} {images.shape}; expected uint8 ({n}, 48, 48)"
        )
    if crowd.shape != (n, 10) or {len(usage), len(leak), len(flat)} != {n}:
        raise ConfigError(f"{path}: its arrays have not {n} rows each, and 10 vote columns")
    if n and (labels.min() < 0 or labels.max() >= len(EXPRESSIONS)):
        raise ConfigError(
            f"{path}: labels reach {labels.min()} to {labels.max()}; 0 to 6 are known"
        )
    votes = np.zeros((n, len(EXPRESSIONS)), np.float32)
    votes[:, FERPLUS_TO_OURS] = crowd[:, :7]
    whole = Split(
        "all",
        np.ascontiguousarray(images),
        labels.astype(np.int64),
        votes,
        crowd.sum(axis=1, dtype=np.int64),
        leak.astype(bool),
        flat.astype(bool),
    )
    masks = {name: usage == number for number, name in enumerate(NPZ_USAGES)}
    return {name: replace(whole.where(m), name=name) for name, m in masks.items() if m.any()}


def _from_csv(path: Path) -> dict[str, Split]:
    rows: dict[str, list[tuple[int, bytes]]] = {name: [] for name in CSV_USAGES.values()}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            for usage, label, pixels in _csv_rows(path, csv.reader(file)):
                rows[usage].append((label, pixels))
    except (csv.Error, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not a csv file: {exc}") from exc
    return {
        name: Split(
            name,
            np.frombuffer(b"".join(pixels for _, pixels in some), np.uint8).reshape(-1, SIDE, SIDE),
            np.array([label for label, _ in some], np.int64),
        )
        for name, some in rows.items()
        if some
    }


def _csv_rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[str, int, bytes]]:
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
            values = bytes(map(int, pixels.split()))  # ValueError above 255 too
            known = CSV_USAGES[usage], range(len(EXPRESSIONS)).index(int(label))
        except (ValueError, KeyError, IndexError) as exc:
            raise ConfigError(
                f"{path}, line {number}: cannot be read ({exc}). Expected an emotion from 0 to 6, "
                f"pixels from 0 to 255 and a Usage of {', '.join(CSV_USAGES)}"
            ) from exc
        if len(values) != SIDE * SIDE:
            raise ConfigError(f"{path}, line {number}: {len(values)} pixels; 48 x 48 = 2304 needed")
        yield *known, values
