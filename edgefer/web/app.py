"""What is answered, and by whom: groups of routes behind one guard.

GET /livez      200, or 503: {"good": false, "reasons": ["camera door: no progress ..."]}
GET /readyz     the same, of whether all that is needed works
GET /metrics    Prometheus' text format
GET /v1/status  JSON

With [web] pages, also the pages (pages.py) and the API behind them (api.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from edgefer.health import Verdict
from edgefer.sinks.metrics import CONTENT_TYPE
from edgefer.web import schemas
from edgefer.web.access import discreet
from edgefer.web.answers import json_answer
from edgefer.web.guard import Guard
from edgefer.web.operations import JSON, Answer, Operation, routes
from edgefer.web.site import Site


async def livez(site: Site, request: Request) -> Response:
    return _verdict(site.health.live(), request)


async def readyz(site: Site, request: Request) -> Response:
    return _verdict(site.health.ready(), request)


async def metrics(site: Site, _: Request) -> Response:
    return Response(site.metrics.text(), media_type=CONTENT_TYPE)


async def status(site: Site, _: Request) -> Response:
    return json_answer(site.status())


def _verdict(verdict: Verdict, request: Request) -> Response:
    reasons, notes = verdict.reasons, verdict.notes
    if request.state.visitor.by is None:  # a probe that brought no secret
        reasons, notes = tuple(map(discreet, reasons)), tuple(map(discreet, notes))
    told = {"good": verdict.good, "reasons": reasons, "notes": notes}
    return json_answer(told, 200 if verdict.good else 503)


_GOOD = Answer("It is.", {JSON: schemas.VERDICT})
_BAD = Answer("It is not, and why.", {JSON: schemas.VERDICT})

OPERATIONS = (
    Operation("GET", "/livez", livez, "Whether the daemon lives", {200: _GOOD, 503: _BAD}),
    Operation(
        "GET", "/readyz", readyz, "Whether all that is needed works", {200: _GOOD, 503: _BAD}
    ),
    Operation(
        "GET",
        "/metrics",
        metrics,
        "What Prometheus is told",
        {200: Answer("Its text format.", {"text/plain": {"type": "string"}})},
    ),
    Operation(
        "GET",
        "/v1/status",
        status,
        "How the parts stand",
        {200: Answer("Cameras, parts, engine.", {JSON: schemas.STATUS})},
    ),
)
"""What is always answered."""


def application(
    site: Site, operations: Sequence[Operation], others: Sequence[BaseRoute] = ()
) -> ASGIApp:
    """`operations` and `others`, such as pages, behind the guard of `site.access`."""
    app = Starlette(routes=[*routes(operations, site), *others])
    app.router.redirect_slashes = False  # it would send whoever asks where the Host header says
    return Guard(app, site.access, operations)
