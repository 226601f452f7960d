from __future__ import annotations

import asyncio
import math
from contextlib import aclosing

import numpy as np
import pytest

from edgefer.classifier import Classifier
from edgefer.config import DetectorConfig, PipelineConfig, SourceConfig, TrackingConfig
from edgefer.data import Box, Face, Frame, Image, Look, Reading, StageTimes
from edgefer.detectors import open_detector
from edgefer.following import REFRESH, SELDOM, Following
from edgefer.pipeline import run
from edgefer.sources import open_source
from edgefer.timing import clock
from tests.drivers import FixedDetector, MeanEngine, PictureSource
from tests.drivers import reading as a_reading
from tests.scenes import looks

ROOM = np.random.default_rng(0).integers(40, 200, (240, 320, 3), np.uint8)


def following(
    *, every: int = 1, still: float = 0.0, workers: int = 1, live: bool = True, hits: int = 1
) -> Following:
    config = PipelineConfig(detect_every=every, still=still)
    return Following(config, TrackingConfig(hits=hits), workers=workers, live=live)


class Watched:
    """Frames shown to a Following one by one, each read before the next is planned."""

    def __init__(self, one: Following, *, fps: float = 30.0) -> None:
        self.one, self.fps, self.n = one, fps, 0
        self.times = StageTimes(0.0, 0.0, 0.0)
        self.face = Face(Box(100, 100, 150, 150), 0.9)
        self.label = "happy"
        self.reading: Reading | None = None

    def show(self, image_bgr: Image = ROOM) -> Look:
        at = self.n / self.fps
        plan = self.one.plan(Frame(image_bgr, self.n, at))
        faces = (self.face,) if plan.look == "detect" else plan.faces
        read = a_reading(self.n, faces=faces, image_bgr=image_bgr, times=self.times)
        expressions = (looks(self.label, 0.8),) * len(faces)
        read = Reading(self.n, at, at, read.size, faces, expressions, self.times, look=plan.look)
        tracked, ended = self.one.seen(plan, read)
        assert len(tracked) == len(faces)
        self.tracked, self.ended = tracked, ended
        self.reading = read
        self.n += 1
        return plan.look


def test_by_default_every_frame_is_searched() -> None:
    watched = Watched(following())
    assert {watched.show() for _ in range(20)} == {"detect"}


def test_between_two_searches_faces_are_followed_where_they_are_expected() -> None:
    watched = Watched(following(every=3))
    seen = []
    for n in range(30):
        x = 100 + 4 * n
        watched.face = Face(Box(x, 100, x + 50, 150), 0.9)
        seen.append(watched.show())
        assert watched.reading is not None
        if n > 6:
            (face,) = watched.reading.faces
            assert face.box.iou(watched.face.box) > 0.8
            assert watched.tracked[0].track == 1
    assert seen[6:] == ["detect", "follow", "follow"] * 8
    assert watched.one.looks["detect"] == seen.count("detect")


def test_a_face_that_is_new_is_searched_for_until_it_counts() -> None:
    watched = Watched(following(every=5, hits=3))
    assert [watched.show() for _ in range(8)] == ["detect"] * 3 + ["follow"] * 4 + ["detect"]


def test_a_still_picture_is_not_searched_but_once_a_second() -> None:
    watched = Watched(following(still=0.002))
    seen = [watched.show() for _ in range(90)]
    assert seen.count("detect") == math.ceil(90 / 30 / REFRESH)
    assert set(seen) == {"detect", "still"}
    assert watched.tracked[0].track == 1  # never lost meanwhile
    assert watched.tracked[0].hits == 90


def test_a_sensor_s_noise_is_still_and_something_that_comes_is_not() -> None:
    rng = np.random.default_rng(1)
    watched = Watched(following(still=0.002))
    watched.show()
    for _ in range(10):
        noise = rng.normal(0, 5, ROOM.shape)
        assert watched.show(np.clip(ROOM + noise, 0, 255).astype(np.uint8)) == "still"
    moved = ROOM.copy()
    moved[100:130, 100:130] = 255 - moved[100:130, 100:130]
    assert watched.show(moved) == "detect"


def test_another_size_of_frame_is_searched() -> None:
    watched = Watched(following(still=1.0))
    assert [watched.show(), watched.show()] == ["detect", "still"]
    assert watched.show(ROOM[:120]) == "detect"


