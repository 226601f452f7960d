from __future__ import annotations

import asyncio
import threading
import weakref
from contextlib import aclosing

import numpy as np
import pytest

from edgefer.classifier import Classifier
from edgefer.data import Image, Reading
from edgefer.errors import InferenceError, OutputError, SourceLost
from edgefer.pipeline import READINGS_KEPT, run
from edgefer.protocols import Detector, Engine, Sink, Source
from edgefer.timing import clock
from edgefer.workers import AHEAD, Tolerance
from tests.drivers import FixedDetector, MeanEngine, PictureSource, RecordingSink


async def collect(
    source: Source,
    detector: Detector | None = None,
    engine: Engine | None = None,
    sinks: tuple[Sink, ...] = (),
    *,
    workers: int = 4,
    preview: bool = False,
    tolerate: Tolerance | None = None,
) -> list[Reading]:
    readings = run(
        source,
        detector or FixedDetector(),
        Classifier(engine or MeanEngine()),
        sinks,
        workers=workers,
        preview=preview,
        tolerate=tolerate,
    )
    async with aclosing(readings):
        return [reading async for reading in readings]


def test_every_frame_of_a_file_comes_out_once_and_in_order() -> None:
    rng = np.random.default_rng(0)
    late = threading.Event()

    def uneven(_: Image) -> None:
        late.wait(float(rng.random()) / 500)

    out = asyncio.run(collect(PictureSource(300), FixedDetector(at=uneven)))
    assert [reading.sequence for reading in out] == list(range(300))


def test_each_reading_belongs_to_its_own_frame() -> None:
    out = asyncio.run(collect(PictureSource(100)))
    for reading in out:
        label = reading.expressions[0]
        assert label.probs.index(1.0) == reading.sequence % 256 % 7


def test_frames_are_carried_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)
    out = asyncio.run(collect(PictureSource(2), FixedDetector(at=lambda _: both.wait()), workers=2))
    assert len(out) == 2  # a single worker would have broken the barrier


def test_an_exclusive_stage_is_entered_by_one_worker_at_a_time() -> None:
    inside, most = 0, 0
    lock = threading.Lock()
    pause = threading.Event()

    def enter(_: Image) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        pause.wait(0.001)
        with lock:
            inside -= 1

    asyncio.run(collect(PictureSource(60), FixedDetector(exclusive=True, at=enter)))
    assert most == 1


def test_all_faces_of_a_frame_go_in_one_call_and_a_frame_without_makes_none() -> None:
    engine = MeanEngine()
    faces = FixedDetector().detect(np.zeros((8, 8, 3), np.uint8)) * 5
    asyncio.run(collect(PictureSource(3), FixedDetector(faces), engine))
    assert engine.calls == [5, 5, 5]
    empty = MeanEngine()
    out = asyncio.run(collect(PictureSource(3), FixedDetector(()), empty))
    assert empty.calls == []
    assert [reading.times.classification for reading in out] == [0.0] * 3


def test_no_frame_is_kept_unless_a_preview_was_asked_for() -> None:
    plain = asyncio.run(collect(PictureSource(3)))
    assert [reading.image_bgr for reading in plain] == [None] * 3
    preview = asyncio.run(collect(PictureSource(3), preview=True))
    assert all(reading.image_bgr is not None for reading in preview)


def test_waiting_for_a_lock_is_not_counted_as_stage_time() -> None:
    pause = threading.Event()
    out = asyncio.run(
        collect(
            PictureSource(40),
            FixedDetector(exclusive=True, at=lambda _: pause.wait(0.01)),
            workers=4,
        )
    )
    # With four workers before one lock the wait is three times the work.
    middle = sorted(reading.times.detection for reading in out)[20]
    assert 0.01 <= middle < 0.025


@pytest.mark.parametrize("workers", [1, 4])
def test_an_error_of_the_source_comes_after_all_its_good_frames(workers: int) -> None:
    async def scenario() -> int:
        sink = RecordingSink()
        with pytest.raises(SourceLost):
            await collect(
                PictureSource(50, error=SourceLost("cut")), sinks=(sink,), workers=workers
            )
        assert sink.closed == 1
        return len(sink.readings)

    assert asyncio.run(scenario()) == 50


def test_an_error_of_a_stage_ends_the_run_and_is_raised() -> None:
    with pytest.raises(InferenceError):
        asyncio.run(collect(PictureSource(50), engine=MeanEngine(answer=float("nan"))))


@pytest.mark.parametrize("workers", [1, 3])
def test_a_tolerated_error_costs_its_frame_and_no_other(workers: int) -> None:
    told: list[Exception] = []

    def fail(image: Image) -> None:
        if image[0, 0, 0] % 10 == 3:
            raise InferenceError("this one not")

    out = asyncio.run(
        collect(PictureSource(50), FixedDetector(at=fail), workers=workers, tolerate=told.append)
    )
    assert [reading.sequence for reading in out] == [n for n in range(50) if n % 10 != 3]
    assert [type(error) for error in told] == [InferenceError] * 5


def test_a_source_s_error_is_not_tolerated() -> None:
    told: list[Exception] = []
    with pytest.raises(SourceLost):
        asyncio.run(collect(PictureSource(5, error=SourceLost("cut")), tolerate=told.append))
    assert told == []


