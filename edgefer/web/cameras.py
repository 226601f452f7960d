"""/v1/cameras, /v1/history and /v1/stream: what the cameras see, now and lately."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from edgefer.data import Reading
from edgefer.sinks.jsonl import record
from edgefer.timing import clock
from edgefer.web import schemas
from edgefer.web.access import SESSION
from edgefer.web.answers import Busy, Refused, finite, json_answer
from edgefer.web.history import SERIES
from edgefer.web.live import WATCHERS, Seen
from edgefer.web.operations import JSON, Answer, Operation, Parameter
from edgefer.web.schemas import COUNT, NUMBER, RATE, TEXT, YES, array, named, table
from edgefer.web.site import Site
from edgefer.web.streams import Stream

LISTENERS = 16
"""Streams of events at once."""

PACE = 0.1
"""Seconds between two looks of a stream: ten readings a second of a camera at most."""

EACH = 1.0
"""Seconds between two `rates`, and between two looks whether a `state` has changed."""

WAIT = 5.0
"""Seconds that the one picture of a camera may take."""

BOUNDARY = b"edgefer"


async def cameras(site: Site, _: Request) -> Response:
    told = [_camera(site, seen) for seen in site.live.cameras.values()]
    return json_answer({"cameras": told})


async def camera(site: Site, request: Request) -> Response:
    return json_answer(_camera(site, _named(site, request)))


async def video(site: Site, request: Request) -> Response:
    pictures = _pictures(site, request)

    async def parts() -> AsyncGenerator[bytes, None]:
        yield b"--" + BOUNDARY + b"\r\n"
        try:
            async for jpeg in pictures:
                # The next boundary comes with the picture: a browser shows none before it.
                yield (
                    b"".join(
                        (
                            b"Content-Type: image/jpeg\r\n",
                            b"Content-Length: %d\r\n\r\n" % len(jpeg),
                            jpeg,
                            b"\r\n--" + BOUNDARY + b"\r\n",
                        )
                    )
                    if jpeg
                    else b""
                )
        finally:
            await pictures.aclose()

    kind = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
    return Stream(parts(), kind, _allowed(site, request))


async def picture(site: Site, request: Request) -> Response:
    pictures = _pictures(site, request)
    try:
        jpeg = await asyncio.wait_for(anext(pictures, b""), WAIT)
    except asyncio.TimeoutError:
        jpeg = b""
    finally:
        await pictures.aclose()
    if not jpeg:
        raise Busy("the camera gives no picture now", 5)
    return Response(jpeg, media_type="image/jpeg")


async def history(site: Site, _: Request) -> Response:
    return json_answer(site.live.history.as_record())


async def stream(site: Site, request: Request) -> Response:
    names = request.query_params.getlist("camera")
    for name in names:
        if name not in site.live.cameras:
            raise Refused(404, "there is no such camera")
    if site.live.listeners >= LISTENERS:
        raise Busy(f"{LISTENERS} listen already", 5)
    return Stream(_events(site, names), "text/event-stream", _allowed(site, request))


async def _events(site: Site, names: Sequence[str]) -> AsyncGenerator[bytes, None]:
    """Of the cameras named, or of all. What a slow reader missed of readings is left out."""
    live = site.live
    live.listeners += 1
    number, state, sent = live.told, None, dict[str, Reading | None]()
    yield b"retry: 2000\n\n"
    try:
        next_rates = 0.0
        while True:
            now = clock()
            shown = [seen for name, seen in live.cameras.items() if not names or name in names]
            if now >= next_rates:
                next_rates = now + EACH
                if (stands := _state(site)) != state:
                    state = stands
                    yield _event("state", state)
                for seen in shown:
                    rates = seen.told_rates()
                    told = {"camera": seen.name, **rates, "temperature": live.temperature}
                    yield _event("rates", told)
            for n, name, when, event in tuple(live.events):
                if n > number and (not names or name in names):
                    yield _event("event", {"camera": name, "time": when, **event.as_record()})
            number = live.told
            for seen in shown:
                newest = seen.newest
                if newest is not None and newest is not sent.get(seen.name):
                    yield _event("reading", {"camera": seen.name, **record(newest)})
                sent[seen.name] = newest
            await asyncio.sleep(PACE)
    finally:
        live.listeners -= 1


def _event(name: str, told: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(finite(told))}\n\n".encode()


def _state(site: Site) -> dict[str, Any]:
    stands = {seen.name: _camera(site, seen) for seen in site.live.cameras.values()}
    return {
        "cameras": {
            name: {key: told[key] for key in ("state", "reason", "preview")}
            for name, told in stands.items()
        },
        "engine": site.status().get("engine"),
        "parts": {
            part.name: {"state": part.standing.state, "reason": part.standing.reason}
            for part in site.health.parts
        },
    }


def _camera(site: Site, seen: Seen) -> dict[str, Any]:
    standing, newest = seen.part.standing, seen.newest
    return {
        "name": seen.name,
        "state": standing.state,
        "reason": standing.reason,
        "preview": site.config.web.preview,
        "size": newest and newest.size,
        "faces": 0 if newest is None else len(newest.faces),
        "watchers": seen.watchers,
        **seen.told_rates(),
    }


def _named(site: Site, request: Request) -> Seen:
    seen = site.live.cameras.get(request.path_params["name"])
    if seen is None:
        raise Refused(404, "there is no such camera")
    return seen


def _pictures(site: Site, request: Request) -> AsyncGenerator[bytes, None]:
    seen = _named(site, request)
    if not site.config.web.preview:
        raise Refused(403, "cameras are not shown here: [web] preview is false")
    if seen.watchers >= WATCHERS:
        raise Busy(f"{WATCHERS} watch this camera already", 5)
    return site.live.pictures(seen.name)


def _allowed(site: Site, request: Request) -> Callable[[], bool]:
    """Whether a stream may go on: signing out ends it."""
    if request.state.visitor.by != "session":
        return lambda: True
    session = request.cookies.get(SESSION, "")
    return lambda: site.access.valid(session)


_CAMERA = table(
    name=TEXT,
    state=schemas.STATE,
    reason=TEXT,
    preview=YES,
    size={"type": ["array", "null"], "items": COUNT},
    faces=COUNT,
    watchers=COUNT,
    total_fps=RATE,
    detection_fps=RATE,
    classification_fps=RATE,
    serial_fps=RATE,
    overlap=RATE,
    age_ms=RATE,
    dropped=COUNT,
)
_HISTORY = table(
    seconds=array(NUMBER),
    cameras=named(table(**{key: array(RATE) for key in SERIES})),
    temperature=array(RATE),
)
_NAME = Parameter("name", "A camera, as /v1/cameras names it.", TEXT, "path", required=True)
_NONE = Answer("There is no such camera.")
_UNSHOWN = Answer("Cameras are not shown here.")
_JPEG = {"type": "string", "format": "binary"}

_STREAMED = """Events without end; the data of each is JSON. `reading` is a line of `edgefer run
--jsonl` and its camera: `expression`, `probability` and `probs` are of this frame alone, `steady`
is smoothed over the face's track. `event` is as all outputs have it, `rates` that of /v1/cameras
each second, `state` how cameras and parts stand, whenever that changes."""

OPERATIONS = (
    Operation("GET", "/v1/cameras", cameras, "All cameras, and how they stand",
              {200: Answer("Each camera.", {JSON: table(cameras=array(_CAMERA))})}),
    Operation("GET", "/v1/cameras/{name}", camera, "One camera",
              {200: Answer("The camera.", {JSON: _CAMERA}), 404: _NONE}, (_NAME,)),
    Operation("GET", "/v1/cameras/{name}/video", video, "Its annotated pictures, without end",
              {200: Answer("JPEGs.", {"multipart/x-mixed-replace": _JPEG}), 403: _UNSHOWN,
               404: _NONE, 503: Answer("Too many watch already.")}, (_NAME,)),
    Operation("GET", "/v1/cameras/{name}/picture", picture, "Its newest annotated picture",
              {200: Answer("A JPEG.", {"image/jpeg": _JPEG}), 403: _UNSHOWN,
               404: _NONE, 503: Answer("Too many watch, or there is no picture now.")}, (_NAME,)),
    Operation("GET", "/v1/history", history, "The last ten minutes, a point each two seconds",
              {200: Answer("Lists of equal length; `seconds` since 1970.", {JSON: _HISTORY})}),
    Operation("GET", "/v1/stream", stream, "Server-sent events: state, rates, reading, event",
              {200: Answer(_STREAMED, {"text/event-stream": TEXT}), 404: _NONE,
               503: Answer("Too many listen already.")},
              (Parameter("camera", "Only of this one; may be given several times.",
                         {"type": "array", "items": TEXT}),)),
)  # fmt: skip
