from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer_export.evaluate.intervals import Interval, by_group, interval, of_mean, resampled
from edgefer_export.evaluate.scores import score

AB = ("a", "b")


def sure(answers: list[int], k: int) -> NDArray[np.float32]:
    """Rows that are nearly certain of one answer each."""
    return np.where(np.eye(k)[answers] == 1, 0.9, 0.1 / (k - 1)).astype(np.float32)


def test_precision_recall_and_f1_are_those_counted_by_hand() -> None:
    """Labels a a a a b b, answers a a a b b b."""
    found = score(AB, np.array([0, 0, 0, 0, 1, 1]), sure([0, 0, 0, 1, 1, 1], 2))
    assert found.confusion == ((3, 1), (0, 2))
    assert found.accuracy == pytest.approx(5 / 6)
    assert found.precision == pytest.approx((1, 2 / 3))
    assert found.recall == pytest.approx((3 / 4, 1))
    assert found.f1 == pytest.approx((6 / 7, 4 / 5))
    assert found.macro_f1 == pytest.approx((6 / 7 + 4 / 5) / 2)
    assert found.balanced_accuracy == pytest.approx((3 / 4 + 1) / 2)
    assert found.loss == pytest.approx(-(5 * math.log(0.9) + math.log(0.1)) / 6, rel=1e-5)


def test_an_expression_without_rows_is_in_no_mean() -> None:
    """A third expression is answered once; that costs the others precision, nothing else."""
    found = score(("a", "b", "c"), np.array([0, 0, 1, 1]), sure([0, 2, 1, 1], 3))
    assert math.isnan(found.recall[2])
    assert found.precision[2] == 0
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert found.balanced_accuracy == pytest.approx((1 / 2 + 1) / 2)
    assert found.intervals.recall[2] is None


def test_the_second_guess_counts_and_the_third_does_not() -> None:
    probs = np.array([[0.5, 0.3, 0.2]] * 3, np.float32)
    assert score(("a", "b", "c"), np.array([0, 1, 2]), probs).top2 == pytest.approx(2 / 3)


def test_no_rows_have_no_figures() -> None:
    found = score(AB, np.empty(0, np.int64), np.empty((0, 2), np.float32))
    assert found.n == 0
    assert math.isnan(found.accuracy)
    assert math.isnan(found.macro_f1)
    assert found.intervals.accuracy is None


def test_intervals_hold_the_figure_and_are_the_same_again() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 300)
    answers = np.where(rng.random(300) < 0.7, labels, 1 - labels)
    first, again = (score(AB, labels, sure(answers.tolist(), 2)) for _ in range(2))
    assert first == again
    at = first.intervals
    for value, found in (
        (first.accuracy, at.accuracy),
        (first.macro_f1, at.macro_f1),
        (first.balanced_accuracy, at.balanced_accuracy),
        (first.loss, at.loss),
        (first.recall[0], at.recall[0]),
    ):
        assert found is not None
        assert found.low < value < found.high


def test_an_interval_is_as_wide_as_the_sampling_error() -> None:
    """1.96 standard errors of a share to either side."""
    values = (np.arange(1000) < 700).astype(np.float64)
    found = of_mean(values, None, 2000)
    assert found is not None
    half = 1.96 * math.sqrt(0.7 * 0.3 / 1000)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.1)


def test_19_of_20_intervals_hold_the_truth() -> None:
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        found = of_mean((rng.random(150) < 0.7).astype(np.float64), None, 300)
        assert found is not None
        inside += found.low <= 0.7 <= found.high
    assert 180 <= inside <= 199


def test_rows_that_belong_together_are_drawn_together() -> None:
    """Ten copies of each row say no more than the row does."""
    values = (np.arange(50) % 2).astype(np.float64)
    copies, persons = np.repeat(values, 10), np.repeat(np.arange(50), 10)
    alone, apart, together = (
        of_mean(values, None),
        of_mean(copies, None),
        of_mean(copies, persons),
    )
    assert alone is not None
    assert apart is not None
    assert together == alone
    assert apart.high - apart.low < 0.5 * (alone.high - alone.low)


def test_a_row_of_group_minus_1_is_its_own() -> None:
    values = np.arange(5, dtype=np.float64)[:, None]
    sums = by_group(values, np.array([-1, 7, -1, 7, 3]))
    assert sorted(sums[:, 0].tolist()) == [0, 2, 4, 4]


def test_every_resample_draws_as_many_rows_as_there_are() -> None:
    assert (resampled(np.ones((37, 1)), 200)[:, 0] == 37).all()
    assert resampled(np.ones((3_000_000, 1)), 2).tolist() == [[3_000_000], [3_000_000]]


def test_figures_that_some_resamples_lack_come_from_the_others() -> None:
    assert interval(np.array([np.nan, 1.0, 1.0])) == Interval(1, 1)
    assert interval(np.array([np.nan])) is None
