"""What is answered, and to whom.

GET /livez      200, or 503: {"good": false, "reasons": ["camera door: no progress ..."]}
GET /readyz     the same, of whether all that is needed works
GET /metrics    Prometheus' text format
GET /v1/status  JSON
401             without `Authorization: Bearer TOKEN`, where a token is set
421             a Host that this server is not called by, where it listens on loopback
413             a request with a body
"""

from __future__ import annotations

import hmac
import json
import math
import re
from collections.abc import Callable, Mapping, Set
from email.utils import formatdate
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgefer.credentials import Secret
from edgefer.health import Health, Verdict
from edgefer.sinks.metrics import CONTENT_TYPE, Metrics

ALWAYS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer: what is true now is not kept, and is what it says it is."""


def application(
    health: Health,
    metrics: Metrics,
    status: Callable[[], Mapping[str, Any]],
    token: Secret | None,
    names: Set[str],
) -> ASGIApp:
    """All of it. `names` are the hosts it may be asked as; none: any."""

    # Not plain functions: those would be given a thread each.
    async def livez(_: Request) -> Response:
        return _verdict(health.live())

    async def readyz(_: Request) -> Response:
        return _verdict(health.ready())

    async def page(_: Request) -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    async def state(_: Request) -> Response:
        return _json(status())

    paths = {"/livez": livez, "/readyz": readyz, "/metrics": page, "/v1/status": state}
    app = Starlette(routes=[Route(path, answer) for path, answer in paths.items()])
    app.router.redirect_slashes = False  # it would send whoever asks where the Host header says
    return Guard(app, token, names)


class Guard:
    """Refuses before anything is looked at, and puts ALWAYS on every answer."""

    def __init__(self, app: ASGIApp, token: Secret | None, names: Set[str]) -> None:
        self._app, self._names = app, names
        self._wanted = None if token is None else token.reveal().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update({**ALWAYS, "Date": formatdate(usegmt=True)})
            await send(message)

        app = self._refusal(Headers(scope=scope)) or self._app
        await app(scope, receive, guarded)

    def _refusal(self, headers: Headers) -> Response | None:
        host = re.sub(r":\d*$", "", headers.get("Host", "")).lower()
        if self._names and host not in self._names:
            return _refuse(421, "this server is not called so; ask it as localhost")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if self._wanted is not None and not (
            scheme.lower() == "bearer"
            and hmac.compare_digest(token.strip().encode("latin-1"), self._wanted)
        ):
            return _refuse(401, "a token is wanted", {"WWW-Authenticate": "Bearer"})
        if headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers:
            return _refuse(413, "no request here has a body")
        return None


def _refuse(code: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    # Closed, so that nobody reads a body to its end.
    return PlainTextResponse(why + "\n", code, {"Connection": "close", **(headers or {})})


def _verdict(verdict: Verdict) -> Response:
    told = {"good": verdict.good, "reasons": verdict.reasons, "notes": verdict.notes}
    return _json(told, 200 if verdict.good else 503)


def _json(value: object, code: int = 200) -> Response:
    return Response(json.dumps(_finite(value)) + "\n", code, media_type="application/json")


def _finite(value: object) -> Any:  # Any: what JSON can hold
    """What JSON has no number for, as the rate of nothing, is null."""
    match value:
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {key: _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
    return value
