"""FER2013 as arrays: images, standard labels, and what else is known of each row.

Two files are read: a `fer2013` npz, which also holds FER+ votes and marks copies and blank
pictures, and the `fer2013.csv` of the 2013 challenge, which holds pixels and labels alone.
"""

from __future__ import annotations

import csv
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer.spec import EXPRESSIONS

FERPLUS_TO_OURS = (6, 3, 5, 4, 0, 1, 2)
"""Where FER+'s first seven vote columns (neutral, happiness, surprise, sadness, anger,
disgust, fear) stand among `edgefer.spec.EXPRESSIONS`. Contempt, unknown and "no face" have
no place there."""

NPZ_USAGES = ("train", "public", "private")
CSV_USAGES = {"Training": "train", "PublicTest": "public", "PrivateTest": "private"}

NPZ_KEYS = ("images", "labels", "usage", "ferplus_votes", "leak", "flat")
CSV_COLUMNS = ("emotion", "pixels", "usage")

SIDE = 48


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one split; every array has N rows, and is None where the file does not say."""

    name: str
    images: NDArray[np.uint8]  # (N, 48, 48) grey
    labels: NDArray[np.int64]  # (N,) FER2013's own, in the order of EXPRESSIONS
    votes: NDArray[np.float32] | None = None  # (N, 7) FER+ votes, in the order of EXPRESSIONS
    ballots: NDArray[np.int64] | None = None  # (N,) all FER+ votes, those for none of the seven too
    leak: NDArray[np.bool_] | None = None  # (N,) a copy of it stands in the training split
    flat: NDArray[np.bool_] | None = None  # (N,) nearly one grey: there is no face in it

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, keep: NDArray[Any]) -> Split:
        """The rows that a mask or an index array picks."""
        columns = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}
        return replace(self, **{k: v[keep] for k, v in columns.items() if v is not None})

    def faces(self) -> Split:
        """Without the rows known to be flat."""
        return self if self.flat is None else self.where(~self.flat)

    def counts(self) -> tuple[int, ...]:
        """Rows of each expression by the standard label."""
        return tuple(np.bincount(self.labels, minlength=len(EXPRESSIONS)).tolist())

    def digest(self) -> str:
        """Twelve hex digits that name exactly these images and labels."""
        sha = hashlib.sha256(np.ascontiguousarray(self.images).tobytes())
        sha.update(np.ascontiguousarray(self.labels).tobytes())
        return sha.hexdigest()[:12]


def leaders(votes: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N, 7) votes -> the expression with the most, (N,), and whether it is the only one, (N,)."""
    ordered = np.sort(votes, axis=1)
    return votes.argmax(axis=1), ordered[:, -1] > ordered[:, -2]


def soft_targets(split: Split, votes_weight: float) -> NDArray[np.float32]:
    """(N, 7) distributions: the standard label, mixed with the FER+ votes where there are any."""
    hard = np.eye(len(EXPRESSIONS), dtype=np.float32)[split.labels]
    if split.votes is None:
        return hard
    total = split.votes.sum(axis=1, keepdims=True)
    soft = np.divide(split.votes, total, out=hard.copy(), where=total > 0)
    mixed: NDArray[np.float32] = (1 - votes_weight) * hard + votes_weight * soft
    return mixed


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
