from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from edgefer.errors import ConfigError
from edgefer_export.compare import (
    CHI_SQUARE,
    EXACT,
    Comparison,
    compare,
    mcnemar,
    report,
    to_record,
    verdict,
)
from edgefer_export.evaluate.folder import Answers


def answers(name: str, labels: list[int], given: list[int]) -> Answers:
    return Answers(
        name,
        "a stand-in",
        "made up test",
        "0123456789ab",
        ("a", "b", "c"),
        np.array(labels),
        np.array(given),
        None,
    )


@pytest.mark.parametrize(
    ("only_a", "only_b", "statistic", "p"),
    [
        # Agresti, "Categorical Data Analysis", approval ratings: (|150 - 86| - 1)^2 / 236.
        (150, 86, 16.818, 4.1e-5),
        # A disorder before and after a treatment: (|121 - 59| - 1)^2 / 180.
        (121, 59, 20.672, 5.45e-6),
        (13, 13, 0.0, 1.0),
    ],
)
def test_many_discordant_rows_are_tested_by_chi_square(
    only_a: int, only_b: int, statistic: float, p: float
) -> None:
    found = mcnemar(only_a, only_b)
    assert found.method == CHI_SQUARE
    assert found.statistic == pytest.approx(statistic, abs=5e-4)
    assert found.p == pytest.approx(p, rel=0.01)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p"),
    [
        (2, 8, 2 * (1 + 10 + 45) / 1024),
        (6, 16, 0.05248),
        (0, 5, 2 / 32),
        (0, 6, 2 / 64),
        (4, 4, 1.0),
        (0, 0, 1.0),
    ],
)
def test_few_discordant_rows_are_tested_exactly(only_a: int, only_b: int, p: float) -> None:
    found = mcnemar(only_a, only_b)
    assert found.method == EXACT
    assert found.statistic is None
    assert found.p == pytest.approx(p, rel=1e-3)
    assert mcnemar(only_b, only_a).p == found.p


def made_up() -> Comparison:
    """Ten rows: seven right by both, one by A alone, none by B alone, two by neither."""
    labels = [0] * 5 + [1] * 5
    a = answers("first", labels, [0, 0, 0, 0, 0, 1, 1, 1, 0, 0])
    b = answers("second", labels, [0, 0, 0, 0, 1, 1, 1, 1, 0, 2])
    return compare(a, b, 500)


def test_rows_are_counted_by_who_is_right() -> None:
    found = made_up()
    assert (found.both, found.test.only_a, found.test.only_b, found.neither) == (7, 1, 0, 2)
    assert (found.accuracy_a, found.accuracy_b) == pytest.approx((0.8, 0.7))
    assert found.difference is not None
    assert -0.3 <= found.difference.low < -0.1 < found.difference.high == 0
    first, second, third = found.recalls
    assert (first.a, first.b, first.rows) == pytest.approx((1, 0.8, 5))
    assert (second.a, second.b) == pytest.approx((0.6, 0.6))
    assert second.difference == (0, 0)
    assert third.rows == 0
    assert third.difference is None


def test_a_difference_that_may_be_luck_is_called_none() -> None:
    assert verdict(made_up()).startswith("No significant difference")
    assert EXACT in verdict(made_up())


@pytest.mark.parametrize("turned", [False, True])
def test_the_better_model_is_named(turned: bool) -> None:
    labels = [0] * 60
    good, bad = answers("good", labels, labels), answers("bad", labels, [0] * 20 + [1] * 40)
    found = compare(bad, good) if turned else compare(good, bad)
    assert verdict(found).startswith("B is right" if turned else "A is right")
    assert CHI_SQUARE in verdict(found)
    assert f"| A right | 20      | {0 if turned else 40}" in report(found)


def test_the_same_model_twice_does_not_differ() -> None:
    a = answers("a", [0, 1, 2], [0, 1, 1])
    found = compare(a, a)
    assert found.test.p == 1
    assert found.difference == (0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"digest": "ba9876543210"},
        {"data": "another set"},
        {"expressions": ("a", "c", "b")},
        {"labels": np.array([0, 1, 1])},
        {"labels": np.array([0, 1]), "answers": np.array([0, 1])},
    ],
    ids=lambda change: next(iter(change)),
)
def test_models_judged_on_other_rows_are_refused(change: dict[str, object]) -> None:
    a = answers("a", [0, 1, 2], [0, 1, 1])
    with pytest.raises(ConfigError, match=r"same rows|was changed"):
        compare(a, dataclasses.replace(a, **change))  # type: ignore[arg-type]


def test_json_has_null_where_there_are_no_rows() -> None:
    record = json.loads(json.dumps(to_record(made_up())))
    assert record["recall"]["c"] is None
    assert record["right"] == {"both": 7, "only_a": 1, "only_b": 0, "neither": 2}
    assert record["mcnemar"]["significant"] is False
