"""The daemon: started, supervised, reloaded and stopped.

One event loop holds it together. Frames are carried by the pipelines' threads (camera.py), models
are opened and closed in threads of their own (models.py), and a thread beside all of it tells
systemd whether it lives (watchdog.py). A part that breaks is started again by itself; what that
does not mend ends the process with an error, and whoever started it starts it again.
"""

from __future__ import annotations

import asyncio
import dataclasses
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from edgefer.config import Config
from edgefer.config_file import check_mode, load_config
from edgefer.daemon import logs
from edgefer.daemon.checked import check, secrets
from edgefer.daemon.notify import Notifier
from edgefer.daemon.running import Running
from edgefer.daemon.watchdog import Watchdog
from edgefer.errors import EdgeferError
from edgefer.timing import clock

LOOK = 0.25
"""Seconds between two looks of the supervisor."""

STATUS = 5.0
"""Seconds between two STATUS= lines."""

STOPPING = 2.5
"""Seconds after SIGTERM at which the process ends, whatever still hangs."""

KILLED = 143
"""The exit status after a second SIGTERM: 128 + 15, as shells have it."""

THREADS = 6
"""For what blocks: disks, opening and loading."""

log = logging.getLogger(__name__)


def prepare(path: Path) -> Config:
    """The file's settings as a daemon runs them: a camera that is absent is waited for.

    Raises ConfigError for the file, its mode, a secret, or a setting that cannot be meant, and
    NotInstalled where a camera needs what is not here.
    """
    check_mode(path)
    config = load_config(path)
    check(path, config)
    for secret in secrets(config):
        secret.check(path)
    waiting = (
        dataclasses.replace(camera, source=dataclasses.replace(camera.source, wait=True))
        for camera in config.cameras
    )
    return dataclasses.replace(config, camera=tuple(waiting))


def serve(path: Path) -> None:
    """Run until a signal ends it. Raises EdgeferError where it cannot start, or cannot go on."""
    config = prepare(path)
    logs.set_up(config.daemon.log)
    # systemd's watchdog ends us with SIGABRT: what hangs is then in the journal.
    faulthandler.enable()
    notifier = Notifier.from_environment()
    asyncio.run(Service(path, config, notifier).run())


def _threads() -> ThreadPoolExecutor:
    """All started now: one more, later, may find no memory, and then hangs the event loop that
    waits for it to begin."""
    pool, together = ThreadPoolExecutor(THREADS, "blocking"), threading.Barrier(THREADS)
    for _ in range(THREADS):
        pool.submit(together.wait)
    return pool


class Service:
    """One daemon; `run` it once, in the main thread."""

    def __init__(self, path: Path, config: Config, notifier: Notifier) -> None:
        self._path, self._notifier = path, notifier
        self._ending = asyncio.Event()
        self._error: BaseException | None = None
        self._running = Running(config, self._fail)
        health = self._running.health
        self._watchdog = Watchdog(health, notifier, patience=config.daemon.patience)
        self._loop_part = health.part("event loop", patience=config.daemon.patience)
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; raises what ended it otherwise."""
        loop = asyncio.get_running_loop()
        loop.set_default_executor(_threads())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop, number)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._begin(self._reload(), "reload"))
        self._loop_part.report("ok")
        self._watchdog.start()
        self._running.serve()
        self._begin(self._start(), "start")
        self._begin(self._supervise(), "supervisor")
        try:
            await self._ending.wait()
        finally:
            self._notifier.stopping()
            self._watchdog.stop()
            self._end_within(STOPPING)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._running.stop()
        if self._error is not None:
            raise self._error

    async def _start(self) -> None:
        await self._running.start()
        self._watchdog.started()
        self._notifier.ready(self._running.line())
        log.info("ready", extra=self._running.status()["engine"])

    async def _supervise(self) -> None:
        said = logged = clock()
        while True:
            await asyncio.sleep(LOOK)
            self._loop_part.progress()
            self._running.look()
            now = clock()
            if now - said >= STATUS:
                said = now
                self._notifier.status(self._running.line())
            if now - logged >= self._running.config.daemon.rates:
                logged = now
                self._running.log_rates()

    async def _reload(self) -> None:
        """Read and check the file again, and change what has changed; a bad one is refused, and
        the old one goes on."""
        if not self._running.started:
            log.warning("reload refused: the daemon is still starting")
            return
        self._notifier.reloading()
        before = self._running.config.daemon.log
        try:
            config = await asyncio.to_thread(prepare, self._path)
            await self._running.change(config)
        except EdgeferError as exc:
            log.error("reload refused, the old configuration goes on: %s", exc)
            self._notifier.ready(f"reload refused: {exc}")
            return
        if config.daemon.log != before:
            logs.set_up(config.daemon.log)
        self._notifier.ready(self._running.line())
        log.info("reloaded %s", self._path)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """A task whose error ends the daemon."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._fail(error)

        task.add_done_callback(ended)

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self._ending.set()

    def _on_stop(self, number: signal.Signals) -> None:
        if self._ending.is_set():
            log.warning("a second %s: ending at once", number.name)
            os._exit(KILLED)
        log.info("stopping: %s", number.name)
        self._ending.set()

    def _end_within(self, seconds: float) -> None:
        """A stage, a driver or a disk that hangs must not hold up the end."""

        def end() -> None:
            log.warning("something still hangs after %g s; ending without it", seconds)
            os._exit(self._error.exit_code if isinstance(self._error, EdgeferError) else 0)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()