def test_one_frame_that_hangs_lets_only_so_many_others_be_carried() -> None:
    release, source = threading.Event(), PictureSource(500)

    async def scenario() -> int:
        hang = FixedDetector(at=lambda image: None if image[0, 0, 0] else release.wait(10))
        readings = run(source, hang, Classifier(MeanEngine()), workers=2)
        async with aclosing(readings):
            asyncio.get_running_loop().call_later(0.5, release.set)
            first = await anext(readings)
            assert first.sequence == 0
            carried = source.given
            rest = [reading.sequence async for reading in readings]
        assert rest == list(range(1, 500))
        return carried

    release_at = asyncio.run(scenario())
    assert release_at <= AHEAD + READINGS_KEPT


def test_frames_that_wait_for_one_that_hangs_hold_no_pictures() -> None:
    release, pictures = threading.Event(), list[weakref.ref[Image]]()

    def at(image: Image) -> None:
        pictures.append(weakref.ref(image))
        if not image[0, 0, 0]:
            release.wait(10)
        elif len(pictures) == AHEAD:
            alive.append(sum(picture() is not None for picture in pictures))
            release.set()

    alive: list[int] = []
    asyncio.run(collect(PictureSource(AHEAD), FixedDetector(at=at), workers=2))
    assert len(alive) == 1
    assert alive[0] <= 3  # one of each worker, and perhaps the one that is just handed over


def test_a_sink_that_fails_ends_the_run_and_all_sinks_are_closed() -> None:
    async def scenario() -> tuple[RecordingSink, RecordingSink]:
        bad, good = RecordingSink(fails_at=10), RecordingSink()
        with pytest.raises(OutputError):
            await collect(PictureSource(10_000), sinks=(bad, good))
        return bad, good

    bad, good = asyncio.run(scenario())
    assert len(bad.readings) == 10
    assert (bad.closed, good.closed) == (1, 1)


def test_a_sink_that_fails_at_the_last_reading_is_not_overlooked() -> None:
    with pytest.raises(OutputError):
        asyncio.run(collect(PictureSource(5), sinks=(RecordingSink(fails_at=4),)))


def test_a_slow_sink_loses_nothing_of_a_file() -> None:
    async def scenario() -> list[int]:
        gate = asyncio.Event()
        slow = RecordingSink(gate=gate)
        asyncio.get_running_loop().call_later(0.2, gate.set)
        await collect(PictureSource(5 * READINGS_KEPT), sinks=(slow,))
        return [reading.sequence for reading in slow.readings]

    assert asyncio.run(scenario()) == list(range(5 * READINGS_KEPT))


def test_a_slow_sink_of_a_live_source_keeps_the_newest_and_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> tuple[list[int], list[int]]:
        gate = asyncio.Event()
        slow, fast = RecordingSink(gate=gate), RecordingSink()
        source = PictureSource(5 * READINGS_KEPT, live=True)
        readings = run(source, FixedDetector(), Classifier(MeanEngine()), (slow, fast), workers=2)
        async with aclosing(readings):
            async for reading in readings:
                if reading.sequence == 5 * READINGS_KEPT - 1:
                    gate.set()
        return [r.sequence for r in slow.readings], [r.sequence for r in fast.readings]

    slow, fast = asyncio.run(scenario())
    assert slow[-READINGS_KEPT:] == list(range(4 * READINGS_KEPT, 5 * READINGS_KEPT))
    assert len(slow) <= READINGS_KEPT + 1
    assert f"too slow: {5 * READINGS_KEPT - len(slow)} dropped" in caplog.text
    assert len(fast) > len(slow)


def test_leaving_early_ends_within_three_seconds_even_if_the_camera_blocks() -> None:
    async def scenario() -> float:
        sink = RecordingSink()
        source = PictureSource(10, live=True, blocks=True)
        readings = run(source, FixedDetector(), Classifier(MeanEngine()), (sink,), workers=2)
        async with aclosing(readings):
            async for reading in readings:
                if reading.sequence == 9:
                    break
            began = clock()
        assert sink.closed == 1
        return clock() - began

    assert asyncio.run(scenario()) < 3


def test_a_stage_that_hangs_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    async def scenario() -> float:
        hang = FixedDetector(at=lambda image: release.wait() if image[0, 0, 0] else None)
        readings = run(PictureSource(5), hang, Classifier(MeanEngine()), workers=1)
        async with aclosing(readings):
            await anext(readings)
            began = clock()
        return clock() - began

    took = asyncio.run(scenario())
    release.set()
    assert took < 3.5
    assert "hangs" in caplog.text


def test_the_loop_is_never_blocked() -> None:
    async def scenario() -> float:
        worst, running = 0.0, True

        async def heartbeat() -> None:
            nonlocal worst
            while running:
                began = clock()
                await asyncio.sleep(0.005)
                worst = max(worst, clock() - began)

        pulse = asyncio.create_task(heartbeat())
        pause = threading.Event()
        slow = FixedDetector(at=lambda _: pause.wait(0.3))
        await collect(PictureSource(4), slow, workers=2)
        running = False
        await pulse
        return worst

    assert asyncio.run(scenario()) < 0.25
