"""STABLE or UNSTABLE, and why: whether a measurement can carry a comparison.

Each bound is what simulation asks of it (tests/bench/test_verdict.py): a steady engine with the
noise of a quiet machine is called unstable in less than one run in twenty, and what would hide or
feign a difference of 10 % is seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgefer.bench.others import cost_percent
from edgefer.bench.statistics import Interval, cv, interval, reached

FEWEST_ROUNDS = 3

MOST_CV = 0.05
"""Of the rounds' rates. With five rounds, 10 % are told apart in 19 of 20 up to a true 3 %, which
shows as more than 5 % in one run of forty."""

MOST_DRIFT = 0.05
"""Change of the rate, from the first round to the last or within each round, as a share."""

WORST = 99.5
"""The percentile that stands for the worst hundredth of the frames: its middle. p99 is its least,
which one noisy frame in a thousand moves."""
LEAST_STALL = 0.001
"""Seconds that it must lie above p50: below, a timer tick is a stall."""
STALL_RATIO = 2.0
"""Of it to p50. Steady frames of a few ms have 1.3 to 1.7 here; 10 ms in one of 100 frames of 4 ms
make it 3."""
LONG_STALL, STALL_REACH = 0.005, 4.0
"""For long frames: seconds that it must lie above p50, and how many times as far as p90. A normal
spread has 2.0, an exponential one 2.9."""
FEWEST_FRAMES = 100

MOST_OTHERS = 5.0
"""Percent of the rate that other processes may have cost (`others.cost_percent`): that they made it
wait for, and a part of what they did beside it. All that they took, where waits are unknown."""
MOST_BESIDE = 25.0
"""Percent of the processors that they took, whoever waited: those that sweep memory would cost it
17 %, in each round alike."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` is () where a run is stable."""

    reasons: tuple[str, ...]

    @property
    def stable(self) -> bool:
        return not self.reasons

    def __str__(self) -> str:
        return "STABLE" if self.stable else f"UNSTABLE ({'; '.join(self.reasons)})"


def judge(
    rates: Sequence[float],
    within: Sequence[float],
    frames: Sequence[float],
    others: float | None,
    settled: bool,
    slowed: Sequence[str] = (),
    lost: float | None = None,
) -> Verdict:
    """Of one engine: `rates` and `within` (see `drift_within`) hold one value per round, `frames`
    the seconds of every frame beside its like (see `beside_their_like`), `others` the percentage
    of the processors that other processes took; None where that is unknown. `slowed` is what held
    the machine's clocks down meanwhile, in words; `lost` the percentage of its work that others
    kept it from at most."""
    reasons = []
    if len(rates) < FEWEST_ROUNDS:
        reasons.append(f"{len(rates)} of at least {FEWEST_ROUNDS} rounds")
    elif cv(rates) > MOST_CV:
        reasons.append(f"rounds vary by {cv(rates):.1%}")
    if len(rates) >= FEWEST_ROUNDS:
        reasons += _drifts(rates, within)
    reasons += _stalls(frames)
    if others is not None and (cost_percent(others, lost) > MOST_OTHERS or others > MOST_BESIDE):
        reasons.append(f"other processes took {others:.0f} % of the processors")
    reasons += slowed
    if not settled:
        reasons.append("the rate did not settle in the warm-up")
    return Verdict(tuple(reasons))


def _drifts(rates: Sequence[float], within: Sequence[float]) -> list[str]:
    reasons = []
    across = drift_across(rates)
    if abs(across) > MOST_DRIFT:
        reasons.append(f"the rate changed by {across:+.1%} from the first round to the last")
    each = _beyond_doubt(interval([math.log(change) for change in within]))
    if abs(each) > MOST_DRIFT:
        reasons.append(f"the rate changes by {each:+.1%} within each round")
    return reasons


def _beyond_doubt(change: Interval) -> float:
    """Of a logarithm: the mean change as a share; 0 where its interval holds 0."""
    return 0.0 if not change.low * change.high > 0 else math.expm1(change.mean)


def drift_across(rates: Sequence[float]) -> float:
    """By how much a straight line through the rounds changes from the first to the last, as a
    share; 0 where the line explains less than four fifths of what varies."""
    logs = np.log(np.asarray(rates, float))
    at = np.arange(len(logs)) - (len(logs) - 1) / 2
    slope = float(at @ logs / (at @ at))
    around = logs - logs.mean()
    whole = float(around @ around)
    if whole == 0 or float(slope**2 * (at @ at)) < 0.8 * whole:
        return 0.0
    return math.expm1(slope * (len(logs) - 1))


def drift_within(frames: Sequence[float]) -> float:
    """The rate in the last third of a round over that in its first, from the seconds that each
    frame took beside its like; 1 of fewer than six frames."""
    third = len(frames) // 3
    if third < 2:
        return 1.0
    last = float(np.mean(frames[-third:]))
    return float(np.mean(frames[:third])) / last if last > 0 else 1.0


def beside_their_like(seconds: Sequence[float], pictures: Sequence[int]) -> list[float]:
    """Each frame's time over the median of the same picture's, times the median of all: a crowd
    in some pictures of a clip is no stall. Blind to stalls that meet the same picture each time."""
    times, which = np.asarray(seconds, float), np.asarray(pictures, int)
    if not len(times):
        return []
    order = np.argsort(which, kind="stable")
    edges = np.flatnonzero(np.diff(which[order])) + 1
    own = np.empty(len(times))
    for group in np.split(order, edges):
        own[group] = np.median(times[group])
    relative: list[float] = (times / own * np.median(times)).tolist()
    return relative


def _stalls(frames: Sequence[float]) -> list[str]:
    if len(frames) < FEWEST_FRAMES:
        return []
    p50, p90, worst = (reached(frames, q) for q in (50, 90, WORST))
    above = worst - p50
    short = above > LEAST_STALL and worst > STALL_RATIO * p50
    long = above > LONG_STALL and above > STALL_REACH * (p90 - p50)
    if short or long:
        return [f"stalls: the worst hundredth takes {worst / p50:.1f} times p50"]
    return []
