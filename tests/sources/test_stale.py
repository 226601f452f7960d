"""Cameras that deliver rubbish: opened again once, and then complained of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgefer.config import SourceConfig
from edgefer.data import Frame
from edgefer.sources import live
from edgefer.sources.live import LiveSource
from edgefer.sources.pattern import frame_number
from edgefer.timing import clock
from tests.sources.test_live import CAMERA, Warned, child_of, gone, next_of, opened

STALE = SourceConfig(timeout=20, stale=0.5, backoff=0.01, backoff_max=0.05)


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned()
    live.log.addHandler(handler)
    yield handler
    live.log.removeHandler(handler)


def read(source: LiveSource) -> int:
    """The next frame's number, whatever it shows."""
    frame = source.read()
    assert frame is not None
    return frame.sequence


@pytest.mark.parametrize(
    ("fault", "reason"), [("black_at=9", "black for 0.5 s"), ("freeze_at=9", "frozen for 0.5 s")]
)
def test_a_stale_picture_that_a_reopening_mends(fault: str, reason: str, warned: Warned) -> None:
    with opened(f"{CAMERA}&{fault}&once=1", STALE) as source:
        first = child_of(source)
        while source.reconnects == 0:
            read(source)
            assert source.complaint == ""
        assert gone(first, within=0)
        while frame_number(next_of(source).image_bgr) < 40:
            pass
        assert (source.reconnects, source.complaint, source.reason) == (1, "", "")
    assert len(warned.messages) == 1
    assert f": {reason} (opening it again)" in warned.messages[0]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("black_at=0", "black for 0.5 s"),
        ("black_at=1", "black for 0.5 s"),  # one good picture after each opening
        ("freeze_at=0", "frozen for 0.5 s"),
    ],
)
def test_a_picture_that_stays_stale_is_delivered_with_a_complaint(
    fault: str, complaint: str, warned: Warned
) -> None:
    with opened(f"{CAMERA}&{fault}", STALE) as source:
        while not source.complaint:
            sequence = read(source)
        end = sequence + 60  # 1.2 s, longer than it takes to be stale
        while sequence < end:
            sequence = read(source)
            assert (source.state, source.complaint) == ("live", complaint)
        assert source.reconnects == 1
    assert len(warned.messages) == 2
    assert "did not help" in warned.messages[1]


def test_a_complaint_ends_with_the_first_picture_that_is_good(
    warned: Warned, caplog: pytest.LogCaptureFixture
) -> None:
    black = np.zeros((96, 128, 3), np.uint8)
    good = np.random.default_rng(1).integers(0, 255, black.shape, np.uint8)
    config = SourceConfig(wait=True, stale=10, backoff=0.01)
    with caplog.at_level("INFO", logger=live.log.name), opened(CAMERA, config) as source:
        shown = [
            source._came(Frame(image, n, now))
            for n, (now, image) in enumerate([(0, black), (11, black), (12, black), (13, good)])
        ]
        assert shown == [True, False, True, True]
        assert source.complaint == ""
    assert "no longer black for 10 s" in caplog.text
    assert len(warned.messages) == 2


def test_a_drawn_scene_that_nobody_is_in_is_no_fault(warned: Warned) -> None:
    with opened("demo://?fps=200&start=510", SourceConfig(timeout=20, stale=0.1)) as source:
        while (frame := source.read()) and frame.sequence < 100:
            assert source.complaint == ""
        assert source.reconnects == 0
    assert warned.messages == []


def test_the_time_until_a_lost_camera_comes_again_proves_nothing(warned: Warned) -> None:
    config = SourceConfig(timeout=20, stale=1, backoff=0.01, backoff_max=0.05)
    with opened(f"{CAMERA}&black_at=0&die_at=2", config) as source:
        begun = clock()
        while clock() - begun < 1.5:
            read(source)
            assert source.complaint == ""
    assert all("status 70" in message for message in warned.messages)
