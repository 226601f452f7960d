"""Simulated measurements: the statistics say what they claim, as often as they claim it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.bench.compare import BETWEEN
from edgefer.bench.statistics import (
    cv,
    difference,
    interval,
    rate_interval,
    reached,
    spread,
    student,
)

RUNS = 400


def runs(
    number: int, rounds: int, noise: float = 0.02, drift: float = 0.01, alike: float = 0.3
) -> NDArray[np.float64]:
    """(number, rounds) rates about 100: rounds vary by `noise`, each like the one before to
    `alike`, in a run whose own level is off by `drift`."""
    rng = np.random.default_rng(rounds)
    fresh = rng.normal(size=(number, rounds))
    logs = fresh.copy()
    for n in range(1, rounds):
        logs[:, n] = alike * logs[:, n - 1] + math.sqrt(1 - alike**2) * fresh[:, n]
    return np.asarray(100 * np.exp(noise * logs + rng.normal(0, drift, (number, 1))))


@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_an_interval_holds_the_truth_in_about_95_of_100(rounds: int) -> None:
    rng = np.random.default_rng(0)
    held = 0
    for n in range(RUNS):
        found = interval(rng.normal(100, 3, rounds), seed=n)
        held += found.low <= 100 <= found.high
    assert 0.92 <= held / RUNS <= 0.98


def test_the_same_seed_gives_the_same_interval_and_another_gives_another() -> None:
    values = [99.0, 101.0, 104.0, 98.0, 100.5]
    assert interval(values, 7) == interval(values, 7) != interval(values, 8)


def test_one_round_has_no_interval() -> None:
    found = interval([100.0])
    assert found.mean == 100
    assert math.isnan(found.low)
    assert math.isnan(difference([100.0], [90.0], 0).low)
    assert not difference([100.0], [90.0], 0).significant


def test_a_rate_is_all_frames_over_all_seconds() -> None:
    assert rate_interval([50.0, 100.0]).mean == pytest.approx(200 / 3)
    assert rate_interval([10.0, 100.0]).high == math.inf


def test_one_stall_in_a_hundred_is_the_p99_of_them() -> None:
    frames = [0.004] * 990 + [0.014] * 10
    assert reached(frames, 99) == 0.014
    assert reached(frames, 98) == 0.004


def test_p99_is_told_of_a_thousand_frames_and_not_of_fewer() -> None:
    assert spread([0.001] * 999).p99 is None
    assert spread([0.001] * 1000).p99 == 1.0


def test_nothing_measured_is_no_zero() -> None:
    assert spread([]).n == 0
    assert math.isnan(spread([]).p50)
    assert math.isnan(cv([1.0]))
    assert math.isnan(reached([], 50))


@pytest.mark.parametrize(
    ("degrees", "t"), [(0.5, 12.706), (2, 4.303), (4.9, 2.776), (40, 2.021), (math.inf, 1.960)]
)
def test_students_t_is_that_of_the_tables(degrees: float, t: float) -> None:
    assert student(degrees) == pytest.approx(t, abs=0.02)


@pytest.mark.parametrize("rounds", [3, 5])
def test_two_runs_of_the_same_thing_do_not_differ_in_19_of_20(rounds: int) -> None:
    a, b = np.split(runs(2 * RUNS, rounds), 2)
    called = sum(difference(x, y, BETWEEN).significant for x, y in zip(a, b, strict=True))
    assert called / RUNS <= 0.05


def test_frames_taken_for_independent_would_cry_wolf() -> None:
    """Why rounds are the unit: the same runs, a hundred frames a round, frame by frame."""
    a, b = np.split(runs(100, 5), 2)
    rng = np.random.default_rng(1)
    called = 0
    for x, y in zip(a, b, strict=True):
        frames = [np.repeat(rates, 100) * np.exp(rng.normal(0, 0.1, 500)) for rates in (x, y)]
        called += difference(frames[0], frames[1], 0).significant
    assert called / 50 > 0.25


@pytest.mark.parametrize(("rounds", "noise"), [(3, 0.015), (5, 0.02)])
def test_a_tenth_slower_is_called_slower_in_19_of_20(rounds: int, noise: float) -> None:
    a, b = np.split(runs(2 * RUNS, rounds, noise), 2)
    called = sum(difference(x, y * 0.9, BETWEEN).high < 1 for x, y in zip(a, b, strict=True))
    assert called / RUNS >= 0.95


def test_the_ratio_and_its_interval_are_those_of_the_rates() -> None:
    found = difference([100, 101, 99, 100, 100], [90, 91, 89, 90, 90], 0.01)
    assert found.ratio == pytest.approx(0.9, abs=0.001)
    assert found.low < 0.9 < found.high < 1
    assert found.g < -5
    assert math.isinf(difference([100.0, 100.0], [90.0, 90.0], 0.01).g)
