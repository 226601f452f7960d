from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from edgefer.errors import ConfigError
from edgefer_export.data import Split
from edgefer_export.recipe import Target
from edgefer_export.targets import targets

PICTURES = np.zeros((4, 48, 48), np.uint8)
SPLIT = Split("train", PICTURES, np.array([3, 3, 3, 1]))


def voted() -> Split:
    votes = np.zeros((4, 7), np.float32)
    votes[0, 3], votes[0, 5] = 8, 2
    votes[3, 1] = 10
    return dataclasses.replace(SPLIT, votes=votes)


def test_alone_the_standard_label_is_the_target() -> None:
    assert targets(SPLIT, Target()).argmax(1).tolist() == [3, 3, 3, 1]
    assert targets(SPLIT, Target()).max(1).tolist() == [1, 1, 1, 1]


def test_votes_take_their_share_and_rows_without_votes_keep_their_label() -> None:
    mixed = targets(voted(), Target(votes=0.5))
    assert mixed[0].tolist() == pytest.approx([0, 0, 0, 0.9, 0, 0.1, 0])
    assert mixed[1].tolist() == pytest.approx([0, 0, 0, 1, 0, 0, 0])


def test_smoothing_gives_every_expression_the_same() -> None:
    smooth = targets(SPLIT, Target(smoothing=0.07))
    assert smooth[0].tolist() == pytest.approx([0.01] * 3 + [0.94] + [0.01] * 3)


def test_a_teachers_answers_take_their_share() -> None:
    teacher = np.full((4, 7), 1 / 7, np.float32)
    mixed = targets(SPLIT, Target(teacher=0.7), teacher)
    assert mixed[3].tolist() == pytest.approx([0.1, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1])


def test_a_recipe_with_a_teacher_needs_one() -> None:
    with pytest.raises(ConfigError, match="--teacher"):
        targets(SPLIT, Target(teacher=0.5))


@pytest.mark.parametrize(("power", "ratio"), [(0.0, 1.0), (0.5, 3**0.5), (1.0, 3.0)])
def test_balanced_rows_weigh_by_how_rare_their_expression_is(power: float, ratio: float) -> None:
    weights = targets(SPLIT, Target(balance=power)).sum(1)
    assert weights[3] / weights[0] == pytest.approx(ratio)
    assert weights.mean() == pytest.approx(1)
