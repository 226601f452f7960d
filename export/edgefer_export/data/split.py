"""One split of a data set as arrays: pictures, labels, and what else is known of each row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.spec import EXPRESSIONS

SIDE = 48
"""Pixels: FER2013's pictures are that wide and high."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one split; every array has N rows, and is None where the data do not say."""

    name: str
    images: NDArray[np.uint8]  # (N, H, W) grey, or (N, H, W, 3) blue-green-red
    labels: NDArray[np.int64]  # (N,) the data set's own, as numbers into `expressions`
    votes: NDArray[np.float32] | None = None  # (N, K) FER+ votes, in the order of `expressions`
    ballots: NDArray[np.int64] | None = None  # (N,) all FER+ votes, those for none of the K too
    leak: NDArray[np.bool_] | None = None  # (N,) a copy of it stands in the training split
    flat: NDArray[np.bool_] | None = None  # (N,) nearly one grey: there is no face in it
    groups: NDArray[np.int64] | None = None
    """(N,) rows of one number (copies, one person) must stay on one side of any split; -1 is a
    row that belongs to no other. A number means the same group in all splits of a data set."""
    expressions: tuple[str, ...] = EXPRESSIONS
    """What the K label numbers mean."""
    dataset: str = "FER2013"
    """What a figure measured on it is a figure of."""

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, keep: NDArray[Any]) -> Split:
        """The rows that a mask or an index array picks."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        rows = {k: v[keep] for k, v in columns.items() if isinstance(v, np.ndarray)}
        return replace(self, **rows)

    def faces(self) -> Split:
        """Without the rows known to be flat."""
        return self if self.flat is None else self.where(~self.flat)

    def only(self, expressions: Sequence[str]) -> Split:
        """The rows of these expressions, renumbered in their order; votes for others go."""
        wanted = tuple(expressions)
        if wanted == self.expressions:
            return self
        number = np.array([wanted.index(e) if e in wanted else -1 for e in self.expressions])
        labels = number[self.labels].astype(np.int64)
        votes = self.votes
        if votes is not None:
            known = [i for i, e in enumerate(wanted) if e in self.expressions]
            columns = np.zeros((len(self), len(wanted)), np.float32)
            columns[:, known] = votes[:, [self.expressions.index(wanted[i]) for i in known]]
            votes = columns
        whole = replace(self, labels=labels, votes=votes, expressions=wanted)
        return whole.where(labels >= 0)

    def counts(self) -> tuple[int, ...]:
        """Rows of each expression by the data set's own label."""
        return tuple(np.bincount(self.labels, minlength=len(self.expressions)).tolist())

    def digest(self) -> str:
        """Twelve hex digits that name exactly these images and labels.

        Shape and expressions count where they are not FER2013's: the same bytes may be
        pictures of another size, and the same number another expression.
        """
        sha = hashlib.sha256(np.ascontiguousarray(self.images).tobytes())
        sha.update(np.ascontiguousarray(self.labels).tobytes())
        if (self.images.shape[1:], self.expressions) != ((SIDE, SIDE), EXPRESSIONS):
            sha.update(repr((self.images.shape[1:], self.expressions)).encode())
        return sha.hexdigest()[:12]


def together(splits: Sequence[Split], name: str) -> Split:
    """The rows of all of them, one after the other. What one of them does not know is not known
    of all; copies between them are no leak any more."""
    columns: dict[str, Any] = {}
    for field in fields(Split):
        parts = [getattr(split, field.name) for split in splits]
        if all(isinstance(part, np.ndarray) for part in parts):
            columns[field.name] = np.concatenate(parts)
        elif any(isinstance(part, np.ndarray) for part in parts):
            columns[field.name] = None
    return replace(splits[0], name=name, **{**columns, "leak": None})


def leaders(votes: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N, K) votes -> the expression with the most, (N,), and whether it is the only one, (N,)."""
    ordered = np.sort(votes, axis=1)
    return votes.argmax(axis=1), ordered[:, -1] > ordered[:, -2]
