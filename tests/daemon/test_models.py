from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from edgefer.classifier import Classifier
from edgefer.daemon import models
from edgefer.daemon.models import GRACE, STEADY, Models, Opened
from edgefer.data import Detected, Frame
from edgefer.engines.shared import SharedEngine, TakingTurns
from edgefer.errors import InferenceError
from edgefer.health import Health
from edgefer.protocols import Detector, Engine
from tests.contracts import check_detector
from tests.drivers import FACE, FixedDetector, MeanEngine

IMAGE = np.zeros((32, 32, 3), np.uint8)
DETECTED = Detected(Frame(IMAGE, 0, 0.0), (FACE,))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(models, "clock", made)
    return made


class Closing(MeanEngine):
    """Remembers that it was closed; `gate` holds each call up."""

    def __init__(self, gate: threading.Event | None = None, answer: float | None = None) -> None:
        super().__init__(answer=answer)
        self.closed, self.entered = threading.Event(), threading.Event()
        self._gate = gate

    def infer(self, batch: np.ndarray) -> np.ndarray:
        self.entered.set()
        if self._gate is not None:
            assert self._gate.wait(20)
        if self.closed.is_set():
            raise InferenceError("closed under a call")
        return super().infer(batch)

    def close(self) -> None:
        self.closed.set()


def opened(engine: Engine, detector: Detector | None = None) -> Opened:
    return Opened(
        detector or FixedDetector(), engine, engine, Classifier(engine), Path("model.onnx"), None
    )


class Watched:
    """Models over an engine, their part, and how often they asked to be mended."""

    def __init__(self, engine: Engine, detector: Detector | None = None) -> None:
        self.health, self.asked = Health(lambda: models.clock()), 0  # type: ignore[attr-defined]
        self.part = self.health.part("engine", patience=10)
        self.part.report("ok")
        self.models = Models(opened(engine, detector), self.part, self._ask)

    def _ask(self) -> None:
        self.asked += 1

    def fail(self) -> None:
        with pytest.raises(InferenceError):
            self.models.classify(DETECTED)

    @property
    def state(self) -> str:
        return self.part.standing.state


def test_the_models_are_a_detector_as_any_other() -> None:
    check_detector(Watched(MeanEngine()).models, IMAGE)


def test_models_tell_of_the_devices_that_cameras_share_and_of_the_new_ones_once_replaced() -> None:
    watched = Watched(MeanEngine())
    assert watched.models.detecting is None
    assert watched.models.classifying is None
    engine, detector = SharedEngine(MeanEngine()), TakingTurns(FixedDetector())
    watched.models.replace(opened(engine, detector))
    assert watched.models.detecting is detector.detecting
    assert watched.models.classifying is engine.classifying


def test_a_fault_is_declared_and_over_after_a_steady_time(clock: Clock) -> None:
    watched = Watched(MeanEngine(answer=float("nan")))
    watched.fail()
    assert watched.state == "recovering"
    assert "the engine: mean answered nan" in watched.part.standing.reason
    watched.models.look()
    assert watched.state == "recovering"
    clock.now += STEADY + 0.1
    watched.models.look()
    assert watched.state == "ok"


def test_nothing_but_faults_for_a_while_asks_once_to_be_mended(clock: Clock) -> None:
    watched = Watched(MeanEngine(answer=float("nan")))
    for _ in range(5):
        watched.fail()
        clock.now += GRACE / 4
    assert watched.asked == 0
    for _ in range(5):
        clock.now += GRACE / 4
        watched.fail()
    assert watched.asked == 1
    clock.now += STEADY + 0.1
    watched.models.look()
    assert watched.state == "recovering"  # not before somebody has mended it
    watched.models.replace(opened(MeanEngine()))
    watched.models.look()
    assert watched.state == "ok"


def test_faults_with_nobody_in_sight_between_them_are_mended_too(clock: Clock) -> None:
    watched = Watched(MeanEngine(answer=float("nan")))
    for _ in range(2):
        watched.fail()
        clock.now += GRACE / 2 + STEADY
        watched.models.look()
    assert watched.asked == 0
    watched.fail()
    assert watched.asked == 1


def test_an_answer_in_between_is_no_reason_to_be_mended(clock: Clock) -> None:
    engine = MeanEngine()
    watched = Watched(engine)
    for _ in range(10):
        engine._answer = float("nan")
        watched.fail()
        clock.now += GRACE / 2
        engine._answer = None
        watched.models.classify(DETECTED)
    assert watched.asked == 0


def test_a_detector_that_fails_is_told_as_such(clock: Clock) -> None:  # noqa: ARG001
    def fail(_: object) -> None:
        raise InferenceError("no face today")

    watched = Watched(MeanEngine(), FixedDetector(at=fail))
    with pytest.raises(InferenceError):
        watched.models.detect(IMAGE)
    assert watched.part.standing.reason == "the detector: no face today"


def test_replaced_models_are_closed_once_their_last_frame_has_left() -> None:
    gate = threading.Event()
    old, new = Closing(gate), Closing()
    watched = Watched(old)
    answers: list[object] = []
    caller = threading.Thread(target=lambda: answers.append(watched.models.classify(DETECTED)))
    caller.start()
    assert old.entered.wait(20)
    replacing = threading.Thread(target=watched.models.replace, args=(opened(new),))
    replacing.start()
    assert len(watched.models.classify(DETECTED)) == 1  # by the new one, while the old one works
    assert new.entered.is_set()
    assert not old.closed.is_set()
    gate.set()
    for thread in (caller, replacing):
        thread.join(20)
    assert old.closed.is_set()
    assert len(answers) == 1


def test_nothing_is_kept_of_replaced_models() -> None:
    engine = Closing()
    watched, gone = Watched(engine), weakref.ref(engine)
    watched.models.classify(DETECTED)
    del engine
    watched.models.replace(opened(Closing()))
    gc.collect()
    assert gone() is None


def test_no_frame_is_lost_while_models_are_replaced_over_and_over() -> None:
    watched, stop = Watched(Closing()), threading.Event()
    faults: list[BaseException] = []

    def call() -> None:
        while not stop.is_set():
            try:
                watched.models.classify(DETECTED)
            except InferenceError as exc:
                faults.append(exc)

    callers = [threading.Thread(target=call) for _ in range(3)]
    for caller in callers:
        caller.start()
    for _ in range(100):
        watched.models.replace(opened(Closing()))
    stop.set()
    for caller in callers:
        caller.join(20)
    assert faults == []


def test_a_frame_that_hangs_is_no_progress(clock: Clock) -> None:
    gate = threading.Event()
    engine = Closing(gate)
    watched = Watched(engine)
    caller = threading.Thread(target=watched.models.classify, args=(DETECTED,))
    caller.start()
    assert engine.entered.wait(20)
    for _ in range(5):
        clock.now += 2
        watched.models.look()
    assert watched.health.live().good
    clock.now += 0.5  # not its patience once more
    watched.models.look()
    assert not watched.health.live().good
    gate.set()
    caller.join(20)
    watched.models.look()
    assert watched.health.live().good
