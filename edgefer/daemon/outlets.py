"""Where a daemon's readings and events go: the sinks of the configuration, none of which waits.

`read` and `tell` leave what they are given in boxes and return at once; each sink empties its own
box at its own pace, and counts what it had to drop.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from edgefer.config import Config
from edgefer.data import Reading
from edgefer.events import Event
from edgefer.health import Health, Part, State
from edgefer.mailbox import Mailbox
from edgefer.outputs import JsonlConfig
from edgefer.sinks.jsonl import record
from edgefer.sinks.jsonl_files import JsonFiles
from edgefer.sinks.metrics import Metrics

if TYPE_CHECKING:
    from edgefer.web.live import Live

LINES = 1000
"""Lines that wait for a disk that stalls, before the oldest is dropped."""

FAREWELL = 1.0
"""Seconds in which `close` writes the lines that wait."""


class Outlets:
    """All sinks of one configuration. Only the event loop's own thread may call it."""

    def __init__(
        self,
        config: Config,
        labels: Sequence[str],
        health: Health,
        metrics: Metrics,
        live: Live | None = None,
    ) -> None:
        """`live` is what visitors of the pages see; it is not closed here. Raises ConfigError,
        OutputError or NotInstalled for a sink that cannot be meant so. No network is touched
        before `start`, and no part of `health` is made."""
        self._health, self._metrics, self._live = health, metrics, live
        self._parts: dict[str, Part] = {}
        cameras = [camera.name for camera in config.cameras]
        # Imported where they are asked for: their libraries take memory and time.
        self._mqtt = self._webhook = self._lines = None
        if config.mqtt.host:
            from edgefer.sinks.mqtt import Mqtt

            self._mqtt = Mqtt(config.mqtt, cameras, labels, **self._wires("mqtt"))
        if config.webhook.url:
            from edgefer.sinks.webhook import Webhook

            self._webhook = Webhook(config.webhook, **self._wires("webhook"))
        if config.jsonl.path:
            self._lines = _Lines(config.jsonl, **self._wires("jsonl"))

    def start(self) -> None:
        """Begin to connect and to write; returns at once."""
        for name, sink in self._sinks().items():
            self._parts[name] = self._health.part(name, needed=False)
            sink.start()

    def read(self, camera: str, reading: Reading) -> None:
        """One reading of a camera. Its picture, if any, goes nowhere but to who watches."""
        if self._live is not None:
            self._live.read(camera, reading)
        if reading.image_bgr is not None:
            reading = dataclasses.replace(reading, image_bgr=None)
        if self._mqtt is not None:
            self._mqtt.put(camera, reading)
        if self._lines is not None:
            self._lines.read(camera, reading)

    def tell(self, camera: str, event: Event) -> None:
        """One event of a camera."""
        if self._live is not None:
            self._live.tell(camera, event)
        told = event.as_record()
        if self._mqtt is not None:
            self._mqtt.tell(camera, told)
        if self._webhook is not None:
            self._webhook.tell({"camera": camera, **told})
        if self._lines is not None:
            self._lines.tell(camera, told)

    def away(self, camera: str) -> None:
        """A camera is lost or closed: what it saw last is seen no more."""
        if self._live is not None:
            self._live.away(camera)
        if self._mqtt is not None:
            self._mqtt.away(camera)

    def watched(self, camera: str) -> bool:
        """Whether somebody wants the next reading's picture; any thread may ask."""
        return self._live is not None and self._live.wants(camera)

    async def close(self, successor: Outlets | None = None) -> None:
        """Send and write what waits, for a second or so, and leave.

        With a successor, which is to be started afterwards, what only the old configuration
        announced is removed; without one it stays announced, for the next start.
        """
        if self._mqtt is not None and successor is not None:
            self._mqtt.retire(successor._mqtt)
        await asyncio.gather(*(sink.close() for sink in self._sinks().values()))
        for name in self._parts:
            self._health.remove(name)

    def _sinks(self) -> dict[str, Any]:  # Any: what they share is start and close
        named = {"mqtt": self._mqtt, "webhook": self._webhook, "jsonl": self._lines}
        return {name: sink for name, sink in named.items() if sink is not None}

    def _wires(self, sink: str) -> dict[str, Any]:  # Any: keyword arguments of the sinks
        """What the sink tells of itself, and of each loss."""

        def report(state: State, reason: str) -> None:
            if sink in self._parts:
                self._parts[sink].report(state, reason)

        return {"report": report, "dropped": partial(self._metrics.event_dropped, sink)}


class _Lines:
    """Events, readings, or both as JSON lines, through one box, so that their order is kept."""

    def __init__(
        self,
        config: JsonlConfig,
        report: Callable[[State, str], None],
        dropped: Callable[[str], None],
    ) -> None:
        self._content, self._report, self._dropped = config.content, report, dropped
        self._files = JsonFiles(config, report=report, dropped=dropped)
        self._box: Mailbox[dict[str, Any]] = Mailbox(LINES, lossless=False)
        self._overflowed = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._report("ok", "")
        self._task = asyncio.create_task(self._write(), name="jsonl")

    def read(self, camera: str, reading: Reading) -> None:
        if self._content != "events":
            self._put(camera, record(reading))

    def tell(self, camera: str, told: Mapping[str, Any]) -> None:
        if self._content != "readings":
            self._put(camera, told)

    def _put(self, camera: str, fields: Mapping[str, Any]) -> None:
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._box.put({"time": now, "camera": camera, **fields})
        while self._overflowed < self._box.dropped:
            self._overflowed += 1
            self._dropped("overflow")

    async def _write(self) -> None:
        async for line in self._box:
            await self._files.write(line)

    async def close(self) -> None:
        self._box.close()
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=FAREWELL)
            for task in late:  # the disk stalls
                task.cancel()
        await self._files.close()
