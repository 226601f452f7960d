"""Whether one model is better than another, or was only luckier with these rows.

McNemar, "Note on the sampling error of the difference between correlated proportions", 1947;
with Edwards's continuity correction of 1948, and exactly where few rows tell the two apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer_export.evaluate.folder import Answers
from edgefer_export.evaluate.intervals import (
    RESAMPLES,
    Interval,
    of_mean,
)
from edgefer_export.evaluate.words import percent, points, table

FEW = 25
"""Below so many discordant rows the chi-square distribution is no good approximation."""
SIGNIFICANT = 0.05

EXACT = "exact binomial"
CHI_SQUARE = "chi-square with continuity correction, 1 degree of freedom"


@dataclass(frozen=True, slots=True)
class McNemar:
    """A test of whether two models are wrong equally often, by the rows where they differ."""

    only_a: int
    """Rows that A has right and B wrong."""
    only_b: int
    method: str
    statistic: float | None
    """Of the chi-square test; None of the exact one."""
    p: float
    """Two-sided: how likely a difference at least as large is between equal models."""

    @property
    def significant(self) -> bool:
        return self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class Recall:
    """Of one expression; shares 0 to 1, nan where it has no rows."""

    expression: str
    rows: int
    a: float
    b: float
    difference: Interval | None
    """Of b - a."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same rows, by the data set's own labels."""

    a: str
    b: str
    data: str
    digest: str
    rows: int
    both: int
    neither: int
    test: McNemar
    difference: Interval | None
    """Of accuracy B - accuracy A, over the same rows."""
    recalls: tuple[Recall, ...]
    resamples: int

    @property
    def accuracy_a(self) -> float:
        return (self.both + self.test.only_a) / self.rows

    @property
    def accuracy_b(self) -> float:
        return (self.both + self.test.only_b) / self.rows


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """From the numbers of rows that only one of the two has right."""
    n = only_a + only_b
    if n < FEW:
        tail = sum(math.comb(n, i) for i in range(min(only_a, only_b) + 1)) / 2**n
        return McNemar(only_a, only_b, EXACT, None, min(1.0, 2 * tail))
    statistic = max(abs(only_a - only_b) - 1, 0) ** 2 / n
    return McNemar(only_a, only_b, CHI_SQUARE, statistic, math.erfc(math.sqrt(statistic / 2)))


def compare(a: Answers, b: Answers, resamples: int = RESAMPLES) -> Comparison:
    """Raises ConfigError where the two did not answer the same rows."""
    refuse_different(a, b)
    right_a, right_b = a.answers == a.labels, b.answers == b.labels
    change = right_b.astype(np.float64) - right_a
    return Comparison(
        a=f"{a.model} on {a.runtime}",
        b=f"{b.model} on {b.runtime}",
        data=a.data,
        digest=a.digest,
        rows=len(a.labels),
        both=int((right_a & right_b).sum()),
        neither=int((~right_a & ~right_b).sum()),
        test=mcnemar(int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())),
        difference=of_mean(change, a.groups, resamples),
        recalls=tuple(
            _recall(a, name, number, right_a, right_b, resamples)
            for number, name in enumerate(a.expressions)
        ),
        resamples=resamples,
    )


def refuse_different(a: Answers, b: Answers) -> None:
    """Raises ConfigError, saying what differs, unless both answered the same rows."""
    for what, of_a, of_b in (
        ("data", a.data, b.data),
        ("digest", a.digest, b.digest),
        ("expressions", ", ".join(a.expressions), ", ".join(b.expressions)),
        ("rows", len(a.labels), len(b.labels)),
    ):
        if of_a != of_b:
            raise ConfigError(
                f"{a.model} and {b.model} were not evaluated on the same rows: {what} {of_a} "
                f"against {of_b}. Evaluate both on the same data and split"
            )
    if not np.array_equal(a.labels, b.labels):
        raise ConfigError(
            f"the answers of {a.model} and {b.model} hold other labels under one digest "
            f"({a.digest}): one of the files was changed. Evaluate both again"
        )
    if not len(a.labels):
        raise ConfigError(f"{a.data} has no rows")


def _recall(
    of: Answers,
    name: str,
    number: int,
    right_a: NDArray[np.bool_],
    right_b: NDArray[np.bool_],
    resamples: int,
) -> Recall:
    rows = of.labels == number
    if not rows.any():
        return Recall(name, 0, math.nan, math.nan, None)
    a, b = right_a[rows].astype(np.float64), right_b[rows].astype(np.float64)
    groups = None if of.groups is None else of.groups[rows]
    return Recall(
        name,
        int(rows.sum()),
        float(a.mean()),
        float(b.mean()),
        of_mean(b - a, groups, resamples),
    )


def verdict(of: Comparison) -> str:
    """One sentence."""
    test = of.test
    how = f"McNemar, {test.method}"
    if test.statistic is not None:
        how += f": {test.statistic:.2f}"
    p = "p < 0.0001" if test.p < 0.0001 else f"p = {test.p:.4f}"
    if not test.significant:
        return f"No significant difference ({how}, {p})."
    better = "B" if test.only_b > test.only_a else "A"
    return f"{better} is right more often ({how}, {p})."


def report(of: Comparison) -> str:
    """Markdown."""
    change = points(of.accuracy_b - of.accuracy_a, of.difference)
    rows = [
        (
            r.expression,
            percent(r.a),
            percent(r.b),
            points(r.b - r.a, r.difference) if r.rows else percent(None),
            str(r.rows),
        )
        for r in of.recalls
    ]
    rows.insert(
        0, ("all (accuracy)", percent(of.accuracy_a), percent(of.accuracy_b), change, str(of.rows))
    )
    return "\n\n".join(
        (
            f"A: {of.a}\nB: {of.b}\n{of.data}, {of.rows} rows, digest {of.digest}, standard labels",
            verdict(of),
            table(
                ("rows", "B right", "B wrong"),
                [
                    ("A right", str(of.both), str(of.test.only_a)),
                    ("A wrong", str(of.test.only_b), str(of.neither)),
                ],
            ),
            table(("recall of", "A", "B", "B - A (points)", "rows"), rows),
            f"In brackets: 95 % intervals of the difference over the same rows, percentiles of "
            f"{of.resamples} bootstrap resamples. Those of single expressions are not corrected "
            f"for there being {len(of.recalls)} of them.",
        )
    )


def to_record(of: Comparison) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "a": of.a,
        "b": of.b,
        "data": of.data,
        "digest": of.digest,
        "rows": of.rows,
        "right": {
            "both": of.both,
            "only_a": of.test.only_a,
            "only_b": of.test.only_b,
            "neither": of.neither,
        },
        "accuracy": {"a": of.accuracy_a, "b": of.accuracy_b, "difference": of.difference},
        "mcnemar": {
            "method": of.test.method,
            "statistic": of.test.statistic,
            "p": of.test.p,
            "significant": of.test.significant,
        },
        "recall": {
            r.expression: {"rows": r.rows, "a": r.a, "b": r.b, "difference": r.difference}
            if r.rows
            else None
            for r in of.recalls
        },
        "resamples": of.resamples,
    }
