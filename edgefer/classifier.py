"""Faces of a frame -> expressions: crop, infer all in one call, decode."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Detected, Expression
from edgefer.engines.shared import SharedEngine
from edgefer.errors import InferenceError
from edgefer.pace import Batches
from edgefer.preprocessing import tensor
from edgefer.protocols import Engine
from edgefer.spec import ModelSpec
from edgefer.turns import short_work

SLACK = 0.05
"""How far from 1 the probabilities of a quantised model may sum."""


class Classifier:
    """Stateless over an engine; as many threads as the engine allows may call `classify`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def exclusive(self) -> bool:
        return self.engine.exclusive

    @property
    def classifying(self) -> Batches | None:
        """When it has time for a camera's next frame, where cameras share its engine."""
        return self.engine.classifying if isinstance(self.engine, SharedEngine) else None

    def classify(self, detected: Detected) -> tuple[Expression, ...]:
        """One expression per face, in their order; () without a call where there is no face.

        Raises InferenceError where the engine's answer is not finite numbers.
        """
        if not detected.faces:
            return ()
        spec = self.engine.spec
        with short_work:
            batch = tensor(detected.frame.image_bgr, detected.faces, spec.preprocessing)
        return decoded(self.engine.infer(batch), spec, detected.frame.sequence)


def decoded(raw: NDArray[np.float32], spec: ModelSpec, sequence: int) -> tuple[Expression, ...]:
    """One expression a row of the engine's answer, (N, K); InferenceError where it is none.

    Plain Python: right after a network's run, which leaves nothing in the caches, NumPy's calls
    for a few numbers cost 85 us and this 11."""
    answers = raw.tolist()
    for row in answers:
        if not all(map(math.isfinite, row)):
            value = next(value for value in row if not math.isfinite(value))
            raise InferenceError(
                f"{spec.name} answered {value} for frame "
                f"{sequence}: the model is broken or its precision overflows. "
                f"Export it again, or try it in FP32"
            )
        if spec.output == "probs" and (min(row) < -SLACK or abs(sum(row) - 1) > SLACK):
            raise InferenceError(
                f"{spec.name} answered {[round(value, 2) for value in row]}: these are no "
                "probabilities, as its description says. Set output = 'logits' there"
            )
    if spec.output == "logits":
        answers = [_softmax(row, spec.temperature) for row in answers]
    return tuple(Expression(spec.labels, tuple(row)) for row in answers)


def _softmax(logits: list[float], temperature: float) -> list[float]:
    greatest = max(logits)
    powers = [math.exp((logit - greatest) / temperature) for logit in logits]
    total = sum(powers)
    return [power / total for power in powers]


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """(N, K) -> (N, K), each row summing to 1, without overflow; `temperature` divides first."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    probs: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probs
