from __future__ import annotations

import asyncio
import dataclasses
import shutil
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.data import Image, Tracked
from edgefer.errors import OutputError
from edgefer.sinks.annotate import INK, annotate
from edgefer.sinks.video import AnnotatedVideo
from tests.contracts import check_sink
from tests.drivers import reading


def grey(width: int = 160, height: int = 120) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def frames_of(path: Path) -> int:
    reader = cv2.VideoCapture(str(path))
    count = 0
    while reader.read()[0]:
        count += 1
    return count


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    asyncio.run(check_sink(AnnotatedVideo(tmp_path / "out.mp4", 30)))
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]
    assert frames_of(tmp_path / "out.mp4") == 3


def test_dropped_frames_are_filled_so_that_time_runs_true(tmp_path: Path) -> None:
    async def scenario() -> None:
        sink = AnnotatedVideo(tmp_path / "out.mp4", 30)
        for sequence in (5, 6, 10):
            await sink.put(reading(sequence, image_bgr=grey()))
        await sink.close()

    asyncio.run(scenario())
    assert frames_of(tmp_path / "out.mp4") == 6


def test_without_a_frame_no_file_is_left(tmp_path: Path) -> None:
    asyncio.run(AnnotatedVideo(tmp_path / "out.mp4", 30).close())
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_refused_and_the_video_so_far_is_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        sink = AnnotatedVideo(tmp_path / "out.mp4", 30)
        await sink.put(reading(0, image_bgr=grey()))
        with pytest.raises(OutputError, match="frame 1 is 320x240"):
            await sink.put(reading(1, image_bgr=grey(320, 240)))
        await sink.close()

    asyncio.run(scenario())
    assert frames_of(tmp_path / "out.mp4") == 1


def test_a_disk_that_fills_ends_the_video_while_it_can_still_be_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")

    async def scenario() -> None:
        sink = AnnotatedVideo(tmp_path / "out.mp4", 30)
        for n in range(16):
            await sink.put(reading(n, image_bgr=grey()))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30, 2**20))
        with pytest.raises(OutputError, match="full"):
            await sink.put(reading(16, image_bgr=grey()))
        await sink.close()

    asyncio.run(scenario())
    assert frames_of(tmp_path / "out.mp4") == 16


def test_frames_that_never_reached_the_disk_are_noticed(tmp_path: Path) -> None:
    async def scenario() -> None:
        sink = AnnotatedVideo(tmp_path / "out.mp4", 30)
        await sink.put(reading(0, image_bgr=grey()))
        sink._written += 100  # as if OpenCV had swallowed a hundred failed writes
        await sink.close()

    with pytest.raises(OutputError, match="1 of 101"):
        asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["absent/out.mp4", "out.avi"])
def test_a_path_that_cannot_be_is_refused_at_once(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot save"):
        AnnotatedVideo(tmp_path / name, 30)


def test_a_track_is_drawn_with_its_number_and_the_expression_it_holds() -> None:
    plain = reading(0, image_bgr=grey())
    (face,) = plain.faces
    followed = [
        dataclasses.replace(plain, tracked=(Tracked(n, face, face.box, 0, 3, True, label="sad"),))
        for n in (1, 7)
    ]
    assert {one.shown for one in followed} == {(("sad", 0.0),)}
    assert plain.shown == (("happy", 0.75),)
    pictures = [annotate(grey(), one).tobytes() for one in (plain, *followed)]
    assert len(set(pictures)) == 3


def test_annotation_draws_on_a_copy() -> None:
    image = grey()
    picture = annotate(image, reading(0, image_bgr=image))
    assert (image == 128).all()
    assert (picture[4:29, 4] == INK).all(axis=-1).any()
