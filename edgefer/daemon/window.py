"""A daemon's web server, over its reloads: replaced by the next one, which remembers as it did."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from edgefer.config import Config
from edgefer.daemon.models import Models
from edgefer.health import Health, Part, State
from edgefer.sinks.metrics import Metrics

if TYPE_CHECKING:
    from edgefer.web import Web
    from edgefer.web.live import Live
    from edgefer.web.serving import Serving


class Window:
    """All methods are for the event loop's thread."""

    def __init__(
        self,
        config: Config,
        health: Health,
        metrics: Metrics,
        *,
        status: Callable[[], dict[str, Any]],
        models: Callable[[], Models | None],
        begin: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
    ) -> None:
        """`models` lends to visitors, once there are any; `begin` makes the server's task. Raises
        what `made` raises."""
        self._health, self._metrics, self._status = health, metrics, status
        self._models, self._begin = models, begin
        self._part: Part | None = None
        self._task: asyncio.Task[None] | None = None
        self.live: Live | None = None
        """What the cameras see, and saw; None before there is a server. It outlives each."""
        self._left: dict[str, None] = {}  # sessions that visitors signed out of, kept likewise
        self.web = self.made(config)
        """The server; None where none is asked for."""

    def made(self, config: Config) -> Web | None:
        """A server for `change`. Raises ConfigError where its settings cannot be meant, and
        NotInstalled."""
        if not config.http.port:
            return None
        # Imported here: its libraries take memory and time.
        from edgefer.web import Web
        from edgefer.web.live import Live

        self.live = self.live or Live(config.web)

        def report(state: State, reason: str) -> None:
            if self._part is not None:
                self._part.report(state, reason)

        return Web(
            config,
            self._health,
            self._metrics,
            self._status,
            live=self.live,
            lend=self._lend,
            left=self._left,
            report=report,
        )

    def serve(self) -> None:
        """Begin to answer."""
        if self.web is not None:
            self._part = self._health.part("web", needed=False)
            self._task = self._begin(self.web.serve(), "web")

    async def change(self, web: Web | None) -> None:
        """To this server, where it is another."""
        if web is not self.web:
            await self.close()
            self.web = web
            self.serve()

    async def close(self) -> None:
        """End the server."""
        if self.web is not None and self._task is not None:
            await self.web.close()
            await asyncio.wait([self._task])
            self._health.remove("web")
            self._part = None

    def show(self, config: Config, cameras: Mapping[str, Part]) -> None:
        """These cameras to visitors, and no others."""
        if self.live is None:
            return
        self.live.config = config.web
        for name in self.live.cameras.keys() - cameras.keys():
            self.live.end(name)
        for name, part in cameras.items():
            self.live.begin(name, part)

    @contextmanager
    def _lend(self) -> Iterator[Serving]:
        """The models, for a visitor's picture; by the web's thread."""
        from edgefer.web.serving import Serving, no_models

        models = self._models()
        if models is None:
            no_models()  # raises
        assert models is not None
        with models.aside() as opened:
            yield Serving(opened.detector, opened.engine, opened.classifier, opened.model)
