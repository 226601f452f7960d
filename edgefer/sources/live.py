"""A live source: a camera in a child process, watched, killed and reopened.

LiveSource knows when to open, to wait and to give up. `capture.py` is one opening of the
camera, `picture.py` tells a picture that says nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Literal

from edgefer.addresses import scheme, without_password
from edgefer.backoff import Backoff
from edgefer.config import SourceConfig
from edgefer.data import Frame
from edgefer.errors import EdgeferError, SourceError
from edgefer.sources import devices
from edgefer.sources.capture import Capture, poll
from edgefer.sources.picture import Picture

State = Literal["opening", "live", "waiting", "ended"]

OPENING = 10.0
"""Seconds within which an opening must give its first frame, where `timeout` is shorter: a
network camera, or a machine under load, takes longer to begin than to go on."""

log = logging.getLogger(__name__)


class LiveSource:
    """The newest frame of a camera that may fail. Frames nobody reads are dropped, and show
    as gaps in `Frame.sequence`, which goes on increasing when the camera is reopened.

    The first opening raises what is wrong, unless `config.wait`. After the first frame, or
    with `wait`, a camera that gives no frame for `config.timeout` seconds, dies or changes
    its picture's size is killed and opened again, for ever, with pauses that double from
    `backoff` to `backoff_max`, and begin anew once it lived for longer than the next. A
    picture that was black, even or frozen for `config.stale` seconds is such a loss too, but
    only once: one that is the same afterwards is delivered, with a `complaint`. Only a source
    that ends by itself ends. Any thread may look at the attributes.
    """

    live = True

    def __init__(self, url: str, config: SourceConfig) -> None:
        self.name = without_password(url)
        self.state: State = "opening"
        self.reason = ""
        """Why it is not live; "" while it is."""
        self.complaint = ""
        """What is wrong with the frames that come, such as "black for 10 s"; "" if nothing."""
        self.reconnects = 0
        """How often frames came again after the camera was lost."""
        self._url, self._config = url, config
        self._capture: Capture | None = None
        self._openings = 0
        self._was_live = False
        self._sequence = 0  # where the next opening goes on counting
        self._backoff = Backoff(config.backoff, config.backoff_max)
        # The people of a drawn scene leave now and then, and nothing moves.
        self._picture = Picture(0 if scheme(url) == "demo" else config.stale)
        self._closed = False
        self._reading, self._closing = threading.Lock(), threading.Lock()
        self._wake = os.eventfd(0)  # readable for ever once closed
        if not config.wait:
            try:
                self._opened().wait()  # the frame stays for the first read, or a newer one does
            except BaseException:
                self.close()
                raise

    def read(self) -> Frame | None:
        """The newest frame not yet read; blocks until there is one, however long the camera is
        away. None once closed, or when a source that ends by itself has ended.

        Raises NotInstalled or ConfigError where waiting for a first frame would be in vain.
        """
        with self._reading:
            while not self._closed and self.state != "ended":
                try:
                    capture = self._opened()
                    if capture.wait():
                        if (frame := capture.take()) and self._came(frame):
                            return frame
                    elif capture.ended:
                        self._drop()
                        self.state = "ended"
                        log.info("%s: ended", self.name)
                except EdgeferError as exc:
                    self._drop()
                    if self._closed:
                        break
                    if not self._was_live and not isinstance(exc, SourceError):
                        raise
                    self._picture.away()
                    self._lost(str(exc))
            return None

    def close(self) -> None:
        """Kill the child and free everything; a `read` in another thread returns None."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._wake, 1)
            with self._reading:
                self._drop()
                self.state = "ended"
                os.close(self._wake)

    def _opened(self) -> Capture:
        if self._capture is None:
            self.state = "opening"
            first = max(self._config.timeout, OPENING)
            opening, self._openings = self._openings, self._openings + 1
            self._capture = Capture(
                self._url, self._config, opening, self._sequence, first, self._wake
            )
        return self._capture

    def _came(self, frame: Frame) -> bool:
        """Note a frame; False where its picture is stale, and the camera is opened again."""
        if self.state != "live":
            height, width = frame.image_bgr.shape[:2]
            log.info("%s: live, %dx%d%s", self.name, width, height, devices.advice(self._url))
            self.reconnects += self._was_live
            self._was_live = True
            self._backoff.went_well()
            self.state, self.reason = "live", ""
        wrong = self._picture.see(frame.image_bgr, frame.captured)
        if wrong and not self.complaint and self._picture.try_again():
            self._drop()
            self._lost(f"{self.name}: {wrong}")
            return False
        if wrong != self.complaint:
            if wrong:
                log.warning("%s: %s, and opening it again did not help", self.name, wrong)
            else:
                log.info("%s: no longer %s", self.name, self.complaint)
            self.complaint = wrong
        return True

    def _lost(self, reason: str) -> None:
        """Wait before the next opening; a reason that stays the same is logged once."""
        if reason != self.reason:
            log.warning("%s (opening it again)", reason)
        self.state, self.reason, self.complaint = "waiting", reason, ""
        poll(self._wake).poll(self._backoff.pause() * 1000)

    def _drop(self) -> None:
        if self._capture is not None:
            self._sequence = self._capture.sequence
            self._capture.end()
            self._capture = None
