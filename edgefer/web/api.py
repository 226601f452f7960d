"""All operations of [web] pages: the API, signing in, and the document that describes them."""

from __future__ import annotations

from edgefer.outputs import WebConfig
from edgefer.web import benchmarks, cameras, predict, steps_api
from edgefer.web.app import OPERATIONS
from edgefer.web.login import Login
from edgefer.web.openapi import operation_of
from edgefer.web.operations import Operation


def operations(config: WebConfig) -> tuple[Operation, ...]:
    """Of one server, those that are always answered included."""
    found = (
        *OPERATIONS,
        *cameras.OPERATIONS,
        *predict.operations(config),
        *steps_api.operations(config),
        *benchmarks.OPERATIONS,
        *Login().operations(),
    )
    return (*found, operation_of(found))
