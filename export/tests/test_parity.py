from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import ModelError
from edgefer.spec import EXPRESSIONS, ModelSpec, Precision, Preprocessing
from edgefer_export.data import Split
from edgefer_export.parity import BOUNDS, Parity, compare

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


def at_the_bound(precision: Precision) -> Parity:
    bound = BOUNDS[precision]
    return Parity(
        model="m",
        runtime="one",
        reference="another",
        precision=precision,
        rows=1000,
        difference=bound.difference,
        agreement=bound.agreement,
        accuracy=0.75,
        reference_accuracy=0.75 + 0.999 * bound.loss,
    )


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_the_precision_explains_passes_and_a_little_more_is_refused(
    precision: Precision,
) -> None:
    found = at_the_bound(precision)
    found.refuse()
    for worse in (
        {"difference": found.difference * 1.01},
        {"difference": math.nan},
        {"agreement": found.agreement - 0.001},
        {"accuracy": found.accuracy - 0.001},
    ):
        with pytest.raises(ModelError, match="differs from another"):
            dataclasses.replace(found, **worse).refuse()  # type: ignore[arg-type]


class Brightness:
    """Answers with the expression that a picture's brightness, 0 to 6, is the number of; for
    the pictures numbered in `wrong`, in the order they come, with the next one."""

    exclusive = False
    runtime = "numpy"

    def __init__(self, wrong: tuple[int, ...] = (), surely: float = 1.0) -> None:
        how = Preprocessing(8, 8, 1, "grey", (0.0,), (1 / 255,))
        self.spec = ModelSpec("brightness", EXPRESSIONS, how)
        self.seen = 0
        self._wrong, self._surely = wrong, surely

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        number = np.rint(batch.mean(axis=(1, 2, 3))).astype(int)
        number += np.isin(np.arange(self.seen, self.seen + len(batch)), self._wrong)
        self.seen += len(batch)
        logits: NDArray[np.float32] = np.eye(7, dtype=np.float32)[number % 7] * self._surely
        return logits

    def close(self) -> None:
        """Nothing is open."""


def pictures(rows: int) -> Split:
    labels = (np.arange(rows) % 7).astype(np.int64)
    images = np.repeat(labels.astype(np.uint8), 48 * 48).reshape(rows, 48, 48)
    return Split("public", images, labels)


def test_agreement_and_accuracy_are_counted_row_by_row() -> None:
    found = compare(Brightness(wrong=(3, 70, 399)), Brightness(), pictures(400), "int8")
    assert found.rows == 400
    assert found.agreement == pytest.approx(397 / 400)
    assert found.accuracy == pytest.approx(397 / 400)
    assert found.reference_accuracy == 1
    # One logit of 1 among seven: exp(1) / (exp(1) + 6) against 1 / (exp(1) + 6) by hand
    assert found.difference == pytest.approx(0.31179 - 0.11470, abs=1e-4)
    assert "397 (99.25 %)" in found.in_words()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_one_label_in_a_hundred_is_too_many_for_floats(precision: Precision) -> None:
    with pytest.raises(ModelError, match="differs from numpy"):
        compare(Brightness(wrong=(3, 70)), Brightness(), pictures(200), precision)


def test_the_same_labels_with_other_probabilities_are_refused() -> None:
    with pytest.raises(ModelError, match="differs from numpy"):
        compare(Brightness(surely=1.01), Brightness(), pictures(70), "fp32")


@pytest.mark.parametrize(("precision", "rows"), [("fp32", 256), ("fp16", 1024), ("int8", 1100)])
def test_as_many_rows_are_compared_as_the_bound_says(precision: Precision, rows: int) -> None:
    engine = Brightness()
    assert compare(engine, Brightness(), pictures(1100), precision).rows == rows
    assert engine.seen == rows


def test_an_engine_that_answers_nan_is_refused() -> None:
    for precision in PRECISIONS:
        with pytest.raises(ModelError, match="nan"):
            compare(Brightness(surely=math.nan), Brightness(), pictures(20), precision)
