"""What the web may see of whoever serves it: records and functions, handed to every handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.classifier import Classifier
from edgefer.config import Config
from edgefer.health import Health
from edgefer.protocols import Detector, Engine
from edgefer.sinks.metrics import Metrics
from edgefer.web.answers import Busy

if TYPE_CHECKING:
    from edgefer.web.access import Access
    from edgefer.web.benching import Bench
    from edgefer.web.limits import Room
    from edgefer.web.live import Live
    from edgefer.web.predicting import Predicting


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """The models that answer now; valid while they are lent."""

    detector: Detector
    engine: Engine
    """`engine.spec` is the ModelSpec, `engine.runtime` names what runs it."""
    classifier: Classifier
    model: Path
    """The engine's file."""


Lender = Callable[[], "AbstractContextManager[Serving]"]
"""Lends the models for one piece of work; raises Busy while there are none."""


def no_models() -> AbstractContextManager[Serving]:
    """A Lender that has none."""
    raise Busy("there are no models here", 60)


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """What handlers get. Only the event loop's thread may use it."""

    config: Config
    """Of the whole program; `config.web` and `config.http` are the web's own."""
    health: Health
    metrics: Metrics
    status: Callable[[], Mapping[str, Any]]
    """What /v1/status shows."""
    live: Live
    """The cameras, what they saw last, and their history."""
    predicting: Predicting
    """Runs work with the models."""
    access: Access
    """Sessions, and the tokens of forms."""
    room: Room
    """Memory for what visitors send."""
    bench: Bench
    """Benches that visitors begin."""
