"""One table of what can be asked over HTTP: it makes the routes and the OpenAPI document.

A handler is `async def handler(site: Site, request: Request) -> Response`; it may raise Refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from edgefer.web.answers import Refused, refuse
from edgefer.web.site import Site

Handler = Callable[[Site, Request], Awaitable[Response]]
Schema = Mapping[str, Any]
"""A JSON Schema."""

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter in the path or the query."""

    name: str
    doc: str
    schema: Schema
    place: str = "query"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one status code means, and what comes with it, by media type."""

    doc: str
    content: Mapping[str, Schema] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked."""

    method: str
    path: str
    """As Starlette's: {name} is a part of the path."""
    handler: Handler
    summary: str
    answers: Mapping[int, Answer]
    """Without those that any operation may give: 401, 403, 413, 421, 429."""
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Schema] = field(default_factory=dict)
    """What it takes, by media type; {}: no body."""
    body_limit: int = 0
    """Bytes of a body at most; a larger one is refused before it is read."""
    seconds: float = 0.0
    """For the body to come and the answer to be sent; 0: as for any other (connections.py)."""


def routes(operations: Sequence[Operation], site: Site) -> list[Route]:
    """Starlette's."""
    return [
        Route(
            operation.path,
            _answered(partial(operation.handler, site)),
            methods=[operation.method],
            name=f"{operation.method} {operation.path}",
        )
        for operation in operations
    ]


def _answered(handler: Callable[[Request], Awaitable[Response]]) -> Any:  # Any: Starlette's
    # Not a plain function: those would be given a thread each.
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody is there to read
        except Refused as refused:
            if refused.code == 413:
                return refuse(refused.code, refused.why, refused.headers)
            refused.__traceback__ = None  # it holds what came of the body, whose room is given back
            # Closed over what is still being sent, the answer would never be read.
            with suppress(Refused, ClientDisconnect, RuntimeError):  # the last: it is read already
                async for _ in request.stream():
                    pass
            return refuse(refused.code, refused.why, refused.headers, close=False)

    return answered
