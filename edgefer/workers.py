"""The threads that carry frames, and the ordered point where their results meet.

Each worker carries one frame all the way, capture -> detect -> classify; there are no queues
between stages. Capture is entered by one worker at a time, so is a stage that owns a device; a
live source's frame is taken when that will be free for it (pace.py). Results are put back in the
frames' order, and from there on everything is ordered.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, NamedTuple, Protocol

import cv2

from edgefer.data import Detected, Ended, Expression, Face, Frame, Image, Reading, StageTimes
from edgefer.following import Following, Plan
from edgefer.pace import Device, Entrance, Pace
from edgefer.protocols import Detector, Source
from edgefer.timing import clock

log = logging.getLogger(__name__)

AHEAD = 32
"""Frames that other workers may finish while one hangs; then they wait, so that memory does not
grow."""

SEARCH = Plan("detect")
"""What is done with each frame where nobody decides."""

STOP_TIMEOUT = 1.4
"""Seconds that workers get to finish their frames, and sinks what they hold, once stopped; what
hangs is left behind."""


class Classifying(Protocol):
    """What the pipeline asks of a Classifier."""

    @property
    def exclusive(self) -> bool: ...

    def classify(self, detected: Detected) -> tuple[Expression, ...]: ...


Tolerance = Callable[[Exception], None]
"""Told, by a worker's thread, why a frame was lost in a stage."""


def default_workers() -> int:
    """One for each core that this process may use."""
    return len(os.sched_getaffinity(0))


