from __future__ import annotations

import math

import numpy as np
import pytest

from edgefer.classifier import softmax
from edgefer.errors import InferenceError
from edgefer_export.calibration import (
    COLDEST,
    HOTTEST,
    cross_fitted,
    fit_temperature,
    likelihood_loss,
    reliability,
)


def two(sure: list[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Rows of two labels, of which the first is the answer with the probability given."""
    return np.array([[p, 1 - p] for p in sure])


def test_the_error_is_the_weighted_gap_of_the_bins() -> None:
    # Four answers at 0.9, three right: gap 0.15. Two at 0.6, none right: gap 0.6.
    found = reliability(two([0.9] * 4 + [0.6] * 2), np.array([0, 0, 0, 1, 1, 1]))
    assert found.error == pytest.approx((4 * 0.15 + 2 * 0.6) / 6)
    assert sum(found.counts) == 6
    assert found.counts[13] == 4  # 13/15 < 0.9 <= 14/15
    assert math.isnan(found.accuracy[0])


def test_answers_that_are_right_as_often_as_they_say_have_no_error() -> None:
    assert reliability(two([0.75] * 4), np.array([0, 0, 0, 1])).error == pytest.approx(0)


def test_certain_answers_have_a_bin() -> None:
    found = reliability(two([1.0, 1.0]), np.array([0, 1]))
    assert found.counts[-1] == 2
    assert found.error == pytest.approx(0.5)


def test_no_rows_have_no_error_instead_of_0() -> None:
    nothing = np.empty((0, 2)), np.empty(0, np.int64)
    assert math.isnan(reliability(*nothing).error)
    assert math.isnan(likelihood_loss(*nothing))


def test_likelihood_loss_is_the_mean_logarithm() -> None:
    wanted = -(math.log(0.5) + math.log(0.25)) / 2
    assert likelihood_loss(two([0.5, 0.75]), np.array([0, 1])) == pytest.approx(wanted)
    assert likelihood_loss(two([1.0]), np.array([1])) < 30  # a rounded 0 is not infinite


def drawn(
    rows: int, heat: float
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float32]], np.ndarray]:
    """Logits that are `heat` times too great for the labels drawn from them."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (rows, 5)).astype(np.float32)
    chances = softmax(logits).cumsum(axis=1)
    labels = (rng.random((rows, 1)) > chances).sum(axis=1).clip(0, 4)
    return logits * np.float32(heat), labels


@pytest.mark.parametrize("heat", [0.3, 1.0, 3.0])
def test_the_temperature_by_which_logits_were_multiplied_is_found(heat: float) -> None:
    assert fit_temperature(*drawn(20_000, heat)) == pytest.approx(heat, rel=0.05)


def test_the_temperature_is_where_the_loss_is_least() -> None:
    logits, labels = drawn(500, 2.5)
    best = fit_temperature(logits, labels)
    least = likelihood_loss(softmax(logits / np.float32(best)), labels)
    for other in (0.9 * best, 1.1 * best):
        assert least < likelihood_loss(softmax(logits / np.float32(other)), labels)


def test_where_no_temperature_is_best_the_ends_are_given() -> None:
    logits = np.array([[2, 0], [0, 2]], np.float32)
    assert fit_temperature(logits, np.array([0, 1])) == COLDEST  # never wrong
    assert fit_temperature(logits, np.array([1, 0])) == HOTTEST  # never right
    assert fit_temperature(np.ones((3, 2), np.float32), np.array([0, 1, 1])) == 1


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros((0, 3)), np.zeros(0)),
        (np.zeros((2, 3)), np.zeros(3)),
        (np.zeros((2, 1)), np.zeros(2)),
        (np.zeros(2), np.zeros(2)),
        (np.full((2, 3), np.nan), np.zeros(2)),
        (np.zeros((2, 3)), np.array([0, 3])),
        (np.zeros((2, 3)), np.array([0, -1])),
    ],
)
def test_a_temperature_of_nonsense_is_refused(logits: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(InferenceError):
        fit_temperature(logits.astype(np.float32), labels.astype(np.int64))


def test_each_half_is_judged_at_the_others_temperature() -> None:
    logits, labels = drawn(10_000, 3)
    probs = cross_fitted(logits, labels)
    np.testing.assert_array_equal(probs.argmax(axis=1), logits.argmax(axis=1))
    assert reliability(softmax(logits), labels).error > 0.1
    assert reliability(probs, labels).error < 0.02
    # What a row's own label is must not move its own probability.
    changed = labels.copy()
    changed[0] = (labels[0] + 1) % 5
    moved = np.any(cross_fitted(logits, changed) != probs, axis=1)
    assert not moved[0]
    assert moved.sum() == 5000


def test_one_row_has_no_two_halves() -> None:
    with pytest.raises(InferenceError):
        cross_fitted(np.zeros((1, 3), np.float32), np.zeros(1, np.int64))
