"""Everything that a configuration brings to life, and how it becomes that of the next one."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import Any

from edgefer import __version__
from edgefer.backoff import Backoff
from edgefer.config import CameraConfig, Config
from edgefer.daemon.budget import Budget
from edgefer.daemon.camera import Camera, patience
from edgefer.daemon.models import LOADING, Models, Opened, fingerprint, open_models
from edgefer.daemon.outlets import Outlets
from edgefer.daemon.window import Window
from edgefer.engines.host import HostedEngine
from edgefer.errors import EdgeferError, EngineLost
from edgefer.health import Health
from edgefer.sinks.metrics import Metrics
from edgefer.tables import number
from edgefer.timing import clock
from edgefer.workers import default_workers

log = logging.getLogger(__name__)


class Running:
    """Models, sinks, cameras and the web server of one daemon.

    All methods are for the event loop's thread; `change` and `mend` wait for each other.
    `failed` is told of each task that ended with an error: what its part could not mend, nobody
    here can.
    """

    def __init__(self, config: Config, failed: Callable[[BaseException], None]) -> None:
        """Raises ConfigError where the web server's settings cannot be meant."""
        self.health = Health()
        self.config = config
        self._metrics = Metrics(self.health)
        self._failed = failed
        self._part = self.health.part("engine", patience=config.daemon.patience, allowed=LOADING)
        self._budget = Budget(config.daemon.restarts, config.daemon.window)
        self._cameras: dict[str, tuple[Camera, asyncio.Task[None]]] = {}
        self._models: Models | None = None
        self._outlets: Outlets | None = None
        self._turn = asyncio.Lock()
        self._hosts_restarted = 0
        self._began = clock()
        self._window = Window(
            config,
            self.health,
            self._metrics,
            status=self.status,
            models=lambda: self._models,
            begin=self._task,
        )

    @property
    def started(self) -> bool:
        """True once the models are warm."""
        return self._models is not None and self._outlets is not None

    def serve(self) -> None:
        """Answer whoever asks how it is, from before the models are loaded."""
        self._window.serve()

    async def start(self) -> None:
        """Load the models, then begin with sinks and cameras. Raises EdgeferError."""
        opened = await asyncio.to_thread(open_models, self.config)
        loop = asyncio.get_running_loop()

        def failing() -> None:
            loop.call_soon_threadsafe(lambda: self._task(self.mend(), "engine"))

        self._models = Models(opened, self._part, failing)
        self._tell_engine(opened)
        self._part.report("ok")
        self._outlets = self._outlets_of(self.config, opened)
        self._outlets.start()
        self._begin(self.config.cameras)

    async def change(self, config: Config) -> None:
        """To another configuration, what is the same in both going on undisturbed. Raises
        EdgeferError before anything was changed."""
        async with self._turn:
            await self._change(config)

    async def _change(self, config: Config) -> None:
        assert self._models is not None
        assert self._outlets is not None
        before, opened, outlets = self.config, None, None
        web, live = self._window.web, self._window.live
        try:
            if fingerprint(config) != self._models.opened.fingerprint:
                opened = await asyncio.to_thread(open_models, config)
            # What a secret's name stands for may have changed.
            secret = config.http.token or config.web.password
            shown = config.web.pages and before != config  # pages tell of all settings
            if (before.http, before.web) != (config.http, config.web) or shown or secret:
                web = self._window.made(config)
            secret = config.mqtt.password or config.webhook.token
            new_sinks = _outlet_settings(before) != _outlet_settings(config)
            if new_sinks or opened or secret or live is not self._window.live:
                outlets = self._outlets_of(config, opened or self._models.opened)
        except BaseException:
            if opened is not None:
                opened.close()
            raise
        self.config = config
        if (
            dataclasses.replace(before.daemon, log=config.daemon.log, rates=config.daemon.rates)
            != config.daemon
        ):
            log.warning("[daemon] changed: of it only log and rates are read before the next start")
        if opened is not None:
            await self._replace(opened)
        if outlets is not None:
            past, self._outlets = self._outlets, outlets
            for camera, _ in self._cameras.values():
                camera.outlets = outlets
            await past.close(outlets)
            outlets.start()
        await self._change_cameras(before, config)
        self._show_cameras()
        await self._window.change(web)

    async def mend(self) -> None:
        """Open the models anew until they answer; raises EngineLost once the budget is spent."""
        backoff = Backoff(0.5, 30.0)
        while True:
            async with self._turn:
                reason = self._part.standing.reason
                if not self._budget.spend():
                    raise EngineLost(f"the models were opened anew {self._budget}; now: {reason}")
                log.warning("opening the models anew: %s", reason)
                self._metrics.restarted("engine")
                try:
                    await self._replace(await asyncio.to_thread(open_models, self.config))
                except EdgeferError as exc:
                    self._part.report("recovering", str(exc))
                else:
                    return
            await asyncio.sleep(backoff.pause())

    def look(self) -> None:
        """Take over what each part says of itself; several times a second."""
        if self._models is None:
            return
        self._models.look()
        inner = self._models.opened.inner
        if isinstance(inner, HostedEngine):
            while self._hosts_restarted < inner.restarted:
                self._hosts_restarted += 1
                self._metrics.restarted("engine host")
        recover = self._part.standing.state != "ok"
        for camera, _ in self._cameras.values():
            camera.look(models_recover=recover)

    def status(self) -> dict[str, Any]:
        """For people and pages."""
        told: dict[str, Any] = {
            "version": __version__,
            "seconds": round(clock() - self._began, 1),
            "ready": self.health.ready().good,
            "cameras": {name: camera.status() for name, (camera, _) in self._cameras.items()},
            "parts": {
                part.name: {"state": part.standing.state, "reason": part.standing.reason}
                for part in self.health.parts
            },
        }
        if self._models is not None:
            inner = self._models.opened.inner
            told["engine"] = {"model": inner.spec.name, "runtime": inner.runtime}
        return told

    def line(self) -> str:
        """The same in one line, as for `systemctl status`."""
        told = []
        for name, (camera, _) in self._cameras.items():
            rates, standing = camera.rates(), camera.part.standing
            if rates is not None:
                told.append(
                    f"{name}: total {number(rates.total)}, classification "
                    f"{number(rates.classification)}, detection {number(rates.detection)} FPS"
                )
            else:
                told.append(f"{name}: {standing.reason or standing.state}")
        return " | ".join(told) or "loading the engine"

    def log_rates(self) -> None:
        """One line for each camera, of what it did since the last time."""
        for camera, _ in self._cameras.values():
            camera.log_rates()

    async def stop(self) -> None:
        """End everything; what hangs is left behind."""
        await asyncio.gather(*(self._drop(name) for name in tuple(self._cameras)))
        if self._outlets is not None:
            await self._outlets.close()
        await self._window.close()
        if self._models is not None:
            await asyncio.to_thread(self._models.close)

    # --- the pieces ----------------------------------------------------------------------------

    def _task(self, work: Any, name: str) -> asyncio.Task[None]:  # Any: a coroutine
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._failed(error)

        task.add_done_callback(ended)
        return task

    def _outlets_of(self, config: Config, opened: Opened) -> Outlets:
        labels = opened.inner.spec.labels
        return Outlets(config, labels, self.health, self._metrics, self._window.live)

    async def _replace(self, opened: Opened) -> None:
        assert self._models is not None
        await asyncio.to_thread(self._models.replace, opened)
        self._hosts_restarted = 0
        self._tell_engine(opened)

    def _tell_engine(self, opened: Opened) -> None:
        self._metrics.engine(
            {
                "model": opened.inner.spec.name,
                "runtime": opened.inner.runtime,
                "detector": opened.detector.name,
            }
        )

    def _begin(self, cameras: tuple[CameraConfig, ...]) -> None:
        assert self._models is not None
        assert self._outlets is not None
        config = self.config
        workers = config.pipeline.workers or default_workers()
        for camera in cameras:
            part = self.health.part(
                f"camera {camera.name}", patience=patience(camera, config.daemon.patience)
            )
            made = Camera(
                camera,
                config,
                self._models,
                self._outlets,
                self._metrics,
                part,
                max(1, workers // len(config.cameras)),
            )
            self._cameras[camera.name] = made, self._task(made.run(), f"camera {camera.name}")
        self._show_cameras()

    def _show_cameras(self) -> None:
        """To visitors of the pages, in the order of the configuration."""
        parts = {name: camera.part for name, (camera, _) in self._cameras.items()}
        self._window.show(self.config, parts)

    async def _change_cameras(self, before: Config, after: Config) -> None:
        same = _camera_settings(before) == _camera_settings(after)
        kept = {camera.name for camera in after.cameras if same and camera in before.cameras}
        gone = [name for name in self._cameras if name not in kept]
        await asyncio.gather(*(self._drop(name) for name in gone))
        self._begin(tuple(camera for camera in after.cameras if camera.name not in kept))

    async def _drop(self, name: str) -> None:
        camera, task = self._cameras.pop(name)
        task.cancel()
        await asyncio.wait([task])
        self.health.remove(camera.part.name)


def _outlet_settings(config: Config) -> object:
    names = [camera.name for camera in config.cameras]
    return config.jsonl, config.mqtt, config.webhook, names


def _camera_settings(config: Config) -> object:
    """What all cameras share."""
    return config.pipeline, config.tracking, config.events, len(config.cameras)
