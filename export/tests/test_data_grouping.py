from __future__ import annotations

import numpy as np
import pytest

from edgefer.spec import EXPRESSIONS
from edgefer_export.data import Split, split_by_group
from edgefer_export.data.grouping import contradictions, copied, copies, fingerprints, joined, torn
from edgefer_export.data.published import ALL, CKPLUS, FER2013, FOLDERS, KDEF, verdict


def grouped(rows: int, per_group: int) -> Split:
    """Random pictures, labels and groups of `per_group` rows; the last ones are on their own."""
    rng = np.random.default_rng(0)
    groups = np.arange(rows) // per_group
    groups[rows - per_group :] = -1
    images = rng.integers(0, 256, (rows, 48, 48), dtype=np.uint8)
    return Split("all", images, rng.integers(0, 7, rows), groups=rng.permutation(groups))


def test_copies_are_groups_and_others_are_none() -> None:
    images = np.zeros((5, 48, 48), np.uint8)
    images[[1, 3]] = 7
    images[4] = 9
    images[2, 0, 0] = 1
    assert copies(images).tolist() == [-1, 0, -1, 0, -1]
    assert copied(images, images[3:]).tolist() == [False, True, False, True, True]


def test_one_picture_with_two_labels_is_a_contradiction() -> None:
    images = np.repeat(np.arange(3, dtype=np.uint8), 2)[:, None, None] * np.ones((1, 2, 2), "u1")
    assert contradictions(fingerprints(images), np.array([0, 0, 1, 2, 3, 3])) == 1


def test_groups_that_share_a_row_become_one() -> None:
    persons = np.array([0, 0, 1, 1, -1, -1, 2])
    same = np.array([-1, 0, 0, -1, 1, 1, -1])
    assert joined(persons, same).tolist() == [0, 0, 0, 0, 1, 1, -1]


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_torn_and_no_row_lost(seed: int) -> None:
    split = grouped(300, 5)
    parts = split_by_group(split, {"train": 0.7, "validation": 0.2, "test": 0.1}, seed)
    assert torn(parts.values()) == 0
    assert sum(len(part) for part in parts.values()) == 300
    assert [round(len(part) / 300, 1) for part in parts.values()] == [0.7, 0.2, 0.1]
    prints = [set(fingerprints(part.images)) for part in parts.values()]
    assert len(set.union(*prints)) == 300


def test_rows_of_no_group_keep_the_share_of_each_expression() -> None:
    split = Split("all", np.zeros((700, 8, 8), np.uint8), np.arange(700) % 7)
    parts = split_by_group(split, {"train": 0.8, "validation": 0.2}, 3)
    assert parts["train"].counts() == (80,) * 7
    assert parts["validation"].counts() == (20,) * 7


def test_another_seed_is_another_split() -> None:
    split, shares = grouped(100, 4), {"train": 0.5, "validation": 0.5}
    digests = [split_by_group(split, shares, seed)["train"].digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]


def test_only_renumbers_labels_and_votes() -> None:
    votes = np.arange(28, dtype=np.float32).reshape(4, 7)
    split = Split("a", np.zeros((4, 48, 48), np.uint8), np.array([3, 1, 6, 0]), votes)
    five = split.only(("neutral", "happy", "contempt"))
    assert five.labels.tolist() == [1, 0]
    assert five.votes is not None
    assert five.votes.tolist() == [[6, 3, 0], [20, 17, 0]]
    assert five.counts() == (1, 1, 0)
    assert five.where(np.array([True, False])).expressions == ("neutral", "happy", "contempt")


def test_a_digest_tells_size_and_meaning_apart() -> None:
    images, labels = np.zeros((1, 48, 48), np.uint8), np.zeros(1, np.int64)
    seven = Split("a", images, labels)
    others = [
        Split("a", images, labels, expressions=("sad", *EXPRESSIONS[1:])),
        Split("a", images.reshape(1, 24, 96), labels),
        Split("a", images.reshape(1, 24, 32, 3), labels),
    ]
    assert len({split.digest() for split in (seven, *others)}) == 4


def test_published_tables_have_their_published_sums() -> None:
    sums = {s: sum(counts.values()) for s, counts in FER2013.counts.items()}
    assert sums == {"train": 28709, "public": 3589, "private": 3589}
    assert sum(KDEF.counts[ALL].values()) == 70 * 7 * 5 * 2
    assert CKPLUS.counts[ALL] == {
        "angry": 45,
        "contempt": 18,
        "disgust": 59,
        "fear": 25,
        "happy": 69,
        "sad": 28,
        "surprise": 83,
    }
    folders = [[sum(c.values()) for c in table.counts.values()] for table in FOLDERS]
    assert folders == [[28709, 7178], [28821, 7066], [3 * 327]]


def test_counts_are_judged_by_the_splits_that_are_there() -> None:
    train = FER2013.counts["train"]
    assert verdict("FER2013", {"train": train}).startswith("as published")
    wrong = verdict("FER2013", {"train": {**train, "happy": 7214}})
    assert wrong.endswith("train happy 7214, not 7215")
    assert verdict("mine", {"train": train}) == ""


def test_a_kaggle_copy_is_known_by_its_counts() -> None:
    counts = FOLDERS[1].counts
    assert "jonathanoheix" in verdict("archive", counts)
    assert verdict("archive", {**counts, "train": {**counts["train"], "sad": 1}}) == ""
