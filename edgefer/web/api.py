"""The API behind the pages (being written)."""

from __future__ import annotations

from edgefer.web.login import Login
from edgefer.web.operations import Operation


def operations() -> tuple[Operation, ...]:
    """Of one server."""
    return (*Login().operations(),)
