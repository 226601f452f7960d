from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgefer.config import CameraConfig, Config, DaemonConfig, SourceConfig
from edgefer.daemon import camera as module
from edgefer.daemon.camera import Camera
from edgefer.daemon.models import Models
from edgefer.daemon.outlets import Outlets
from edgefer.data import Image, Reading
from edgefer.errors import ConfigError, InferenceError
from edgefer.events import Event
from edgefer.health import Health
from edgefer.sinks.metrics import Metrics
from edgefer.timing import clock
from tests.daemon.test_models import opened
from tests.drivers import FixedDetector, MeanEngine, PictureSource


class RecordingOutlets(Outlets):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.events: list[dict[str, Any]] = []
        self.times_away = 0

    def read(self, camera: str, reading: Reading) -> None:
        assert camera == "door"
        self.readings.append(reading)

    def watched(self, camera: str) -> bool:
        assert camera == "door"
        return False

    def away(self, camera: str) -> None:
        assert camera == "door"
        self.times_away += 1

    def tell(self, camera: str, event: Event) -> None:
        assert camera == "door"
        self.events.append(event.as_record())


class Scene:
    """One camera over doubles; `until` runs it."""

    def __init__(self, url: str, detector: FixedDetector | None = None, restarts: int = 5) -> None:
        source = SourceConfig(url=url, backoff=0.01, backoff_max=0.02, wait=True)
        config = Config(source=source, daemon=DaemonConfig(restarts=restarts))
        self.health = Health()
        self.metrics, self.outlets = Metrics(self.health), RecordingOutlets()
        engine = self.health.part("engine")
        engine.report("ok")
        models = Models(opened(MeanEngine(), detector), engine, lambda: None)
        self.camera = Camera(
            CameraConfig("door", source),
            config,
            models,
            self.outlets,
            self.metrics,
            self.health.part("camera door"),
            workers=2,
        )

    def until(self, condition: Callable[[], bool]) -> None:
        async def scenario() -> None:
            task = asyncio.create_task(self.camera.run())
            deadline = clock() + 20
            try:
                while not condition() and not task.done():
                    assert clock() < deadline
                    await asyncio.sleep(0.005)
            finally:
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled():
                task.result()

        asyncio.run(scenario())

    def page(self) -> str:
        return self.metrics.text().decode()


def test_readings_are_counted_and_go_out_with_their_events() -> None:
    scene = Scene("test://?frames=30&width=160&height=120")
    scene.until(lambda: len(scene.outlets.readings) >= 30)
    assert [r.sequence for r in scene.outlets.readings][:30] == list(range(30))
    assert 'edgefer_frames_total{camera="door",look="detect"} 30.0' in scene.page()
    assert scene.camera.status()["looks"] == {"detect": 30, "follow": 0, "still": 0}
    assert [e["event"] for e in scene.outlets.events] == ["face_appeared", "face_left"]
    assert scene.outlets.times_away == 1


def test_a_source_that_ends_is_opened_again() -> None:
    scene = Scene("test://?frames=5&width=160&height=120")
    scene.until(lambda: len(scene.outlets.readings) >= 15)
    assert [r.sequence for r in scene.outlets.readings][:15] == [*range(5)] * 3


def test_a_source_that_is_not_there_is_waited_for_and_the_reason_is_told() -> None:
    scene = Scene("absent.mp4")
    scene.until(lambda: scene.camera.part.standing.state == "recovering")
    assert "absent.mp4" in scene.camera.part.standing.reason
    assert scene.health.live().good
    assert not scene.health.ready().good


def test_a_url_that_cannot_be_meant_is_not_tried_again() -> None:
    with pytest.raises(ConfigError, match="sed"):
        Scene("demo://?sed=1").until(lambda: False)


def test_a_frame_that_fails_is_lost_once_and_counted_by_its_error() -> None:
    seen: list[Image] = []

    def fail(image: Image) -> None:
        seen.append(image)
        if len(seen) == 4:
            raise InferenceError("once")

    scene = Scene("test://?frames=20&width=160&height=120", FixedDetector(at=fail))
    scene.until(lambda: len(scene.outlets.readings) >= 19)
    page = scene.page()
    assert 'edgefer_frames_dropped_total{camera="door",reason="InferenceError"} 1.0' in page
    assert "overtaken" not in page


def test_frames_that_nobody_fetched_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_open", lambda _: PictureSource(5, skip=2))
    scene = Scene("test://")
    scene.until(lambda: len(scene.outlets.readings) >= 5)
    dropped = 'edgefer_frames_dropped_total{camera="door",reason="overtaken"} '
    assert dropped + "8.0" in scene.page()


def test_a_bug_is_begun_anew_within_the_budget_and_then_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened_so_often = 0

    def broken(_: CameraConfig) -> PictureSource:
        nonlocal opened_so_often
        opened_so_often += 1
        return PictureSource(2, error=ZeroDivisionError("a bug"))

    monkeypatch.setattr(module, "_open", broken)
    with pytest.raises(ZeroDivisionError):
        Scene("test://", restarts=3).until(lambda: False)
    assert opened_so_often == 4


def test_a_camera_that_is_away_leaves_nobody_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_open", lambda _: PictureSource(5, live=True, blocks=True))
    scene = Scene("test://")

    def left() -> bool:
        scene.camera.look(models_recover=False)
        return any(event["event"] == "face_left" for event in scene.outlets.events)

    scene.until(left)
    assert left()
    assert scene.camera.status()["frames"] == 5


def test_a_live_camera_that_is_lost_is_told_to_be_away() -> None:
    scene = Scene("test://?live=1&fps=50&width=160&height=120&die_at=5&once=1")

    def back() -> bool:
        scene.camera.look(models_recover=False)
        readings = scene.outlets.readings
        return bool(readings) and readings[-1].sequence > 10

    scene.until(back)
    assert scene.outlets.times_away == 2  # when it died, and at the end
    assert 'edgefer_reconnects_total{camera="door"} 1.0' in scene.page()


def test_the_models_recovery_is_not_held_against_the_camera() -> None:
    scene = Scene("test://")
    part = scene.health.part("impatient", patience=0.0)
    camera = dataclasses.replace(scene.camera.camera, name="other")
    other = Camera(
        camera, Config(), scene.camera._models, scene.outlets, scene.metrics, part, workers=1
    )
    part.report("ok")
    before = part._progressed
    other.look(models_recover=False)
    assert part._progressed == before
    other.look(models_recover=True)
    assert part._progressed > before
    assert np.isnan(other.recent.rates().total)
