"""Whether an exported model answers as the network it was made from does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.classifier import softmax
from edgefer.errors import ModelError
from edgefer.protocols import Engine
from edgefer.spec import Precision
from edgefer_export.data import Split
from edgefer_export.evaluate import percent, tensors

BATCH = 64


@dataclass(frozen=True, slots=True)
class Bound:
    """What is still called the same model."""

    rows: int | None
    """How many rows of a split are compared; None: all of them."""
    difference: float
    """Greatest difference of a probability."""
    agreement: float
    """Smallest share of rows with the same most probable label."""
    loss: float
    """Greatest loss of accuracy over the same rows."""


BOUNDS: dict[Precision, Bound] = {
    "fp32": Bound(256, 1e-4, 1.0, 0.0),
    "fp16": Bound(1024, 2e-2, 0.995, 0.005),
    "int8": Bound(None, 0.3, 0.97, 0.01),
}
"""By the precision of the file. Measured on a model of the recipe `lightweight` and FER2013's
public split: fp32 8e-7; fp16 2.4e-3 in ONNX Runtime, 3.0e-3 where torch computes in half itself,
no label changed in either; int8 0.07, 99.0 % of the labels the same, 0.1 points lost."""


@dataclass(frozen=True, slots=True)
class Parity:
    """What was found; probabilities are those before a temperature, on both sides."""

    model: str
    runtime: str
    reference: str
    precision: Precision
    rows: int
    difference: float
    agreement: float
    accuracy: float
    reference_accuracy: float

    def in_words(self) -> str:
        """One line."""
        same = round(self.agreement * self.rows)
        return (
            f"{self.precision} on {self.runtime} against {self.reference}, {self.rows} rows: the "
            f"same most probable label in {same} ({100 * self.agreement:.2f} %), greatest "
            f"difference of a probability {self.difference:.1e}, accuracy "
            f"{percent(self.accuracy)} against {percent(self.reference_accuracy)}"
        )

    def refuse(self) -> None:
        """Raises ModelError where a bound is passed."""
        bound = BOUNDS[self.precision]
        holds = (  # a comparison with nan is False: nan is refused too
            self.difference <= bound.difference
            and self.agreement >= bound.agreement
            and self.reference_accuracy - self.accuracy <= bound.loss
        )
        if not holds:
            raise ModelError(
                f"{self.model} differs from {self.reference}. {self.in_words()}. Allowed are "
                f"{bound.difference:.0e}, {100 * bound.agreement:g} % and {100 * bound.loss:g} "
                "points. Nothing was written"
            )


def compare(engine: Engine, reference: Engine, split: Split, precision: Precision) -> Parity:
    """How two engines with the same labels and preprocessing differ on a split's first rows.

    Raises ModelError where that is more than the precision explains.
    """
    rows = split.where(np.arange(len(split))[: BOUNDS[precision].rows])
    ours, theirs = (softmax(answers(one, rows.images)) for one in (engine, reference))
    label, wanted = ours.argmax(axis=1), theirs.argmax(axis=1)
    found = Parity(
        model=engine.spec.name,
        runtime=engine.runtime,
        reference=reference.runtime,
        precision=precision,
        rows=len(rows),
        difference=float(np.abs(ours - theirs).max()),
        agreement=float((label == wanted).mean()),
        accuracy=float((label == rows.labels).mean()),
        reference_accuracy=float((wanted == rows.labels).mean()),
    )
    found.refuse()
    return found


def answers(engine: Engine, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What an engine answers to whole pictures, (N, K) float32, as it is: logits or probs."""
    how = engine.spec.preprocessing
    parts = range(0, len(images), BATCH)
    return np.concatenate([engine.infer(tensors(images[i : i + BATCH], how)) for i in parts])
