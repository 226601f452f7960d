from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.data import Box, Face
from edgefer.tracking.track import Axis, Track
from tests.scenes import square

seconds = st.floats(0, 2)


@given(steps=st.lists(st.tuples(seconds, st.floats(-100, 100)), max_size=20))
def test_an_axis_is_the_kalman_filter_of_the_textbook(steps: list[tuple[float, float]]) -> None:
    drift, noise = 3.0, 2.0
    axis = Axis(5.0, noise, 20.0)
    state, cov = np.array([5.0, 0.0]), np.diag([noise**2, 20.0**2])
    seen = np.array([[1.0, 0.0]])
    for dt, value in steps:
        axis.advance(dt, 0.0, drift)
        axis.correct(value, noise)
        move = np.array([[1.0, dt], [0.0, 1.0]])
        stray = drift**2 * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
        state, cov = move @ state, move @ cov @ move.T + stray
        gain = cov @ seen.T / (seen @ cov @ seen.T + noise**2)
        state = state + (gain * (value - seen @ state)).ravel()
        cov = (np.eye(2) - gain @ seen) @ cov
    assert [axis.x, axis.v] == pytest.approx(list(state), rel=1e-6, abs=1e-6)
    wanted = [cov[0, 0], cov[0, 1], cov[1, 1]]
    assert [axis.a, axis.b, axis.c] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@given(first=seconds, second=seconds)
def test_two_steps_are_the_same_as_one_of_their_sum(first: float, second: float) -> None:
    once, twice = Axis(5.0, 2.0, 20.0), Axis(5.0, 2.0, 20.0)
    for axis in (once, twice):
        axis.advance(0.1, 0.5, 3.0)
        axis.correct(7.0, 2.0)
    once.advance(first + second, 0.5, 3.0)
    twice.advance(first, 0.5, 3.0)
    twice.advance(second, 0.5, 3.0)
    wanted = [once.x, once.v, once.a, once.b, once.c]
    assert [twice.x, twice.v, twice.a, twice.b, twice.c] == pytest.approx(wanted)


def test_a_steady_walk_is_learnt_within_a_second() -> None:
    track = Track(1, Face(square(100, 100), 1.0), 0.0)
    for n in range(1, 31):
        track.advance(n / 30)
        track.see(Face(square(100 + 10 * n, 100), 1.0))
    ahead = track.box_at(1.1)
    assert (ahead.x1 + ahead.x2) / 2 == pytest.approx(100 + 300 + 30, abs=2)
    assert (ahead.y1 + ahead.y2) / 2 == pytest.approx(100, abs=0.1)


def test_a_face_that_walks_away_never_shrinks_to_nothing() -> None:
    track = Track(1, Face(square(100, 100, 200), 1.0), 0.0)
    for n, side in enumerate((150.0, 100.0, 60.0), 1):
        track.advance(n / 30)
        track.see(Face(square(100, 100, side), 1.0))
    assert track.box_at(10.0).area > 0
    track.advance(10.0)
    assert track.box_at(10.0).area > 0


@pytest.mark.parametrize("box", [Box(5, 5, 5, 5), Box(5, 5, 4, 9), Box(0, 0, 1e6, 0)])
def test_a_box_without_an_inside_is_survived(box: Box) -> None:
    track = Track(1, Face(box, 1.0), 0.0)
    track.advance(0.1)
    track.see(Face(box, 1.0))
    assert all(math.isfinite(v) for v in (track.box_at(0.2).x1, track.box_at(0.2).area))


def test_landmarks_move_with_the_expected_box() -> None:
    points = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))
    track = Track(1, Face(Box(0, 0, 100, 100), 1.0, points), 0.0)
    track.scale(2.0, 0.5)
    face = track.expected(0.0)
    assert (face.box.x1, face.box.y1) == pytest.approx((0, 0))
    assert (face.box.x2, face.box.y2) == pytest.approx((200, 50))
    assert face.landmarks is not None
    assert face.landmarks[3] == pytest.approx((70, 40))
