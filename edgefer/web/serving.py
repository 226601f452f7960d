"""The models, lent to the web for one piece of work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from edgefer.classifier import Classifier
from edgefer.protocols import Detector, Engine
from edgefer.web.answers import Busy


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """The models that answer now; valid while they are lent."""

    detector: Detector
    engine: Engine
    """`engine.spec` is the ModelSpec, `engine.runtime` names what runs it."""
    classifier: Classifier
    model: Path
    """The engine's file."""


Lender = Callable[[], AbstractContextManager[Serving]]
"""Lends the models for one piece of work; raises Busy while there are none."""


def no_models() -> AbstractContextManager[Serving]:
    """A Lender that has none."""
    raise Busy("there are no models here", 60, "no_models")
