"""Which expression a face is said to show: smoothed over time, with hysteresis."""

from __future__ import annotations

import math

from edgefer.config import EventsConfig
from edgefer.data import Expression


class Steady:
    """Of one face. Probabilities are smoothed over time, not frames, and a new expression must
    lead the one that holds by a margin, for a while. It reads no clock."""

    def __init__(self, first: float, config: EventsConfig) -> None:
        self.label: str | None = None
        """What holds; None before anything did."""
        self.since = first
        """When it began to hold; before that, when the face was first seen."""
        self._config = config
        self._labels: tuple[str, ...] = ()
        self._probs: list[float] = []
        self._looked = -math.inf
        self._leader: str | None = None
        self._leads_since = first

    def look(self, expression: Expression, now: float) -> bool:
        """Smooth; whether another expression holds from now on. A late look changes nothing."""
        if now <= self._looked:
            return False
        self._smooth(expression, now - self._looked)
        self._looked = now
        leader = self._leading()
        if leader != self._leader:
            self._leader, self._leads_since = leader, now
        if leader is None or now - self._leads_since < self._config.hold:
            return False
        self.label, self.since = leader, now
        return True

    @property
    def shown(self) -> tuple[str, float]:
        """What holds, or before that what leads; and its smoothed probability. After a look."""
        if self.label in self._labels:
            return self.label, self.probability(self.label)
        best = max(self._probs)
        return self._labels[self._probs.index(best)], best

    def probability(self, label: str) -> float:
        """Smoothed, 0 to 1; 0 of a label that the model does not have."""
        return self._probs[self._labels.index(label)] if label in self._labels else 0.0

    def _smooth(self, expression: Expression, seconds: float) -> None:
        """p(t) = q + (p - q) * 2^(-seconds / half-life), whatever the frame rate."""
        if expression.labels != self._labels:  # another model: nothing to go on from
            self._labels, self._probs = expression.labels, list(expression.probs)
            self._leader = None
            return
        half_life = self._config.half_life
        keep = 0.5 ** (seconds / half_life) if half_life else 0.0
        self._probs = [
            new + (old - new) * keep for old, new in zip(self._probs, expression.probs, strict=True)
        ]

    def _leading(self) -> str | None:
        """The label that leads the one that holds, or before there is one the next best."""
        best = max(self._probs)
        at = self._probs.index(best)
        label = self._labels[at]
        if label == self.label or best < self._config.min_probability:
            return None
        if self.label in self._labels:
            other = self.probability(self.label)
        else:
            other = max(self._probs[:at] + self._probs[at + 1 :], default=0.0)
        lead = best - other
        return label if lead > 0 and lead >= self._config.margin else None
