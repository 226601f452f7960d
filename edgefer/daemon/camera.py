"""One camera's life: opened, carried, watched, and begun anew when it ends."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from contextlib import aclosing
from typing import Any, get_args

from edgefer.addresses import without_password
from edgefer.backoff import Backoff
from edgefer.config import CameraConfig, Config
from edgefer.daemon.budget import Budget
from edgefer.daemon.models import Models
from edgefer.daemon.outlets import Outlets
from edgefer.data import Look, Reading
from edgefer.errors import ConfigError, EdgeferError, NotInstalled
from edgefer.events import Event, Events
from edgefer.following import Following
from edgefer.health import Part
from edgefer.pipeline import run
from edgefer.protocols import Source
from edgefer.sinks.metrics import Metrics
from edgefer.sources import camera_url, open_source
from edgefer.sources.live import OPENING, LiveSource
from edgefer.timing import Rates, Tally, clock

RECENT = 100
"""Frames that the current rates look back on."""

KEPT = 1000
"""Frames that the percentiles of a log line of rates look back on at most: soon reached at any
rate, so that memory does not grow with the busiest minute."""

QUIET = 5.0
"""Seconds without a frame after which the current rates are none."""

log = logging.getLogger(__name__)


class Camera:
    """A task of the event loop; `outlets` may be replaced at any time."""

    def __init__(
        self,
        camera: CameraConfig,
        config: Config,
        models: Models,
        outlets: Outlets,
        metrics: Metrics,
        part: Part,
        workers: int,
    ) -> None:
        self.camera, self.outlets = camera, outlets
        self._models, self._metrics, self._part, self._workers = models, metrics, part, workers
        self._config, self._events = config, Events(config.events)
        self._following: Following | None = None
        self._budget = Budget(config.daemon.restarts, config.daemon.window)
        self._backoff = Backoff(camera.source.backoff, camera.source.backoff_max)
        self._source: Source | None = None
        self._reconnects = 0
        self._lost = 0  # frames that a stage failed on, and whose gap has not come by yet
        self._losing = threading.Lock()
        self._sequence: int | None = None
        self._last_reading = 0.0
        self.recent, self.since_logged = Tally(RECENT), Tally(KEPT)
        self._logged = clock()
        metrics.camera(camera.name)

    @property
    def name(self) -> str:
        return self.camera.name

    @property
    def part(self) -> Part:
        return self._part

    async def run(self) -> None:
        """Until cancelled. A source that is not there, or ends, is opened again for ever. Raises
        ConfigError or NotInstalled where the first opening shows that this would be in vain, and
        what else went wrong, a bug, once the budget of restarts is spent."""
        while True:
            try:
                await self._carry()
                reason = ""
            except EdgeferError as exc:
                if isinstance(exc, ConfigError | NotInstalled) and self._sequence is None:
                    raise
                reason = str(exc)
            except Exception as exc:
                reason = f"a bug in edgefer: {exc!r}"
                log.exception("camera %s: its pipeline broke", self.name)
                if not self._budget.spend():
                    raise
                self._metrics.restarted(f"camera {self.name}")
            told = reason or f"{without_password(self.camera.source.url)} has ended"
            if told != self._part.standing.reason:
                level = logging.WARNING if reason else logging.INFO
                log.log(level, "%s (opening it again)", told, extra={"camera": self.name})
            self._part.report("recovering", told)
            await asyncio.sleep(self._backoff.pause())

    async def _carry(self) -> None:
        self._source = await asyncio.to_thread(_open, self.camera)
        self._reconnects = 0
        if self._following is None:  # kept over openings, so that no number of a track returns
            self._following = Following(
                self._config.pipeline,
                self._config.tracking,
                self._config.events,
                workers=self._workers,
                live=self._source.live,
            )
        readings = run(
            self._source,
            self._models,
            self._models,
            workers=self._workers,
            preview=lambda: self.outlets.watched(self.name),
            tolerate=self._tolerate,
            following=self._following,
            deadline=self._config.pipeline.deadline,
            late=self._late,
        )
        try:
            async with aclosing(readings):
                async for reading in readings:
                    self._read(reading)
        finally:  # nobody is in sight of a camera that is closed
            self._tell(self._events.left(self._following.finish(), clock()))
            self.outlets.away(self.name)

    def _tolerate(self, error: Exception) -> None:
        """By a worker's thread; the models have told of the error already."""
        self._lose(type(error).__name__)

    def _late(self) -> None:
        """By a worker's thread: a frame was older than the deadline."""
        self._lose("late")

    def _lose(self, reason: str) -> None:
        with self._losing:
            self._lost += 1
        self._metrics.frames_dropped(self.name, reason)

    def _read(self, reading: Reading) -> None:
        if self._part.standing.state != "ok":
            self._part.report("ok")
        self._part.progress()
        self._backoff.went_well()
        self._last_reading = clock()
        self._count_overtaken(reading.sequence)
        self.recent.add(reading)
        self.since_logged.add(reading)
        self._metrics.read(self.name, reading)
        self.outlets.read(self.name, reading)
        self._tell(self._events.update(reading, reading.tracked, reading.ended))

    def _count_overtaken(self, sequence: int) -> None:
        # A source that is opened again may count from 0 again.
        gap = 0 if self._sequence is None else max(0, sequence - self._sequence - 1)
        self._sequence = sequence
        with self._losing:
            lost = min(gap, self._lost)
            self._lost -= lost
        if gap > lost:
            self._metrics.frames_dropped(self.name, "overtaken", gap - lost)

    def _tell(self, events: tuple[Event, ...]) -> None:
        for event in events:
            self.outlets.tell(self.name, event)

    def look(self, *, models_recover: bool) -> None:
        """What the camera says of itself, into its health; for the supervisor, several times a
        second."""
        source = self._source
        if isinstance(source, LiveSource):
            if source.state in ("opening", "waiting"):
                if self._part.standing.state == "ok":
                    self.outlets.away(self.name)
                self._part.report("recovering", source.reason or f"opening {source.name}")
            elif self._part.standing.state == "ok":
                self._part.report("ok", source.complaint)
            while self._reconnects < source.reconnects:
                self._reconnects += 1
                self._metrics.reconnected(self.name)
        if models_recover:
            self._part.progress()  # not its fault
        now = clock()
        if self._following and now - self._last_reading > self._config.tracking.seconds:
            self._tell(self._events.left(self._following.expire(now), now))

    def rates(self) -> Rates | None:
        """Of the last RECENT frames; None where there is no frame lately."""
        quiet = clock() - self._last_reading > QUIET
        return None if quiet or not self.recent.frames else self.recent.rates()

    def log_rates(self) -> None:
        """What it did since the last time."""
        tally, now = self.since_logged, clock()
        self.since_logged, seconds = Tally(KEPT), now - self._logged
        self._logged = now
        rates, ages = tally.rates(seconds), tally.percentiles((50, 95))["age"]
        told = {
            "total_fps": rates.total,
            "classification_fps": rates.classification,
            "detection_fps": rates.detection,
            "age_p50_ms": ages["p50"],
            "age_p95_ms": ages["p95"],
        }
        counts = {"frames": tally.frames, "faces": tally.faces, "dropped": tally.dropped}
        measured = {key: round(value, 2) for key, value in told.items() if not math.isnan(value)}
        log.info("rates", extra={"camera": self.name, **counts, **measured})

    def status(self) -> dict[str, Any]:
        """For people and pages."""
        rates, standing = self.rates(), self._part.standing
        told: dict[str, Any] = {
            "state": standing.state,
            "reason": standing.reason,
            "seconds": round(clock() - standing.since, 1),
            "frames": self.recent.frames,
            "faces": self.recent.faces,
            "dropped": self.recent.dropped,
            "reconnects": self._reconnects,
        }
        if self._following is not None:
            looks = self._following.looks
            told["looks"] = {look: looks[look] for look in get_args(Look)}
        if rates is not None:
            told["fps"] = {
                "total": _rounded(rates.total),
                "detection": _rounded(rates.detection),
                "classification": _rounded(rates.classification),
            }
        return told


def patience(camera: CameraConfig, seconds: float) -> float:
    """How long a camera that says it is live may give nothing: its own timeout comes first."""
    return max(camera.source.timeout, OPENING) + seconds


def _open(camera: CameraConfig) -> Source:
    return open_source(camera_url(camera.source), camera.source)


def _rounded(rate: float) -> float | None:
    return round(rate, 2) if rate == rate else None
