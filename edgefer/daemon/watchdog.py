"""The thread that tells systemd whether the daemon lives, and ends it where nobody else would.

A thread, not a task: an event loop that hangs must be noticed too. It vouches for nothing by
itself: WATCHDOG=1 goes out only while `health.live()` is good. A process that is stopped, or
whose interpreter hangs in a C library that holds its lock, gives no sign at all, and systemd ends
it after WatchdogSec.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable

from edgefer.daemon.notify import Notifier
from edgefer.health import Health
from edgefer.timing import clock

STUCK = 70
"""The exit status of a daemon that ends itself because a part is stuck."""

LOOK = 1.0
"""Seconds between two looks at most."""

EXTENSION = 30.0
"""Seconds that each EXTEND_TIMEOUT_USEC asks for while an engine loads."""

log = logging.getLogger(__name__)


class Watchdog:
    """From `start` to `stop`. With systemd's watchdog a daemon that is stuck is left to it;
    without, the process ends itself after `patience` seconds more, with STUCK and the stack of
    each thread in the log."""

    def __init__(
        self,
        health: Health,
        notifier: Notifier,
        *,
        patience: float,
        exit_: Callable[[int], object] = os._exit,
    ) -> None:
        self._health, self._notifier, self._patience = health, notifier, patience
        self._exit = exit_
        self._starting = True
        self._stopped = threading.Event()
        interval = notifier.watchdog_interval
        self._alone = interval is None
        self._look = LOOK if interval is None else min(LOOK, interval / 3)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def started(self) -> None:
        """From now on no longer start-up time is asked for."""
        self._starting = False

    def stop(self) -> None:
        """No more is told; for the end, when parts stop on purpose."""
        self._stopped.set()
        self._thread.join(1)

    def _watch(self) -> None:
        stuck_since = 0.0
        told: tuple[str, ...] = ()
        while not self._stopped.wait(self._look):
            verdict = self._health.live()
            if verdict.good:
                if told:
                    log.warning("every part is alive again")
                stuck_since, told = 0.0, ()
                self._notifier.watchdog()
                if self._starting:
                    self._notifier.extend(EXTENSION)
                continue
            if not told:
                log.error("stuck: %s", "; ".join(verdict.reasons))
            stuck_since, told = stuck_since or clock(), verdict.reasons
            if self._alone and clock() - stuck_since > self._patience:
                log.critical("stuck for good, and ends: %s", "; ".join(verdict.reasons))
                faulthandler.dump_traceback(sys.stderr)
                self._exit(STUCK)
