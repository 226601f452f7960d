"""Faces of a frame -> expressions: crop, infer all in one call, decode."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefer.data import Detected, Expression
from edgefer.errors import InferenceError
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

    def classify(self, detected: Detected) -> tuple[Expression, ...]:
        """One expression per face, in their order; () without a call where there is no face.

        Raises InferenceError where the engine's answer is not finite numbers.
        """
        if not detected.faces:
            return ()
        spec = self.engine.spec
        with short_work:
            batch = tensor(detected.frame.image_bgr, detected.faces, spec.preprocessing)
        raw = self.engine.infer(batch)
        with short_work:
            return self._decode(raw, spec, detected.frame.sequence)

    @staticmethod
    def _decode(raw: NDArray[np.float32], spec: ModelSpec, sequence: int) -> tuple[Expression, ...]:
        if not np.isfinite(raw).all():
            raise InferenceError(
                f"{spec.name} answered {raw[~np.isfinite(raw)][0]} for frame "
                f"{sequence}: the model is broken or its precision overflows. "
                f"Export it again, or try it in FP32"
            )
        if spec.output == "probs" and (
            raw.min() < -SLACK or abs(raw.sum(axis=1) - 1).max() > SLACK
        ):
            raise InferenceError(
                f"{spec.name} answered {raw[0].round(2).tolist()}: these are no probabilities, as "
                "its description says. Set output = 'logits' there"
            )
        probs = softmax(raw, spec.temperature) if spec.output == "logits" else raw
        return tuple(Expression(spec.labels, tuple(row)) for row in probs.tolist())


def softmax(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float32]:
    """(N, K) -> (N, K), each row summing to 1, without overflow; `temperature` divides first."""
    powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    probs: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probs