class Workers:
    """The threads, and the ordered point where their results meet.

    `publish` is called with each reading, in the frames' order, by one thread at a time;
    `finish` once, after the last one, with the error that ended it or None. What detection or
    classification raises ends it too, unless there is `tolerate`: then it costs that frame.
    `preview`: readings bring their frames, all of them, or those for which a worker is told so.
    With `following`, it decides which frames are searched for faces. A frame that is older than
    `deadline` seconds (0: never) is not worked on any more, or not published, and told to `late`.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        classifier: Classifying,
        publish: Callable[[Reading], None],
        finish: Callable[[BaseException | None], None],
        *,
        workers: int = 0,
        preview: bool | Callable[[], bool] = False,
        tolerate: Tolerance | None = None,
        following: Following | None = None,
        deadline: float = 0.0,
        late: Callable[[], None] = lambda: None,
    ) -> None:
        self._source, self._detector, self._classifier = source, detector, classifier
        self._publish, self._finish, self._preview = publish, finish, preview
        self._tolerate, self._following = tolerate, following
        self._deadline, self._late = deadline or math.inf, late
        self._capturing = threading.Lock()
        self._detecting = _entrance(detector.exclusive)
        self._classifying = _entrance(classifier.exclusive)
        self._pace = None
        if source.live:
            self._pace = Pace(
                _asked(self._detecting, detector, "detecting"),
                _asked(self._classifying, classifier, "classifying"),
            )
        self._ordering = threading.Condition(threading.Lock())
        self._next_in = self._next_out = 0
        self._ended = False
        self._waiting: dict[int, _Outcome] = {}
        self._unsaid: tuple[Ended, ...] = ()  # with readings that were too late
        count = workers or default_workers()
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{n}", daemon=True)
            for n in range(count)
        ]

    def start(self) -> None:
        """Begin; call it once."""
        if len(self._threads) > 1:
            # OpenCV's own pool would fight the workers for the same cores.
            cv2.setNumThreads(1)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the frames in hand; returns within STOP_TIMEOUT even if a stage hangs."""
        with self._ordering:
            self._ended = True
            self._ordering.notify_all()
        self._source.close()
        deadline = clock() + STOP_TIMEOUT
        for thread in self._threads:
            thread.join(max(0.0, deadline - clock()))
            if thread.is_alive():
                log.warning("%s still hangs in a stage after %s s", thread.name, STOP_TIMEOUT)

    def _work(self) -> None:
        while True:
            with self._capturing:
                self._wait_for_those_behind()
                if self._pace is not None:
                    self._wait_for_a_free_device(self._pace)
                if self._ended:
                    return
                turn = self._next_in
                self._next_in += 1
                taken = self._capture()
                if isinstance(taken, tuple):
                    plan = self._following.plan(taken[0]) if self._following else SEARCH
                    if self._pace is not None:
                        self._pace.take(search=plan.look == "detect")
                else:
                    self._ended = True
            if not isinstance(taken, tuple):
                self._deliver(turn, taken)
                return
            outcome = self._carry(*taken, plan)
            if self._pace is not None:
                self._pace.done(outcome.times.detection if isinstance(outcome, _Done) else 0.0)
            self._deliver(turn, outcome)

    def _wait_for_those_behind(self) -> None:
        if self._next_in - self._next_out < AHEAD:
            return
        with self._ordering:
            while self._next_in - self._next_out >= AHEAD and not self._ended:
                self._ordering.wait()

    def _wait_for_a_free_device(self, pace: Pace) -> None:
        until = clock() + pace.wait()
        with self._ordering:
            # No longer than it was expected to take: a frame that hangs must not hold all up.
            while not self._ended and (left := min(until - clock(), pace.wait())) > 0:
                self._ordering.wait(left)

    def _capture(self) -> tuple[Frame, float] | BaseException | None:
        """A frame and the seconds it took, or what ended the source."""
        began = clock()
        try:
            frame = self._source.read()
        except Exception as exc:  # noqa: BLE001 - a thread's border: raised again to the taker
            return exc
        if frame is None:
            return None
        # Waiting for a picture that did not exist yet is not work.
        return frame, clock() - max(began, frame.captured)

    def _carry(self, frame: Frame, capture: float, plan: Plan) -> _Outcome:
        if clock() - frame.captured > self._deadline:
            self._late()
            return "lost"
        try:
            faces, detection, classification = plan.faces, 0.0, 0.0
            if plan.look == "detect":
                with self._detecting:
                    began = clock()
                    faces = self._detector.detect(frame.image_bgr)
                    detection = clock() - began
            expressions: tuple[Expression, ...] = ()
            if faces:
                with self._classifying:
                    began = clock()
                    expressions = self._classifier.classify(Detected(frame, faces))
                    classification = clock() - began
        except Exception as exc:  # noqa: BLE001 - a thread's border: told, or raised to the taker
            if self._tolerate is None:
                return exc
            self._tolerate(exc)
            return "lost"
        height, width = frame.image_bgr.shape[:2]
        return _Done(
            frame.sequence,
            frame.captured,
            (width, height),
            frame.image_bgr if self._wants_picture() else None,
            faces,
            expressions,
            StageTimes(capture, detection, classification),
            plan,
        )

    def _wants_picture(self) -> bool:
        return self._preview() if callable(self._preview) else self._preview

    def _deliver(self, turn: int, outcome: _Outcome) -> None:
        """Hand out every outcome whose turn has come; the first that is no frame is the end."""
        with self._ordering:
            self._waiting[turn] = outcome
            while self._next_out in self._waiting:
                ready = self._waiting.pop(self._next_out)
                self._next_out += 1
                if isinstance(ready, _Done):
                    reading = self._reading(ready)
                    if reading.age > self._deadline:
                        self._unsaid = reading.ended
                        self._late()
                    else:
                        self._publish(reading)
                elif ready != "lost":
                    self._ended = True
                    self._next_out = -1  # nothing comes after the end
                    self._finish(ready)
            self._ordering.notify_all()

    def _reading(self, done: _Done) -> Reading:
        """Made when its turn has come, so that its age holds the wait for the frames before."""
        reading = Reading(
            sequence=done.sequence,
            captured=done.captured,
            published=clock(),
            size=done.size,
            faces=done.faces,
            expressions=done.expressions,
            times=done.times,
            image_bgr=done.image_bgr,
            look=done.plan.look,
        )
        if self._following is None:
            return reading
        tracked, ended = self._following.seen(done.plan, reading)
        ended, self._unsaid = (*self._unsaid, *ended), ()
        return dataclasses.replace(reading, tracked=tracked, ended=ended)


class _Done(NamedTuple):
    """A frame that went through all stages and waits for its turn: without its picture, as AHEAD
    of them would be 200 MB at 1080p."""

    sequence: int
    captured: float
    size: tuple[int, int]
    image_bgr: Image | None
    faces: tuple[Face, ...]
    expressions: tuple[Expression, ...]
    times: StageTimes
    plan: Plan


_Outcome = _Done | BaseException | Literal["lost"] | None
"""A frame, what ended it all, a frame that was lost, or the source's own end."""


def _entrance(exclusive: bool) -> Device | AbstractContextManager[None]:
    return Device() if exclusive else nullcontext()


def _asked(own: object, stage: object, name: str) -> Callable[[], Entrance | None]:
    """The entrance that frames come to: ours, or that of a stage which cameras share."""
    if isinstance(own, Device):
        return lambda: own
    return lambda: getattr(stage, name, None)
