from __future__ import annotations

import dataclasses
import json
import math
import re

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import ConfigError, InferenceError, SpecError
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing
from edgefer_export.data import Split
from edgefer_export.evaluate import (
    MAJORITY,
    PLURALITY,
    STANDARD,
    UNAVAILABLE,
    Evaluation,
    evaluate,
    figure,
    in_words,
    percent,
    probabilities,
    report,
    to_record,
)
from edgefer_export.evaluate.intervals import Interval
from edgefer_export.evaluate.words import points

GREY = Preprocessing(64, 64, channels=1, colour="grey", mean=(0.0,), std=(1.0,))


class Bright:
    """Answers the expression whose number is the picture's grey value, in the spec's order."""

    exclusive = False
    runtime = "a stand-in"

    def __init__(self, labels: tuple[str, ...] = EXPRESSIONS) -> None:
        self.spec = ModelSpec("bright", labels, GREY)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        numbers = np.rint(batch[:, 0, 32, 32] * 255).astype(int)
        columns = [self.spec.labels.index(EXPRESSIONS[number]) for number in numbers]
        return 9 * np.eye(len(self.spec.labels), dtype=np.float32)[columns]

    def close(self) -> None:
        """Nothing is open."""


def pictures(answers: list[int]) -> NDArray[np.uint8]:
    return np.repeat(np.array(answers, np.uint8), 48 * 48).reshape(-1, 48, 48)


@pytest.fixture
def split() -> Split:
    """Five rows: the answers are 3 3 0 6 6, the labels 3 3 0 6 4; row 1 is a copy."""
    votes = np.zeros((5, 7), np.float32)
    votes[0, 3] = 10
    votes[1, 6] = 10
    votes[2, [0, 1]] = (5, 5)  # no single winner
    votes[3, 6] = 4  # the winner among the seven; six of ten votes went elsewhere
    votes[4, 6] = 6
    return Split(
        "public",
        pictures([3, 3, 0, 6, 6]),
        np.array([3, 3, 0, 6, 4]),
        votes,
        np.full(5, 10),
        np.array([False, True, False, False, False]),
        np.zeros(5, bool),
    )


@pytest.fixture
def bare(split: Split) -> Split:
    """The same rows as a csv gives them."""
    return Split(split.name, split.images, split.labels)


def counts(result: Evaluation, labels: str, without_leak: bool = False) -> tuple[int, int]:
    found = result.score(labels, without_leak)
    assert found is not None
    return found.right, found.n


def test_every_label_set_counts_its_own_rows(split: Split) -> None:
    result = evaluate(Bright(), split)
    assert counts(result, STANDARD) == (4, 5)
    assert counts(result, PLURALITY) == (3, 4)
    assert counts(result, MAJORITY) == (2, 3)
    assert counts(result, STANDARD, without_leak=True) == (3, 4)
    assert counts(result, PLURALITY, without_leak=True) == (3, 3)
    assert counts(result, MAJORITY, without_leak=True) == (2, 2)


def test_recall_confusion_and_agreement_are_those_of_the_rows(split: Split) -> None:
    result = evaluate(Bright(), split)
    recall = dict(zip(EXPRESSIONS, result.standard.recall, strict=True))
    assert (recall["happy"], recall["angry"], recall["neutral"], recall["sad"]) == (1, 1, 1, 0)
    assert math.isnan(recall["fear"])
    assert result.standard.confusion[4][6] == 1
    assert result.agreement == pytest.approx(1 / 3)


def test_a_split_without_votes_or_copies_says_unavailable_and_never_0(bare: Split) -> None:
    result = evaluate(Bright(), bare)
    assert counts(result, STANDARD) == (4, 5)
    assert result.score(PLURALITY) is None
    assert result.score(STANDARD, without_leak=True) is None
    table = report(result)
    accuracy = next(line for line in table.splitlines() if line.startswith(f"| {STANDARD}"))
    assert UNAVAILABLE in accuracy
    assert not any(line.startswith(f"| {MAJORITY}") for line in table.splitlines())
    assert f"{MAJORITY}: {UNAVAILABLE}" in " ".join(table.split())
    record = json.loads(json.dumps(to_record(result)))
    assert record["scores"][MAJORITY] == {"all": None, "without_leak": None}
    assert record["scores"][STANDARD]["all"]["recall"]["fear"] is None


def test_a_model_with_its_labels_in_another_order_is_judged_alike(split: Split) -> None:
    turned = evaluate(Bright(EXPRESSIONS[::-1]), split)
    straight = evaluate(Bright(), split)
    assert turned.standard.confusion == straight.standard.confusion
    assert turned.standard.loss == pytest.approx(straight.standard.loss)


def test_labels_that_are_not_the_datas_are_refused(split: Split) -> None:
    for labels in ((*EXPRESSIONS, "contempt"), EXPRESSIONS[:6], (*EXPRESSIONS[:6], "contempt")):
        with pytest.raises(SpecError, match="--common") as caught:
            evaluate(Bright(labels), split)
        assert ("contempt" in str(caught.value)) == ("contempt" in labels)
        assert ("neutral" in str(caught.value)) == ("neutral" not in labels)


