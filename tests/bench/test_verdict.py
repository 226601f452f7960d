"""Simulated engines: what is steady is called stable, what would deceive is not."""

from __future__ import annotations

import numpy as np
import pytest

from edgefer.bench.verdict import (
    beside_their_like,
    drift_across,
    drift_within,
    judge,
)
from edgefer.bench.warmup import LEAST, TIMES, Warmup

RUNS = 200
STEADY = [0.004, 0.0042, 0.0041, 0.0045] * 50


def rates(rng: np.random.Generator, rounds: int = 5, noise: float = 0.02) -> list[float]:
    found: list[float] = rng.normal(100, 100 * noise, rounds).tolist()
    return found


def frames(rng: np.random.Generator, n: int = 1000) -> list[float]:
    """Seconds about 4 ms with the tail that a steady machine has: p99 / p50 near 1.4."""
    found: list[float] = (0.004 * rng.lognormal(0, 0.15, n)).tolist()
    return found


def reasons(**changed: object) -> str:
    settings: dict[str, object] = {"rates": [100.0, 101, 99, 100, 100], "within": [1.0, 1.01, 0.99],
                                   "frames": STEADY, "others": 1.0, "settled": True}  # fmt: skip
    return "; ".join(judge(**{**settings, **changed}).reasons)  # type: ignore[arg-type]


def test_a_steady_engine_is_stable_in_19_of_20() -> None:
    rng = np.random.default_rng(0)
    stable = sum(
        judge(rates(rng), rng.normal(1, 0.02, 5).tolist(), frames(rng), 1.0, True).stable
        for _ in range(RUNS)
    )
    assert stable / RUNS >= 0.95


def test_rounds_that_vary_by_a_tenth_are_unstable() -> None:
    rng = np.random.default_rng(0)
    seen = sum(
        not judge(rates(rng, noise=0.1), [1.0] * 5, STEADY, 1.0, True).stable for _ in range(RUNS)
    )
    assert seen / RUNS >= 0.85


def test_a_rate_that_falls_by_a_tenth_over_the_rounds_is_unstable() -> None:
    rng = np.random.default_rng(0)
    heat = np.linspace(1, 0.9, 5)
    seen = sum(
        not judge(
            (np.array(rates(rng, noise=0.01)) * heat).tolist(), [1.0] * 5, STEADY, 1, True
        ).stable
        for _ in range(RUNS)
    )
    assert seen / RUNS >= 0.95
    assert drift_across([100, 97.5, 95, 92.5, 90]) == pytest.approx(-0.1, abs=0.005)


def test_a_rate_that_falls_within_each_round_is_unstable() -> None:
    """Each round begins cool again while the others have their turn: the rounds agree."""
    change = drift_within(np.linspace(0.004, 0.0046, 600).tolist())
    assert change == pytest.approx(0.91, abs=0.01)
    assert "within each round" in reasons(within=[change, change * 1.01, change * 0.99])
    assert drift_within([0.004, 0.1]) == 1


def test_a_clip_that_begins_with_a_crowd_does_not_drift() -> None:
    which = [n % 500 for n in range(1000)]
    seconds = [0.04 if picture < 100 else 0.004 for picture in which]
    assert drift_within(seconds) > 1.5
    assert drift_within(beside_their_like(seconds, which)) == pytest.approx(1)


def test_a_stall_of_10_ms_every_100_frames_is_seen_at_any_length_of_frame() -> None:
    rng = np.random.default_rng(0)
    for ms in (1, 4, 10, 55):
        steady = (ms / 1000 * rng.lognormal(0, 0.03, 1000)).tolist()
        assert reasons(frames=steady) == ""
        stalled = [s + (0.01 if n % 100 == 99 else 0) for n, s in enumerate(steady)]
        assert "stalls" in reasons(frames=stalled), ms


def test_a_timer_tick_is_no_stall() -> None:
    assert reasons(frames=[0.0002] * 990 + [0.0006] * 10) == ""


def test_a_crowd_in_some_pictures_is_no_stall() -> None:
    """Frames 0, 60, 120 ... show twenty people and take ten times as long."""
    which = [n % 60 for n in range(1200)]
    seconds = [0.04 if picture == 0 else 0.004 for picture in which]
    assert "stalls" in reasons(frames=seconds)
    assert reasons(frames=beside_their_like(seconds, which)) == ""
    stalled = [s + (0.01 if n % 100 == 99 else 0) for n, s in enumerate(seconds)]
    assert "stalls" in reasons(frames=beside_their_like(stalled, which))
    assert beside_their_like([], []) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"others": 40.0}, "other processes"),
        ({"settled": False}, "warm-up"),
        ({"slowed": ["CPU slowed by heat"]}, "by heat"),
        ({"rates": [100.0, 100.0]}, "2 of at least 3 rounds"),
    ],
)
def test_what_else_makes_it_unstable_is_named(changed: dict[str, object], word: str) -> None:
    assert word in reasons(**changed)


def test_what_others_took_may_be_unknown() -> None:
    assert reasons(others=None) == ""


def test_others_that_kept_it_from_nothing_are_told_only_where_they_were_many() -> None:
    assert reasons(others=12.0, lost=1.0) == ""
    assert "other processes" in reasons(others=12.0, lost=6.0)
    assert "other processes" in reasons(others=30.0, lost=0.0)


def discarded(seconds: list[float], period: int = 1) -> tuple[int, bool | None]:
    warm, now = Warmup(period=period), 0.0
    for n, spent in enumerate(seconds):
        now += spent
        if warm.over(now):
            return n + 1, warm.settled
    raise AssertionError("it never ended")


def test_a_steady_rate_is_warm_soon() -> None:
    frames, settled = discarded([0.004] * 500)
    assert LEAST <= frames <= 2 * LEAST + 25
    assert settled


def test_a_clip_that_begins_with_a_crowd_settles() -> None:
    seconds = [0.04 if n % 60 < 10 else 0.004 for n in range(1000)]
    assert discarded(seconds, period=60) == (240, True)
    assert discarded(seconds) == (TIMES * LEAST, False)


@pytest.mark.parametrize("tail", [20, 100])
def test_what_is_left_of_a_slow_start_is_less_than_one_percent(tail: int) -> None:
    rng = np.random.default_rng(0)
    left = []
    for _ in range(50):
        n = np.arange(3000)
        seconds = 0.004 * (1 + 2 * np.exp(-n / tail)) * rng.lognormal(0, 0.1, 3000)
        begin, _ = discarded(seconds.tolist())
        slow = 2 * np.exp(-n[begin : begin + 1000] / tail)
        left.append(float(slow.mean()))
    assert np.quantile(left, 0.95) < 0.01


def test_a_rate_that_never_settles_is_counted_in_the_end_and_told() -> None:
    seconds = [0.002 if n // 25 % 2 else 0.006 for n in range(2000)]
    assert discarded(seconds) == (TIMES * LEAST, False)


def test_of_too_few_frames_nothing_is_said() -> None:
    assert discarded([1.0] * 100) == (LEAST, None)
