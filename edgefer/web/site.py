"""What the web may see of whoever serves it: records and functions, handed to every handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edgefer.config import Config
from edgefer.health import Health
from edgefer.sinks.metrics import Metrics
from edgefer.web.access import Access
from edgefer.web.benching import Bench
from edgefer.web.limits import Room
from edgefer.web.live import Live
from edgefer.web.predicting import Predicting


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
