"""The pages of `edgefer run --web`: those of the daemon, for the one source of a run."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from edgefer import __version__
from edgefer.classifier import Classifier
from edgefer.cli.status import CLEAR
from edgefer.config import ALONE, Config
from edgefer.data import Reading
from edgefer.engines import find_model
from edgefer.errors import ConfigError, NotInstalled, OutputError
from edgefer.events import Events
from edgefer.health import Health, State
from edgefer.protocols import Detector, Engine, Source
from edgefer.sources.live import LiveSource
from edgefer.timing import clock

try:
    import jinja2  # noqa: F401 - the pages' own, which Web asks for later
    import python_multipart  # noqa: F401

    from edgefer.sinks.metrics import Metrics
    from edgefer.web import Web
    from edgefer.web.live import Live
    from edgefer.web.serving import Serving
except (ModuleNotFoundError, NotInstalled) as exc:
    raise NotInstalled("--web needs more packages: pip install 'edgefer[web]'") from exc

LOOK = 0.25
"""Seconds between two looks at the source."""


def with_pages(config: Config, where: str) -> Config:
    """The same with pages at HOST:PORT (or :PORT, PORT, or "" for what [http] says), on which the
    camera may be seen: whoever asks for pages of a run wants that. Raises ConfigError."""
    found = re.fullmatch(r"(?:(\[[0-9a-fA-F:.]+\]|[^:\[\]/]*):)?(\d{1,5})", where)
    if where and (found is None or not 0 < int(found[2]) < 65536):
        raise ConfigError(
            f"--web is {where!r}; it takes HOST:PORT, such as 127.0.0.1:8377, or nothing. "
            "A source stands before it: edgefer run SOURCE --web"
        )
    http = config.http
    if found is not None:
        host = (found[1] or "").strip("[]") or http.host
        http = dataclasses.replace(http, host=host, port=int(found[2]))
    web = dataclasses.replace(config.web, pages=True, preview=True)
    return dataclasses.replace(config, http=http, web=web)


class Pages:
    """Serves within `async with`; is told of each reading. Its address is taken at once: the daemon
    tries again where it cannot be had, but who types a command wants to hear it."""

    def __init__(self, config: Config, source: Source, detector: Detector, engine: Engine) -> None:
        """Both models must bear several threads. Raises as Web does, and OutputError where the
        address cannot be had."""
        self._source = source
        self._health, self._live = Health(), Live(config.web)
        self._part = self._health.part(f"camera {ALONE}")
        self._events, self._began = Events(config.events), clock()
        model = find_model(config.engine.model)
        self._serving = Serving(detector, engine, Classifier(engine), model)
        self._live.begin(ALONE, self._part)
        self._web = Web(
            config,
            self._health,
            Metrics(self._health),
            self._status,
            live=self._live,
            lend=self._lend,
            report=self._report,
        )
        try:
            self._web.listen()
        except OSError as exc:
            raise OutputError(
                f"the pages cannot be at {self._web.url}: {exc.strerror}. Give another place, as "
                "--web HOST:PORT"
            ) from exc
        self._tasks: list[asyncio.Task[None]] = []

    def wanted(self) -> bool:
        """Whether somebody watches; for any thread."""
        return self._live.wants(ALONE)

    def read(self, reading: Reading) -> None:
        """The pages show this one."""
        if self._part.standing.state != "ok":
            self._part.report("ok")
        self._live.read(ALONE, reading)
        for event in self._events.update(reading, reading.tracked, reading.ended):
            self._live.tell(ALONE, event)

    async def __aenter__(self) -> Pages:
        self._tasks = [
            asyncio.create_task(self._web.serve(), name="web"),
            asyncio.create_task(self._look(), name="source's state"),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._web.close()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _look(self) -> None:
        while isinstance(self._source, LiveSource):
            if self._source.state in ("opening", "waiting"):
                reason = self._source.reason or f"opening {self._source.name}"
                self._part.report("recovering", reason)
                self._live.away(ALONE)
            elif self._part.standing.state == "ok":
                self._part.report("ok", self._source.complaint)
            await asyncio.sleep(LOOK)

    def _report(self, state: State, _: str) -> None:
        if state == "ok":
            print(f"{CLEAR}pages: {self._web.url}", file=sys.stderr, flush=True)

    @contextmanager
    def _lend(self) -> Iterator[Serving]:
        yield self._serving

    def _status(self) -> dict[str, Any]:
        standing, engine = self._part.standing, self._serving.engine
        shown = {"state": standing.state, "reason": standing.reason}
        return {
            "version": __version__,
            "seconds": round(clock() - self._began, 1),
            "ready": self._health.ready().good,
            "cameras": {ALONE: shown},
            "parts": {self._part.name: shown},
            "engine": {"model": engine.spec.name, "runtime": engine.runtime},
        }
