"""Whether a model's probabilities mean what they say, and the one number that mends most of it.

Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", 2017: dividing the
logits by a temperature changes no answer, only how sure of it the model says it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.classifier import softmax
from edgefer.errors import InferenceError

BINS = 15
"""Equal-width bins of the probability of the answer: Guo's number."""
COLDEST, HOTTEST = 0.05, 20.0
"""Where a temperature is looked for. A model without one wrong answer has no best temperature
below, one worse than chance none above: they get these ends."""
SMALLEST = 1e-12
"""A probability below it counts as this in a likelihood, so that a rounded 0 is not infinite."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Answers sorted by the probability the model gave them, in bins of equal width."""

    counts: tuple[int, ...]
    confidence: tuple[float, ...]
    """Mean probability of each bin's answers; nan of an empty bin."""
    accuracy: tuple[float, ...]
    """Share of each bin's answers that were right; nan of an empty bin."""

    @property
    def error(self) -> float:
        """Expected calibration error, 0 to 1: the mean over rows of |accuracy - confidence| of
        their bin; nan of no rows."""
        n = sum(self.counts)
        bins = zip(self.counts, self.confidence, self.accuracy, strict=True)
        return sum(c * abs(a - p) for c, p, a in bins if c) / n if n else math.nan


def reliability(
    probs: NDArray[np.floating], labels: NDArray[np.int64], bins: int = BINS
) -> Reliability:
    """(N, K) probabilities and (N,) labels -> how sure the answers were, and how right."""
    sure = probs.max(axis=1)
    right = probs.argmax(axis=1) == labels
    # Bins are half-open below, (0, 1/15] and so on, so that a probability of 1 has its place.
    at = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(at, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(at, sure, bins) / counts
        accuracy = np.bincount(at, right, bins) / counts
    return Reliability(tuple(counts.tolist()), tuple(confidence.tolist()), tuple(accuracy.tolist()))


def likelihood_loss(probs: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood of the labels, in nats; nan of no rows."""
    if not len(labels):
        return math.nan
    given = probs[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(given, SMALLEST)).mean())


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The T for which `softmax(logits / T)` gives the labels the greatest likelihood.

    (N, K) finite logits, (N,) labels from 0 to K - 1; 0.05 to 20. 1 where the logits of every
    row are all alike, so that T changes nothing. Raises InferenceError where the arrays are not
    such.
    """
    _refuse_nonsense(logits, labels)
    z = logits.astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    if not z.any():
        return 1.0
    target = z[np.arange(len(z)), labels].mean()

    def slope(sharpness: float) -> float:
        """Derivative of the loss by 1 / T: it only grows, since the loss is convex in 1 / T."""
        powers = np.exp(sharpness * z)
        return float(((powers * z).sum(axis=1) / powers.sum(axis=1)).mean() - target)

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    for _ in range(60):  # halving until float64 has no digits left
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 1 / math.sqrt(low * high)


def cross_fitted(
    logits: NDArray[np.float32], labels: NDArray[np.int64], seed: int = 0
) -> NDArray[np.float32]:
    """(N, K) probabilities, those of each half of the rows at the temperature that fits the other.

    So that calibration is not measured on what the temperature was fitted to. The halves are
    random by `seed`. Raises InferenceError for fewer than two rows.
    """
    if len(labels) < 2:
        raise InferenceError(f"{len(labels)} rows; two halves need at least 2")
    order = np.random.default_rng(seed).permutation(len(labels))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    probs = np.empty(logits.shape, np.float32)
    for here, there in (halves, halves[::-1]):
        probs[here] = softmax(logits[here] / fit_temperature(logits[there], labels[there]))
    return probs


def _refuse_nonsense(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    if logits.ndim != 2 or len(logits) != len(labels) or not len(labels) or logits.shape[1] < 2:
        raise InferenceError(
            f"logits of shape {logits.shape} for labels of shape {labels.shape}; a temperature "
            "takes (N, K) and (N,), N >= 1, K >= 2"
        )
    if not np.isfinite(logits).all():
        raise InferenceError("some logits are no numbers: the model is broken")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise InferenceError(
            f"labels reach {labels.min()} to {labels.max()}; the logits have columns 0 to "
            f"{logits.shape[1] - 1}"
        )
