"""POST /v1/steps (being written)."""

from __future__ import annotations

from edgefer.outputs import WebConfig
from edgefer.web.operations import Operation


def operations(_: WebConfig) -> tuple[Operation, ...]:
    """The one operation."""
    return ()
