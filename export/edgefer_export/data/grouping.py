"""Rows that belong together (copies of a picture, pictures of one person), and splits that do
not tear them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer_export.data.split import Split

Groups = NDArray[np.int64]
"""(N,): rows of one number belong together; -1 is a row on its own."""


def fingerprints(images: NDArray[np.uint8]) -> list[bytes]:
    """One for each picture, the same for pictures that are the same pixel by pixel."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images]


def numbered(keys: Sequence[object]) -> Groups:
    """Rows of one key become one group; a key that is alone, or false, is no group."""
    rows: dict[object, list[int]] = {}
    for row, key in enumerate(keys):
        if key:
            rows.setdefault(key, []).append(row)
    groups = np.full(len(keys), -1, np.int64)
    for number, together in enumerate(some for some in rows.values() if len(some) > 1):
        groups[together] = number
    return groups


def copies(images: NDArray[np.uint8]) -> Groups:
    """Pictures that are the same, pixel by pixel."""
    return numbered(fingerprints(images))


def copied(images: NDArray[np.uint8], training: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(N,): which of the pictures stand among the training pictures too, pixel by pixel."""
    known = set(fingerprints(training))
    return np.array([each in known for each in fingerprints(images)], bool)


def contradictions(prints: Sequence[bytes], labels: NDArray[np.int64]) -> int:
    """How many pictures stand there with two labels or more."""
    found: dict[bytes, set[int]] = {}
    for each, label in zip(prints, labels.tolist(), strict=True):
        found.setdefault(each, set()).add(label)
    return sum(len(several) > 1 for several in found.values())


def joined(*groupings: Groups) -> Groups:
    """Rows that any of the groupings puts together, directly or over other rows."""
    leader = list(range(len(groupings[0])))

    def find(row: int) -> int:
        while leader[row] != row:
            leader[row] = row = leader[leader[row]]
        return row

    for groups in groupings:
        first: dict[int, int] = {}
        for row, group in enumerate(groups.tolist()):
            if group >= 0:
                leader[find(row)] = find(first.setdefault(group, row))
    return numbered([find(row) + 1 for row in range(len(leader))])  # + 1: 0 would be no key


def split_by_group(split: Split, shares: Mapping[str, float], seed: int) -> dict[str, Split]:
    """Whole groups, dealt out by chance so that each expression comes near to its share.

    The same seed gives the same splits. Raises ConfigError where a share is left without rows.
    """
    wanted = np.array(tuple(shares.values()), np.float64)
    if len(wanted) < 2 or wanted.min() <= 0:
        raise ConfigError(f"shares are {dict(shares)}; two or more, all above 0, are needed")
    place = _dealt(split, wanted / wanted.sum(), seed)
    return {n: replace(split.where(place == i), name=n) for i, n in enumerate(shares)}


def torn(splits: Iterable[Split]) -> int:
    """How many groups have rows in more than one of the splits."""
    seen: dict[int, int] = {}
    for split in splits:
        if split.groups is not None:
            for group in set(split.groups[split.groups >= 0].tolist()):
                seen[group] = seen.get(group, 0) + 1
    return sum(times > 1 for times in seen.values())


def _units(split: Split) -> list[NDArray[np.int64]]:
    """Rows that stay together, each row on its own where no group is known."""
    groups = np.full(len(split), -1, np.int64) if split.groups is None else split.groups
    order = np.argsort(groups, kind="stable")
    alone = int((groups < 0).sum())
    together = np.split(order[alone:], np.flatnonzero(np.diff(groups[order[alone:]])) + 1)
    return [*order[:alone].reshape(-1, 1), *(rows for rows in together if len(rows))]


def _dealt(split: Split, shares: NDArray[np.float64], seed: int) -> NDArray[np.int64]:
    """(N,): which share each row falls to. Large groups first, each to the share that still
    lacks most of the group's expressions; chance decides the order among equals.

    Raises ConfigError where a share gets no row.
    """
    units = _units(split)
    order = np.random.default_rng(seed).permutation(len(units)).tolist()
    order.sort(key=lambda unit: -len(units[unit]))
    kinds = len(split.expressions)
    room = shares[:, None] * np.maximum(np.bincount(split.labels, minlength=kinds), 1)
    # Where the expressions do not decide, the share with fewer of its rows gets the group.
    tie = 1e-6 / (shares * max(len(split), 1))
    taken = np.zeros((len(shares), kinds))
    place = np.empty(len(split), np.int64)
    for unit in order:
        rows = units[unit]
        holds = np.bincount(split.labels[rows], minlength=kinds)
        to = int(((1 - taken / room) @ holds - tie * taken.sum(axis=1)).argmax())
        taken[to] += holds
        place[rows] = to
    if len(set(place.tolist())) < len(shares):
        raise ConfigError(
            f"{len(split)} rows of {split.dataset} in {len(units)} groups cannot be divided into "
            f"{len(shares)} parts; take more data, or fewer parts"
        )
    return place
