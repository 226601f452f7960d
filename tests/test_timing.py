from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.data import StageTimes
from edgefer.timing import Tally, percentile
from tests.drivers import FACE, reading


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50),
    st.floats(0, 100),
)
def test_percentiles_are_those_of_numpy(values: list[float], q: float) -> None:
    assert percentile(values, q) == pytest.approx(np.percentile(values, q), rel=1e-9, abs=1e-6)


def test_the_papers_total_is_the_serial_equivalent() -> None:
    # 1 / (1/18 + 1/78) = 14.6, printed as 15 in the 2024 paper.
    tally = Tally()
    for n in range(10):
        times = StageTimes(0.0, 1 / 78, 1 / 18)
        tally.add(reading(n, times=times, published=n / 17.8))
    rates = tally.rates()
    assert rates.detection == pytest.approx(78)
    assert rates.classification == pytest.approx(18)
    assert rates.serial == pytest.approx(14.625)
    assert rates.total == pytest.approx(17.8)
    assert rates.overlap == pytest.approx(17.8 / 14.625)


def test_frames_without_a_face_do_not_make_classification_faster() -> None:
    tally = Tally()
    tally.add(reading(0, faces=(FACE,), times=StageTimes(0, 0.01, 0.02)))
    tally.add(reading(1, faces=(), times=StageTimes(0, 0.01, 0.0)))
    rates = tally.rates()
    assert rates.classification == pytest.approx(50)
    assert rates.detection == pytest.approx(100)
    assert rates.serial == pytest.approx(2 / 0.04)
    assert tally.percentiles()["classification"]["p50"] == pytest.approx(20)


def test_gaps_in_the_sequence_are_drops() -> None:
    tally = Tally()
    for sequence in (3, 4, 8, 9):
        tally.add(reading(sequence))
    assert (tally.frames, tally.dropped) == (4, 3)


def test_a_window_forgets_the_rates_but_not_the_counts() -> None:
    tally = Tally(window=10)
    for n in range(100):
        slow = StageTimes(0, 1.0 if n < 50 else 0.1, 0.0)
        tally.add(reading(n, faces=(), times=slow, published=float(n)))
    assert tally.frames == 100
    assert tally.rates().detection == pytest.approx(10)
    assert tally.rates().total == pytest.approx(1)


def test_what_was_not_measured_is_nan_not_zero() -> None:
    rates = Tally().rates()
    assert all(math.isnan(v) for v in (rates.total, rates.detection, rates.overlap))
    assert math.isnan(Tally().percentiles()["age"]["p99"])


def test_a_source_that_counts_from_0_again_has_dropped_nothing() -> None:
    tally = Tally()
    for sequence in (0, 1, 5, 0, 1):
        tally.add(reading(sequence))
    assert tally.dropped == 3