@pytest.mark.parametrize(
    ("detection", "classification", "workers", "every"),
    [
        (0.010, 0.005, 1, 1),  # 15 of 33 ms: each frame
        (0.050, 0.005, 1, 3),  # 50 / (0.85 * 33 - 5) = 2.1
        (0.050, 0.005, 2, 1),
        (0.050, 0.050, 1, SELDOM),  # classification alone is too much
    ],
)
def test_the_machine_searches_as_often_as_the_camera_s_pace_allows(
    detection: float, classification: float, workers: int, every: int
) -> None:
    watched = Watched(following(every=0, workers=workers))
    watched.times = StageTimes(0.0, detection, classification)
    for _ in range(60):
        watched.show()
    assert watched.one.every == every


def test_a_file_waits_and_is_searched_whole() -> None:
    watched = Watched(following(every=0, live=False))
    watched.times = StageTimes(0.0, 0.5, 0.5)
    assert {watched.show() for _ in range(20)} == {"detect"}


def test_a_track_that_ended_between_plan_and_reading_no_longer_counts() -> None:
    watched = Watched(following(every=5))
    watched.show()
    plan = watched.one.plan(Frame(ROOM, 1, 1 / 30))
    assert plan.look == "follow"
    watched.one.finish()
    tracked, _ = watched.one.seen(plan, a_reading(1, faces=plan.faces))
    assert [one.confirmed for one in tracked] == [False]


def test_after_another_opening_numbers_go_on() -> None:
    watched = Watched(following())
    watched.show()
    assert [end.track for end in watched.one.finish()] == [1]
    watched.n = 0
    watched.show()
    assert watched.tracked[0].track == 2


def test_readings_of_a_run_carry_their_tracks_and_say_where_faces_are_from() -> None:
    async def scenario() -> list[Reading]:
        one = following(every=4)
        readings = run(
            PictureSource(40),
            FixedDetector(),
            Classifier(MeanEngine()),
            workers=2,
            following=one,
        )
        async with aclosing(readings):
            return [reading async for reading in readings]

    readings = asyncio.run(scenario())
    assert [reading.sequence for reading in readings] == list(range(40))
    assert {len(reading.tracked) for reading in readings} == {1}
    assert {reading.look for reading in readings} == {"detect", "follow"}
    followed = [reading for reading in readings if reading.look == "follow"]
    assert all(reading.times.detection == 0 for reading in followed)
    assert {reading.tracked[0].track for reading in followed} == {1}


def test_a_drawn_face_that_moves_is_followed_where_detection_finds_it() -> None:
    """Searched every third frame, against searched in each."""

    async def readings_of(every: int) -> list[Reading]:
        source = open_source("demo://?seed=3&start=40&frames=60", SourceConfig())
        detector = open_detector(DetectorConfig(name="haar"), 1)
        one = following(every=every, live=False, hits=3)
        readings = run(source, detector, Classifier(MeanEngine()), workers=1, following=one)
        async with aclosing(readings):
            return [reading async for reading in readings]

    each, third = asyncio.run(readings_of(1)), asyncio.run(readings_of(3))
    overlaps, travelled = [], []
    for found, followed in zip(each, third, strict=True):
        if followed.look == "follow" and found.faces:
            box = found.faces[0].box
            overlaps.append(max((f.box.iou(box) for f in followed.faces), default=0.0))
            travelled.append(box.x1 / box.width)
    assert len(overlaps) > 25
    assert max(travelled) - min(travelled) > 0.5, "it hardly moves"
    assert np.median(overlaps) > 0.75


def test_a_followed_face_keeps_an_expression_that_does_not_flicker() -> None:
    one = following(every=3)
    watched = Watched(one)
    shown = set()
    for n in range(60):
        watched.label = "sad" if n % 3 == 1 else "happy"
        watched.show()
        if n:
            shown.add(watched.tracked[0].label)
    assert one.looks["follow"] == 40
    assert shown == {"happy"}


def test_a_frame_that_is_too_old_is_not_published_and_told() -> None:
    late = 0

    def tell() -> None:
        nonlocal late
        late += 1

    class Old(PictureSource):
        def read(self) -> Frame | None:
            frame = super().read()
            if frame is None or frame.sequence % 2:
                return frame
            return Frame(frame.image_bgr, frame.sequence, clock() - 1)

    async def scenario() -> list[int]:
        readings = run(
            Old(10, live=True),
            FixedDetector(),
            Classifier(MeanEngine()),
            workers=1,
            deadline=0.9,
            late=tell,
        )
        async with aclosing(readings):
            return [reading.sequence async for reading in readings]

    assert asyncio.run(scenario()) == [1, 3, 5, 7, 9]
    assert late == 5
