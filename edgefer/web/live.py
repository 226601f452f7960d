"""The cameras as visitors see them: what each saw last, its picture while somebody watches, and
the last minutes.

Whoever carries frames calls `begin`, `read`, `tell` and `end`; `wants` says whether a frame's
picture is to be kept, and is True only while somebody watches, at most `fps` times a second.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2

from edgefer.data import Reading
from edgefer.events import Event
from edgefer.health import Part
from edgefer.outputs import WebConfig
from edgefer.sensors import temperatures
from edgefer.sinks.annotate import annotate
from edgefer.timing import Rates, Tally, clock
from edgefer.web.history import STEP, History, Point

RECENT = 100
"""Frames that the current rates look back on."""

QUIET = 5.0
"""Seconds without a frame after which the current rates are none, and after which a picture that
is watched is sent again, so that a connection shows whether it still stands."""

WATCHERS = 8
"""Who may watch one camera at once."""

QUALITY = 80
"""Of a JPEG, 0 to 100: 640 x 480 pixels take some 50 kB."""

EVENTS = 100
"""Events that are kept for who reads slowly; the oldest go first."""


class Live:
    """All cameras. For the event loop's thread; `wants` for any."""

    def __init__(
        self, config: WebConfig, temperature: Callable[[], dict[str, float]] = temperatures
    ) -> None:
        self.config = config
        """May be replaced, as by a reload."""
        self.history = History()
        self.temperature: float | None = None
        """Of the hottest zone, degrees Celsius; None where none can be read."""
        self._zones = temperature
        self._seen: dict[str, Seen] = {}
        self.events: deque[tuple[int, str, str, Event]] = deque(maxlen=EVENTS)
        """Number, camera, ISO time and event of the newest ones."""
        self.told = 0
        """Events so far."""
        self.listeners = 0
        """Streams of events that are read now."""
        self._drawing: ThreadPoolExecutor | None = None

    @property
    def cameras(self) -> dict[str, Seen]:
        """By name, in the order of the configuration."""
        return self._seen

    def begin(self, name: str, part: Part) -> None:
        """A camera is there from now on; `part` says how it stands, and may be another later."""
        if name in self._seen:
            self._seen[name].part = part
        else:
            self._seen[name] = Seen(name, part)

    def end(self, name: str) -> None:
        """It is not any more; who watches it sees its stream end."""
        self._seen.pop(name).close()

    def wants(self, name: str) -> bool:
        """Whether the next reading of this camera is to bring its picture; asked once for each
        frame, by any thread."""
        seen = self._seen.get(name)
        return seen is not None and seen.wants(1 / self.config.fps)

    def read(self, name: str, reading: Reading) -> None:
        """One reading of a camera, in order."""
        if self.config.pages and (seen := self._seen.get(name)) is not None:
            seen.read(reading)

    def tell(self, name: str, event: Event) -> None:
        """One event of a camera."""
        if self.config.pages:
            self.told += 1
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            self.events.append((self.told, name, now, event))

    def away(self, name: str) -> None:
        """A camera is lost or closed: what it saw last is seen no more."""
        if (seen := self._seen.get(name)) is not None:
            seen.newest, seen.jpeg = None, b""

    async def keep(self) -> None:
        """Write the history, until cancelled; returns where nobody may see it."""
        while self.config.pages:
            zones = await asyncio.to_thread(self._zones)
            self.temperature = max(zones.values(), default=None)
            points = {name: seen.point() for name, seen in self._seen.items()}
            self.history.add(time.time(), points, self.temperature)
            await asyncio.sleep(STEP)

    async def pictures(self, name: str) -> AsyncGenerator[bytes, None]:
        """Annotated JPEGs of a camera, the newest each time one is asked for: who is slow misses
        some. Ends with the camera, and at once where WATCHERS watch or there is none."""
        seen = self._seen.get(name)
        if seen is None or seen.watchers >= WATCHERS:
            return
        seen.watchers += 1
        if seen.drawing is None:
            seen.drawing = asyncio.create_task(self._draw(seen), name=f"drawing {name}")
        number = seen.number - bool(seen.jpeg)  # one that is there already is new to who comes
        try:
            while not seen.closed:
                await seen.picture_after(number)
                number = seen.number
                yield seen.jpeg
        finally:
            seen.watchers -= 1
            if not seen.watchers:
                seen.unwatch()

    async def _draw(self, seen: Seen) -> None:
        if self._drawing is None:
            self._drawing = ThreadPoolExecutor(1, "drawing")
        loop = asyncio.get_running_loop()
        while True:
            reading = await seen.undrawn()
            drawing = loop.run_in_executor(self._drawing, jpeg, reading, self.config.width)
            seen.drawn(await drawing)

    def close(self) -> None:
        """Let nobody watch any more."""
        for seen in self._seen.values():
            seen.unwatch()
        if self._drawing is not None:
            self._drawing.shutdown(wait=False)
            self._drawing = None


