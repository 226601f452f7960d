from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.classifier import Classifier, decoded, softmax
from edgefer.data import Box, Detected, Face, Frame
from edgefer.errors import InferenceError
from tests.drivers import FACE, MeanEngine


def seen(*faces: Face, value: int = 3) -> Detected:
    return Detected(Frame(np.full((32, 32, 3), value, np.uint8), 5, 0.0), faces)


def test_each_face_gets_its_own_expression() -> None:
    frame = Frame(np.zeros((32, 64, 3), np.uint8), 0, 0.0)
    frame.image_bgr[:, 32:] = 4
    faces = (Face(Box(4, 4, 28, 28), 1), Face(Box(36, 4, 60, 28), 1))
    left, right = Classifier(MeanEngine()).classify(Detected(frame, faces))
    assert (left.label, right.label) == ("angry", "sad")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_an_error(value: float) -> None:
    with pytest.raises(InferenceError):
        Classifier(MeanEngine(answer=value)).classify(seen(FACE))


@pytest.mark.parametrize("value", [-1.0, 0.5, 3.0])
def test_logits_that_are_called_probabilities_are_refused(value: float) -> None:
    with pytest.raises(InferenceError, match="logits"):
        Classifier(MeanEngine(answer=value)).classify(seen(FACE))


def test_softmax_sums_to_one_and_does_not_overflow() -> None:
    probs = softmax(np.array([[1e4, 0, -1e4], [1, 2, 3]], np.float32))
    assert np.allclose(probs.sum(axis=1), 1)
    assert probs[0, 0] == 1
    # exp(3) / (exp(1) + exp(2) + exp(3)) by hand
    assert probs[1, 2] == pytest.approx(0.66524, abs=1e-5)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=7, max_size=7), st.floats(0.1, 10))
def test_probabilities_of_a_frame_are_those_of_softmax(
    logits: list[float], temperature: float
) -> None:
    raw = np.array([logits], np.float32)
    engine = MeanEngine()
    spec = dataclasses.replace(engine.spec, output="logits", temperature=temperature)
    (expression,) = decoded(raw, spec, 0)
    np.testing.assert_allclose(expression.probs, softmax(raw, temperature)[0], atol=1e-5)


def test_the_models_temperature_divides_its_logits() -> None:
    engine = MeanEngine()
    cold = dataclasses.replace(engine.spec, output="logits")
    engine.spec = dataclasses.replace(cold, temperature=2.0)
    (warm,) = Classifier(engine).classify(seen(FACE))
    # One logit of 1 among seven, divided by 2: exp(0.5) / (exp(0.5) + 6) by hand
    assert max(warm.probs) == pytest.approx(0.21556, abs=1e-5)
    engine.spec = cold
    (plain,) = Classifier(engine).classify(seen(FACE))
    assert max(plain.probs) == pytest.approx(0.31179, abs=1e-5)  # exp(1) / (exp(1) + 6)
    assert plain.label == warm.label == "happy"
