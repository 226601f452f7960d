"""What can be said of repeated measurements: spreads, intervals, and whether two runs differ.

Rounds are the independent units, never frames. Frames of one round share a process, a layout of
memory and a state of the machine, and follow one another: 1,000 of them are not 1,000 trials, and
an interval made of them would be too narrow by several times (Kalibera and Jones, "Rigorous
benchmarking in reasonable time", 2013). Every figure of a round is therefore one number here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = Sequence[float] | NDArray[np.float64]

SEED, RESAMPLES = 1, 2000
"""Of the bootstrap."""

FEWEST_FOR_P99 = 1000
"""Values; of fewer, less than ten lie beyond the 99th percentile."""

T_975 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t, 97.5 %, for 1 to 30 degrees of freedom (any table of it)."""
Z_975 = 1.960

ENDLESS = 10.0
"""An interval that reaches beyond so many times the mean says nothing: tables show ANY."""
ANY = "any"
ANY_MEANS = f"{ANY}: the interval has no end, or one beyond {ENDLESS:g} times the mean"


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % interval; both ends nan where one round cannot tell."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds of a stage over all frames of all rounds. All nan but `n` where n is 0."""

    n: int
    mean: float
    cv: float
    """Standard deviation over the mean."""
    p50: float
    p90: float
    p95: float
    p99: float | None
    """None of fewer than FEWEST_FOR_P99."""
    max: float


def reached(values: Values, percent: float) -> float:
    """The value that `100 - percent` of a hundred reach: the percentile taken upwards, as
    MLPerf's loadgen does, so that one stall in 100 frames is the p99 of them; nan of none."""
    if not len(values):
        return math.nan
    ordered = np.sort(np.asarray(values, float))
    return float(ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)])


def spread(seconds: Sequence[float]) -> Spread:
    """Of durations in seconds, in milliseconds."""
    if not len(seconds):
        nan = math.nan
        return Spread(0, nan, nan, nan, nan, nan, None, nan)
    ms = np.sort(np.asarray(seconds, float)) * 1000
    p50, p90, p95, p99 = (reached(ms, q) for q in (50, 90, 95, 99))
    return Spread(
        n=len(ms),
        mean=float(ms.mean()),
        cv=cv(ms),
        p50=p50,
        p90=p90,
        p95=p95,
        p99=p99 if len(ms) >= FEWEST_FOR_P99 else None,
        max=float(ms[-1]),
    )


def cv(values: Values) -> float:
    """The coefficient of variation: standard deviation (n - 1) over the mean; nan of one."""
    if len(values) < 2:
        return math.nan
    found = np.asarray(values, float)
    return float(found.std(ddof=1) / found.mean())


def interval(values: Values, seed: int = SEED) -> Interval:
    """The mean of one figure per round, with a 95 % interval by bootstrap over the rounds.

    A plain percentile bootstrap of three rounds holds the truth three times in four: it neither
    knows that the spread was estimated from three values nor that resampling shrinks it. Its ends
    are therefore moved away from the mean by what Student's t asks: sqrt(n / (n - 1)) t / z
    (Hesterberg, "What teachers should know about the bootstrap", 2015, section 5.3).
    """
    found = np.asarray(values, float)
    n = len(found)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(found.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan)
    draws = np.random.default_rng(seed).integers(0, n, (RESAMPLES, n))
    low, high = np.quantile(found[draws].mean(axis=1), (0.025, 0.975))
    wider = math.sqrt(n / (n - 1)) * student(n - 1) / Z_975
    return Interval(mean, mean - (mean - low) * wider, mean + (high - mean) * wider)


def rate_interval(rates: Values, seed: int = SEED) -> Interval:
    """Of rates of rounds with as many frames each: all frames over all seconds, so that the mean
    is one of times. `high` is inf where the times' interval holds 0."""
    times = interval([1 / rate for rate in rates], seed)
    high = math.inf if times.low <= 0 else 1 / times.low
    return Interval(1 / times.mean, 1 / times.high, high)


def student(degrees: float) -> float:
    """Student's t, 97.5 %, of at least one degree of freedom; parts of one are dropped."""
    if not math.isfinite(degrees):
        return Z_975
    whole = max(1, math.floor(degrees))
    return T_975[whole - 1] if whole <= len(T_975) else Z_975 * (1 + 1.25 / whole)


@dataclass(frozen=True, slots=True)
class Difference:
    """How a rate in one run compares with that in another."""

    ratio: float
    """Of the second to the first: 0.9 is 10 % slower."""
    low: float
    high: float
    """Its 95 % interval; both nan where a run has one round."""
    g: float
    """Hedges' g: the difference in standard deviations of a round, corrected for few rounds; nan
    where a run has one round."""

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out 1; False where there is none."""
        return self.low > 1 or self.high < 1


def difference(first: Values, second: Values, between: float) -> Difference:
    """Rates per round of two runs, compared as logarithms, by Welch's t.

    `between` is by how much the same thing differs from one run to another for reasons that its
    own rounds do not show, as they followed one another: the standard deviation, 0.01 for 1 %.
    """
    a, b = np.log(np.asarray(first, float)), np.log(np.asarray(second, float))
    change = float(b.mean() - a.mean())
    if min(len(a), len(b)) < 2:
        return Difference(math.exp(change), math.nan, math.nan, math.nan)
    parts = [float(x.var(ddof=1)) / len(x) for x in (a, b)]
    degrees = _welch(parts, (len(a), len(b)))
    reach = math.hypot(student(degrees) * math.sqrt(sum(parts)), Z_975 * math.sqrt(2) * between)
    total = len(a) + len(b)
    pooled = math.sqrt(
        ((len(a) - 1) * float(a.var(ddof=1)) + (len(b) - 1) * float(b.var(ddof=1))) / (total - 2)
    )
    small = 1 - 3 / (4 * (total - 2) - 1)
    return Difference(
        ratio=math.exp(change),
        low=math.exp(change - reach),
        high=_exp(change + reach),
        g=change / pooled * small if pooled else math.copysign(math.inf, change),
    )


def _exp(power: float) -> float:
    """inf where it is more than a float holds: rounds that differ by orders of magnitude."""
    return math.exp(power) if power < 700 else math.inf


def _welch(parts: Sequence[float], sizes: Sequence[int]) -> float:
    """Degrees of freedom (Welch 1947, Satterthwaite 1946) of squared standard errors."""
    bottom = sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    return sum(parts) ** 2 / bottom if bottom else math.inf
