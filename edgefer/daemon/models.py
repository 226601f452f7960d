"""The detector and the classifier of all cameras: watched, and replaced while frames pass."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefer.classifier import Classifier
from edgefer.config import Config
from edgefer.data import Detected, Expression, Face, Image
from edgefer.detectors import open_detector
from edgefer.engines import find_model, open_engine
from edgefer.engines.host import HostedEngine
from edgefer.engines.shared import TakingTurns, share
from edgefer.health import Part
from edgefer.pace import Entrance
from edgefer.protocols import Detector, Engine
from edgefer.timing import clock

LOADING = 900.0
"""Seconds that an engine may load or recover: a Nano takes minutes for a large plan."""

STEADY = 2.0
"""Seconds without a fault after which a part that failed counts as well again."""

GRACE = 5.0
"""Seconds of nothing but faults after which the models are opened anew."""

RETIRING = 30.0
"""Seconds that a replaced model may take to answer its last frames."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """One detector and one engine, each run once."""

    detector: Detector
    engine: Engine
    inner: Engine
    """The engine below the sharing: what answers for its own recovery."""
    classifier: Classifier
    model: Path
    """The engine's file."""
    fingerprint: object
    """Equal where opening again would give the same."""

    def close(self) -> None:
        """Release everything; no call may be under way."""
        self.engine.close()
        self.detector.close()


def fingerprint(config: Config) -> object:
    """Changes where the model's settings or its file do. Raises ModelError."""
    at = find_model(config.engine.model).stat()
    return config.detector, config.engine, at.st_ino, at.st_size, at.st_mtime_ns


def open_models(config: Config) -> Opened:
    """Both, each run once, so that what is broken shows now. Takes seconds to minutes."""
    known = fingerprint(config)
    with ExitStack() as undone:
        detector = undone.enter_context(
            closing(open_detector(config.detector, config.engine.threads))
        )
        inner = undone.enter_context(closing(open_engine(config.engine)))
        engine = share(inner)
        pre = inner.spec.preprocessing
        engine.infer(np.zeros((1, pre.channels, pre.height, pre.width), np.float32))
        detector.detect(np.zeros((480, 640, 3), np.uint8))
        undone.pop_all()
    turns = TakingTurns(detector) if detector.exclusive else detector
    model = find_model(config.engine.model)
    return Opened(turns, engine, inner, Classifier(engine), model, known)


class Models:
    """What the pipelines of all cameras call, whichever models are open now.

    A Detector, and a classifier, that any number of threads may enter. Faults are reported to
    `part`, and raised; after GRACE seconds of nothing else `failing` is called, once, by the
    thread of the last frame.
    """

    name = "models"
    exclusive = False

    def __init__(self, opened: Opened, part: Part, failing: Callable[[], None]) -> None:
        self._opened = opened
        self._part, self._failing = part, failing
        self._lent: Counter[Opened] = Counter()
        self._inside: dict[int, float] = {}  # since when, by thread
        self._changed = threading.Condition()
        self._faults_since: float | None = None
        self._last_fault = 0.0
        self._asked = False

    @property
    def opened(self) -> Opened:
        return self._opened

    @property
    def detecting(self) -> Entrance | None:
        """When the detector has time for a camera's next frame, where it takes turns."""
        detector = self._opened.detector
        return detector.detecting if isinstance(detector, TakingTurns) else None

    @property
    def classifying(self) -> Entrance | None:
        """The same of the engine, where cameras share it."""
        return self._opened.classifier.classifying

    def replace(self, opened: Opened) -> None:
        """New frames go to these from now on; returns once the old ones are released, which is
        when their last frame has left them, or after RETIRING seconds."""
        with self._changed:
            before, self._opened = self._opened, opened
            self._faults_since, self._asked = None, False
            if not self._changed.wait_for(lambda: not self._lent[before], RETIRING):
                log.warning("a frame still hangs in the models that are replaced")
            del self._lent[before]  # it would keep their memory
        before.close()

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        with self._lend() as opened, self._watched("the detector"):
            return opened.detector.detect(image_bgr)

    def classify(self, detected: Detected) -> tuple[Expression, ...]:
        with self._lend() as opened, self._watched("the engine"):
            answer = opened.classifier.classify(detected)
        self._faults_since = None
        return answer

    @contextmanager
    def aside(self) -> Iterator[Opened]:
        """Lend them for work beside the cameras. Its faults and its time say nothing about the
        models: a visitor chooses the picture, and its thread waits for the cameras'."""
        with self._changed:
            opened = self._opened
            self._lent[opened] += 1
        try:
            yield opened
        finally:
            self._return(opened)

    def look(self) -> None:
        """Take over what the engine says of itself, and see whether a fault is over or a frame
        hangs; for the supervisor, several times a second."""
        inner, now = self._opened.inner, clock()
        with self._changed:
            longest = max((now - since for since in self._inside.values()), default=0.0)
        self._part.progress(ago=longest)
        if isinstance(inner, HostedEngine) and inner.recovering:
            self._last_fault = now
            self._part.report("recovering", inner.reason or "its process is started again")
        elif (
            self._part.standing.state == "recovering"
            and not self._asked
            and now - self._last_fault > STEADY
        ):
            self._part.report("ok")
            log.info("the models answer again")

    def close(self) -> None:
        """Release the models; no call may be under way."""
        self._opened.close()

    @contextmanager
    def _lend(self) -> Iterator[Opened]:
        with self._changed:
            opened = self._opened
            self._lent[opened] += 1
            self._inside[threading.get_ident()] = clock()
        try:
            yield opened
        finally:
            with self._changed:
                del self._inside[threading.get_ident()]
            self._return(opened)

    def _return(self, opened: Opened) -> None:
        with self._changed:
            self._lent[opened] -= 1
            if opened is not self._opened:
                self._changed.notify_all()

    @contextmanager
    def _watched(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as exc:
            self._failed(f"{what}: {exc}")
            raise

    def _failed(self, reason: str) -> None:
        now, ask = clock(), False
        with self._changed:
            self._last_fault = now
            since = self._faults_since = self._faults_since or now
            if now - since > GRACE and not self._asked:
                self._asked = ask = True
        if self._part.standing.state != "recovering":
            log.warning("%s", reason)
        self._part.report("recovering", reason)
        if ask:
            self._failing()
