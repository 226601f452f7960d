"""FER2013 as arrays: images, standard labels, FER+ votes, and what is known of each row."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError

FERPLUS_TO_OURS = (6, 3, 5, 4, 0, 1, 2)
"""Where FER+'s first seven vote columns (neutral, happiness, surprise, sadness, anger,
disgust, fear) stand among `edgefer.spec.EXPRESSIONS`. Contempt, unknown and "no face" have
no place there."""

KEYS = ("images", "labels", "usage", "ferplus_votes", "leak", "flat")


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one split; every array has N rows."""

    name: str
    images: NDArray[np.uint8]  # (N, 48, 48) grey
    labels: NDArray[np.int64]  # (N,) FER2013's own
    votes: NDArray[np.float32]  # (N, 7) FER+ votes of the seven expressions, 0 where absent
    leak: NDArray[np.bool_]  # (N,) a copy of it stands in the training split
    flat: NDArray[np.bool_]  # (N,) nearly one grey: there is no face in it

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, keep: NDArray[np.bool_]) -> Split:
        """The rows for which `keep` is true."""
        rows: dict[str, Any] = {
            f.name: getattr(self, f.name)[keep] for f in fields(self) if f.name != "name"
        }
        return Split(self.name, **rows)

    def majority(self) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """FER+: which rows have one expression with the most votes, (N,), and which it is, (N,)."""
        top = np.sort(self.votes, axis=1)
        return top[:, -1] > top[:, -2], self.votes.argmax(axis=1)

    def digest(self) -> str:
        """Twelve hex digits that name exactly these images and labels."""
        sha = hashlib.sha256(np.ascontiguousarray(self.images).tobytes())
        sha.update(np.ascontiguousarray(self.labels).tobytes())
        return sha.hexdigest()[:12]


def load_fer2013(path: Path) -> tuple[Split, Split]:
    """The train and public splits of a `fer2013` npz; ConfigError where it is not one."""
    try:
        with np.load(path) as archive:
            missing = [key for key in KEYS if key not in archive]
            if missing:
                raise ConfigError(f"{path} has no {', '.join(missing)}; expected {', '.join(KEYS)}")
            arrays = {key: archive[key] for key in KEYS}
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc}. Give --data the fer2013 npz") from exc
    except ValueError as exc:
        raise ConfigError(f"{path} is not an npz of plain arrays: {exc}") from exc
    votes = np.zeros((len(arrays["labels"]), 7), np.float32)
    votes[:, FERPLUS_TO_OURS] = arrays["ferplus_votes"][:, :7]
    whole = Split(
        "all",
        np.ascontiguousarray(arrays["images"]),
        arrays["labels"].astype(np.int64),
        votes,
        arrays["leak"].astype(bool),
        arrays["flat"].astype(bool),
    )
    train, public = (whole.where(arrays["usage"] == usage) for usage in (0, 1))
    return (
        Split("train", *(getattr(train, f.name) for f in fields(Split)[1:])),
        Split("public", *(getattr(public, f.name) for f in fields(Split)[1:])),
    )


def soft_targets(split: Split, votes_weight: float) -> NDArray[np.float32]:
    """(N, 7) distributions: the standard label, mixed with the FER+ votes where there are any."""
    hard = np.eye(7, dtype=np.float32)[split.labels]
    total = split.votes.sum(axis=1, keepdims=True)
    soft = np.divide(split.votes, total, out=hard.copy(), where=total > 0)
    mixed: NDArray[np.float32] = (1 - votes_weight) * hard + votes_weight * soft
    return mixed