class Seen:
    """One camera."""

    def __init__(self, name: str, part: Part) -> None:
        self.name, self.part = name, part
        self.watchers, self.closed = 0, False
        self.newest: Reading | None = None
        """Without its picture."""
        self.jpeg, self.number = b"", -1
        """The newest picture, and how many there were before."""
        self.drawing: asyncio.Task[None] | None = None
        self._recent, self._point = Tally(RECENT), Tally(RECENT)
        self._last = self._wanted = 0.0
        self._raw: Reading | None = None
        self._changed = asyncio.Event()

    def wants(self, pause: float) -> bool:
        now = clock()
        if not self.watchers or now - self._wanted < pause:
            return False
        self._wanted = now
        return True

    def read(self, reading: Reading) -> None:
        self._last = clock()
        self._recent.add(reading)
        self._point.add(reading)
        if reading.image_bgr is not None:
            if self.watchers:
                self._raw = reading
                self._rouse()
            reading = dataclasses.replace(reading, image_bgr=None)
        self.newest = reading

    def rates(self) -> Rates | None:
        """Of the last RECENT frames; None where there is none lately."""
        quiet = clock() - self._last > QUIET
        return None if quiet or not self._recent.frames else self._recent.rates()

    def told_rates(self) -> dict[str, Any]:
        """The same, the age of the frames and how many were dropped since it began."""
        age = self._recent.percentiles((50,))["age"]["p50"]
        rates = self.rates()
        return {
            **{key: value and round(value, 2) for key, value in _told(rates).items()},
            "age_ms": None if rates is None else round(age, 2),
            "dropped": self._recent.dropped,
        }

    def point(self) -> Point:
        """What happened since the point before."""
        tally, self._point = self._point, Tally(RECENT)
        rates = tally.rates(STEP) if tally.frames else None
        age = tally.percentiles((50,))["age"]["p50"]
        told = _told(rates)
        return Point(**told, age_ms=None if rates is None else age, dropped=tally.dropped)

    async def picture_after(self, number: int) -> None:
        """Until there is a newer picture, QUIET seconds are over, or the camera is gone."""
        # Not wait_for: up to Python 3.11 it may swallow the end of the task that waits.
        until = clock() + QUIET
        timer = asyncio.get_running_loop().call_later(QUIET, self._rouse)
        try:
            while self.number <= number and clock() < until and not self.closed:
                await self._changed.wait()
        finally:
            timer.cancel()

    async def undrawn(self) -> Reading:
        """The newest reading with a picture that was not drawn yet."""
        while self._raw is None:
            await self._changed.wait()
        reading, self._raw = self._raw, None
        return reading

    def drawn(self, picture: bytes) -> None:
        self.jpeg, self.number = picture, self.number + 1
        self._rouse()

    def unwatch(self) -> None:
        """Nobody watches: no picture stays in memory."""
        if self.drawing is not None:
            self.drawing.cancel()
        self.drawing = self._raw = None
        self.jpeg = b""

    def close(self) -> None:
        self.closed = True
        self.unwatch()
        self._rouse()

    def _rouse(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def jpeg(reading: Reading, width: int) -> bytes:
    """The reading's frame, annotated, `width` pixels across at most."""
    image = reading.image_bgr
    assert image is not None
    if image.shape[1] > width:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    _, data = cv2.imencode(".jpg", annotate(image, reading), (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
    return data.tobytes()


def _told(rates: Rates | None) -> dict[str, float | None]:
    return {
        f"{name}_fps" if name != "overlap" else name: None
        if rates is None
        else getattr(rates, name)
        for name in ("total", "detection", "classification", "serial", "overlap")
    }
