"""demo:// and test://: what their URLs mean, how they end, and how they fail on request."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading

import numpy as np
import pytest

from edgefer.data import Frame
from edgefer.errors import ConfigError, SourceError, SourceLost, UnknownName
from edgefer.protocols import Source
from edgefer.sources.pattern import frame_number
from edgefer.sources.synthetic import (
    EXIT_CODE,
    DemoOptions,
    DemoSource,
    PatternOptions,
    PatternSource,
    parse,
    pictures,
)
from edgefer.timing import clock

SMALL = PatternOptions(width=160, height=120)


def _drain(source: Source) -> list[Frame]:
    return list(iter(source.read, None))


@pytest.mark.parametrize(
    "source", [DemoSource(DemoOptions(frames=3)), PatternSource(PatternOptions(frames=3))]
)
def test_frames_are_counted_from_zero_and_end(source: Source) -> None:
    assert isinstance(source, Source)
    assert not source.live
    before = clock()
    frames = _drain(source)
    assert [frame.sequence for frame in frames] == [0, 1, 2]
    times = [before, *(frame.captured for frame in frames), clock()]
    assert times == sorted(times)
    assert source.read() is None


def test_without_frames_there_is_no_end() -> None:
    assert len(list(itertools.islice(pictures("test://?width=160&height=120"), 500))) == 500
    assert len(list(pictures("test://?width=160&height=120&frames=7"))) == 7


@pytest.mark.parametrize("url", ["demo://?seed=3&frames=3", "test://?frames=3"])
def test_pictures_are_the_pictures_of_the_source(url: str) -> None:
    options = parse(url)
    source = DemoSource(options) if isinstance(options, DemoOptions) else PatternSource(options)
    for picture, frame in zip(pictures(url), _drain(source), strict=True):
        assert np.array_equal(picture, frame.image_bgr)
        assert not np.shares_memory(picture, frame.image_bgr)


@pytest.mark.parametrize("url", ["demo://?frames=4", "test://?frames=4"])
def test_no_two_frames_share_memory(url: str) -> None:
    for one, other in itertools.combinations(pictures(url), 2):
        assert not np.shares_memory(one, other)


def test_a_url_without_options_means_the_defaults() -> None:
    assert parse("demo://") == DemoOptions()
    assert parse("test://") == PatternOptions()


def test_every_option_can_be_given_in_a_url() -> None:
    assert parse("demo://?seed=7&frames=600&fps=29.97") == DemoOptions(600, 29.97, seed=7)
    assert parse("test://?width=320&height=240&live=1&block_at=5&slow=0.5") == PatternOptions(
        live=True, width=320, height=240, block_at=5, slow=0.5
    )


@pytest.mark.parametrize(
    ("url", "from_camera"),
    [("demo://", False), ("demo://?fps=30", True), ("test://?live=1", True), ("test://", False)],
)
def test_a_pace_or_live_stands_for_a_camera(url: str, from_camera: bool) -> None:
    assert parse(url).from_camera is from_camera


@pytest.mark.parametrize("url", ["demo://?sead=1", "test://?wdith=320", "demo://?__init__=1"])
def test_an_unknown_option_is_refused(url: str) -> None:
    with pytest.raises(UnknownName) as refusal:
        parse(url)
    assert refusal.value.name in url
    assert refusal.value.nearest in {"seed", "width", None}
    assert "frames" in refusal.value.known


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(UnknownName) as refusal:
        parse("tset://")
    assert refusal.value.nearest == "test"


@pytest.mark.parametrize(
    "url",
    [
        "demo://?frames=many",
        "demo://?frames=-1",
        "demo://?frames=",
        "demo://?fps=nan",
        "demo://?seed=1&seed=2",
        "demo://somewhere",
        "test://?live=perhaps",
        "test://?width=10",
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        parse(url)


@pytest.mark.parametrize("fault", ["die_at", "end_at"])
def test_a_source_that_breaks_says_so_every_time(fault: str) -> None:
    source = PatternSource(PatternOptions(**{fault: 2}))  # type: ignore[arg-type]
    assert [frame.sequence for frame in (source.read(), source.read()) if frame] == [0, 1]
    for _ in range(2):
        with pytest.raises(SourceLost, match=fault):
            source.read()


def test_a_stream_that_ends_early_is_no_end() -> None:
    stream = pictures("test://?live=1&end_at=2&frames=5")
    assert [frame_number(next(stream)) for _ in range(2)] == [0, 1]
    with pytest.raises(SourceLost):
        next(stream)


def test_die_at_ends_the_process_that_draws() -> None:
    program = (
        "from edgefer.sources.pattern import frame_number\n"
        "from edgefer.sources.synthetic import pictures\n"
        "for picture in pictures('test://?live=1&die_at=3'):\n"
        "    print(frame_number(picture), flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == EXIT_CODE
    assert done.stdout.split() == [b"0", b"1", b"2"]
    assert done.stderr == b""


class _Announcing(PatternSource):
    """Says when a read has got as far as its fault."""

    def __init__(self, options: PatternOptions) -> None:
        super().__init__(options)
        self.reached = threading.Event()

    def _prepare(self, n: int) -> None:
        self.reached.set()
        super()._prepare(n)


@pytest.mark.parametrize("options", [PatternOptions(block_at=0), PatternOptions(slow=3600)])
def test_close_ends_a_read_that_waits(options: PatternOptions) -> None:
    source = _Announcing(options)
    answers: list[Frame | None] = []
    reader = threading.Thread(target=lambda: answers.append(source.read()), daemon=True)
    reader.start()
    assert source.reached.wait(30)
    assert reader.is_alive()
    source.close()
    source.close()
    reader.join(30)
    assert answers == [None]
    assert source.read() is None


def test_slow_takes_its_time() -> None:
    source = PatternSource(PatternOptions(slow=0.05, frames=2))
    before = clock()
    frames = _drain(source)
    assert clock() - before >= 0.1
    assert frames[0].captured < before + 0.05  # when reading began, not when it was done


def test_a_resized_stream_keeps_its_numbers() -> None:
    shapes = [
        (frame_number(picture), picture.shape)
        for picture in pictures("test://?resize_at=2&frames=4")
    ]
    assert shapes == [
        (0, (480, 640, 3)),
        (1, (480, 640, 3)),
        (2, (240, 320, 3)),
        (3, (240, 320, 3)),
    ]


def test_a_frozen_stream_repeats_its_picture() -> None:
    assert [frame_number(p) for p in pictures("test://?freeze_at=2&frames=5")] == [0, 1, 2, 2, 2]


def test_a_stream_is_slow_from_the_frame_on_that_was_asked_for() -> None:
    stream = pictures("test://?slow=0.2&slow_at=2&frames=3")
    begun = clock()
    next(stream), next(stream)
    quick = clock() - begun
    begun = clock()
    next(stream)
    assert quick < 0.2 <= clock() - begun


def test_a_fault_that_happens_once_spares_later_openings() -> None:
    url = "test://?live=1&frames=5&width=160&height=120&end_at=2&slow=0.05&once=1"
    with pytest.raises(SourceLost):
        [*pictures(url, 0)]
    begun = clock()
    for opening in (1, 2):
        later = [*pictures(url, opening)]
        assert [frame_number(picture) for picture in later] == [0, 1, 2, 3, 4]
        assert later[0].shape == (120, 160, 3)
    assert clock() - begun < 0.25


def test_an_absent_camera_fails_so_many_openings_and_its_faults_come_after_that() -> None:
    url = "test://?live=1&frames=5&end_at=2&once=1&absent=2"
    for opening in (0, 1):
        with pytest.raises(SourceError, match="absent"):
            next(pictures(url, opening))
    with pytest.raises(SourceLost):
        [*pictures(url, 2)]
    assert len([*pictures(url, 3)]) == 5


def test_what_is_no_camera_cannot_be_absent() -> None:
    with pytest.raises(ConfigError, match="live=1"):
        parse("test://?absent=1")


def test_a_black_stream_is_black() -> None:
    assert [bool(picture.any()) for picture in pictures("test://?black_at=1&frames=3")] == [
        True,
        False,
        False,
    ]