def test_common_leaves_out_what_only_the_model_has(split: Split) -> None:
    """Also where the model would have answered it: its next best answer counts."""
    labels = (*EXPRESSIONS, "contempt")
    engine = Bright(labels)
    scorn = 20 * np.eye(8, dtype=np.float32)[7]
    seven = engine.infer
    engine.infer = lambda batch: seven(batch) + scorn  # type: ignore[method-assign]
    result = evaluate(engine, split, common=True)
    assert result.left_out == 0
    assert result.expressions == EXPRESSIONS
    assert result.standard.confusion == evaluate(Bright(), split).standard.confusion
    assert probabilities(engine, split, common=True).sum(axis=1) == pytest.approx(1)


def test_common_leaves_out_rows_that_the_model_never_answers(split: Split) -> None:
    result = evaluate(Bright((*EXPRESSIONS[:4], *EXPRESSIONS[5:])), split, common=True)
    assert (result.rows, result.left_out) == (4, 1)  # the row of sad
    assert counts(result, STANDARD) == (4, 4)
    assert "1 row left out" in " ".join(report(result).split())


def test_two_expressions_must_be_shared(split: Split) -> None:
    with pytest.raises(SpecError, match="share 1"):
        evaluate(Bright(("happy", "contempt")), split, common=True)


def test_answers_that_are_no_numbers_are_refused(
    split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Bright()
    monkeypatch.setattr(engine, "infer", lambda batch: np.full((len(batch), 7), np.nan, np.float32))
    with pytest.raises(InferenceError):
        evaluate(engine, split)


def test_a_split_without_rows_is_refused(split: Split) -> None:
    with pytest.raises(ConfigError, match="no rows"):
        evaluate(Bright(), split.where(np.zeros(5, bool)))


def test_probabilities_are_taken_as_they_are_where_the_model_says_so(split: Split) -> None:
    engine = Bright()
    engine.spec = dataclasses.replace(engine.spec, output="probs")
    assert probabilities(engine, split).max() == 9


def test_more_rows_than_a_batch_keep_their_order() -> None:
    answers = (np.arange(200) % 7).tolist()
    split = Split("public", pictures(answers), np.array(answers))
    assert evaluate(Bright(), split).standard.accuracy == 1


def test_what_is_not_known_is_not_a_number() -> None:
    assert percent(None) == percent(math.nan) == UNAVAILABLE
    assert percent(0.0) == "0.0 %"


def test_colour_pictures_of_any_side_with_labels_of_their_own_are_judged() -> None:
    """The data's numbers mean the data's names: its 0 is happy, the model's 0 is sad."""
    answers = [3, 4, 3, 4, 4, 4]  # happy, sad, ...
    grey = np.repeat(np.array(answers, np.uint8), 90 * 70 * 3).reshape(-1, 90, 70, 3)
    split = Split(
        "test",
        grey,
        np.array([0, 1, 0, 1, 0, 0]),
        groups=np.array([5, 5, 6, 6, -1, -1]),
        expressions=("happy", "sad"),
        dataset="made up",
    )
    result = evaluate(Bright(("sad", "happy")), split)
    assert result.standard.confusion == ((2, 2), (0, 2))
    assert result.grouped
    text = " ".join(report(result).split())
    assert "made up test, 6 rows" in text
    assert "groups of rows" in text
    assert in_words(result).startswith(f"made up test ({split.digest()}): 66.7 % [")


def test_a_temperature_in_the_models_description_is_used(split: Split) -> None:
    engine = Bright()
    before = probabilities(engine, split)
    engine.spec = dataclasses.replace(engine.spec, temperature=9.0)
    after = probabilities(engine, split)
    assert after.max(axis=1) == pytest.approx(np.e / (np.e + 6), rel=1e-5)
    assert before.max() > 0.99


def test_calibration_is_told_before_and_after(split: Split) -> None:
    """Sure of every answer and wrong in one of five: a temperature above 1 helps."""
    many = split.where(np.tile(np.arange(5), 20))
    found = evaluate(Bright(), many).calibration
    assert found is not None
    assert found.before.error == pytest.approx(0.2, abs=0.01)
    assert found.after.error < 0.1
    assert found.temperature > 2
    assert found.loss_after < found.loss_before
    record = to_record(evaluate(Bright(), many))["calibration"]
    assert record["before"]["ece"] == found.before.error
    assert evaluate(Bright(), split.where(np.arange(1))).calibration is None


def test_figures_are_printed_with_interval_and_n(split: Split) -> None:
    assert re.fullmatch(
        r"80\.0 % \[\d+\.\d, 100\] \(n 5\)", figure(evaluate(Bright(), split).standard)
    )
    assert points(-0.0213, Interval(-0.0291, -0.0004)) == "-2.1 [-2.9, 0.0]"
    assert points(-0.0001, None) == "+0.0"
