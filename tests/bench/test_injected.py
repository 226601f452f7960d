"""The bench against an independent clock: named drivers with a known cost, injected busily.

A machine that is busy with other work adds to what was injected, so what the bench reports is held
against what the drivers themselves measured, on another clock, in the same frames: never less than
was injected, and on a quiet machine just that. Whether two runs of the same thing compare as the
same, and a slower one as slower, takes minutes: `python -m benchmarks.calibration`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any

import pytest

from edgefer.bench.child import Watched
from edgefer.bench.clip import Clip, load_clip
from edgefer.bench.gate import Examined, Gate
from edgefer.bench.measure import summary
from edgefer.bench.measurement import Measurement
from edgefer.bench.rounds import Job, Series, call, play
from edgefer.bench.sampling import Sampler
from edgefer.config import Config, PipelineConfig
from tests.drivers import BusyDetector, BusyEngine, _raw

FRAMES = 200
WITHIN = 0.03

EXAMINED = Examined("busy", "", None, "file", None, "fp32", "8x8x3", "busy", "", "",
                    Gate(True, ""), None)  # fmt: skip


@pytest.fixture(scope="module")
def clip() -> Clip:
    return load_clip("test://?frames=7&width=128&height=128", 7)


def silent(_: dict[str, Any]) -> None:
    """Nobody watches."""


def job(workers: int = 1, frames: int = FRAMES, **more: Any) -> Job:
    config = Config(pipeline=PipelineConfig(workers=workers))
    return Job(config, "test://", 7, 50, frames, **more)


def measured(series: Series, of: Job) -> Measurement:
    with Sampler() as sampler:
        pass
    return summary(of, EXAMINED, [Watched(series, sampler.sampled, 0.0)])


def counted(driver: BusyDetector | BusyEngine, of: Measurement) -> list[float]:
    """Seconds of the calls that were counted, each as long as was injected or longer."""
    spent = driver.ledger.spent(of.rounds[0].warmup, of.frames)
    assert min(spent) >= driver.seconds
    return spent


Calls = list[tuple[float, float]]


def rate_agrees(fps: float, inner: Sequence[float], outer: Sequence[float]) -> bool:
    """Whether a rate is that of the calls, within 3 %. `inner` are the seconds of the drivers' own
    work, `outer` those from the work before to the work after: they are the same but where the
    machine took the processor away just between two readings of a clock."""
    return fmean(inner) * (1 - WITHIN) <= 1 / fps <= fmean(outer) * (1 + WITHIN)


def gaps(before: Calls, after: Calls) -> list[float]:
    """Seconds from the end of each call to the beginning of the one that it is paired with."""
    return [begin - end for (_, end), (begin, _) in zip(before, after, strict=True)]


def total_agrees(m: Measurement, calls: Calls, ahead: int = 1) -> bool:
    """Whether the total is that of the engine's calls, within 3 %. A frame comes out after its own
    call, and before the one that begins `ahead` frames later where that came."""
    first, last = m.rounds[0].warmup, m.rounds[0].warmup + m.frames - 1
    least = calls[last][1] - calls[first - 1 + ahead][0]
    until = calls[last + ahead][0] if last + ahead < len(calls) else _raw()
    most = until - calls[first - 1][1]
    return least * (1 - WITHIN) <= m.rounds[0].seconds <= most * (1 + WITHIN)


def near(expected: float, within: float = WITHIN) -> Any:  # Any: pytest names no type for it
    return pytest.approx(expected, rel=within)


def test_each_stage_and_the_total_are_what_was_injected_within_3_percent(clip: Clip) -> None:
    detector, engine = BusyDetector(0.004), BusyEngine(0.006)
    m = measured(play(clip, detector, engine, one := job(), silent), one)
    first = m.rounds[0].warmup
    detecting = counted(detector, m)
    engine_calls = engine.ledger.calls[first - 1 : first + FRAMES]
    assert rate_agrees(m.detection_fps, detecting, gaps(engine_calls[:-1], engine_calls[1:]))
    assert m.latency_ms["detection"].p50 == near(1000 * median(detecting))
    # Classification is the engine with crop and decode, and lies between two detections.
    calls = detector.ledger.calls[first : first + FRAMES + 1]
    between = [after[0] - before[1] for before, after in pairwise(calls)]
    least, most = fmean(counted(engine, m)), fmean(between)
    assert 1 / m.classification_fps / least >= 1 - WITHIN
    assert 1 / m.classification_fps / most <= 1 + WITHIN
    p50 = m.latency_ms["classification"].p50 / 1000
    assert p50 / median(counted(engine, m)) >= 1 - WITHIN
    assert p50 / median(between) <= 1 + WITHIN
    assert total_agrees(m, engine.ledger.calls)


def test_two_exclusive_stages_reach_the_slower_ones_rate(clip: Clip) -> None:
    detector = BusyDetector(0.003, exclusive=True)
    engine = BusyEngine(0.006, exclusive=True)
    m = measured(play(clip, detector, engine, one := job(workers=2), silent), one)
    assert total_agrees(m, engine.ledger.calls, ahead=2)
    assert m.total_fps.mean <= 1.03 * m.ceiling_fps <= 1.06 / fmean(counted(engine, m))


def test_the_engine_alone_is_what_was_injected_within_3_percent() -> None:
    engine = BusyEngine(0.004)
    series, over = call(engine, one := job(mode="engine"), silent), _raw()
    m = measured(series, one)
    first, calls = m.rounds[0].warmup, [*engine.ledger.calls, (over, over)]
    outer = gaps(calls[first - 1 : first + FRAMES - 1], calls[first + 1 : first + FRAMES + 1])
    assert rate_agrees(m.classification_fps, counted(engine, m), outer)
    assert total_agrees(m, engine.ledger.calls)
    assert m.latency_ms["classification"].p50 == near(1000 * median(counted(engine, m)))


def test_a_stall_of_10_ms_every_100_frames_shows_in_p99_and_in_the_verdict() -> None:
    engine = BusyEngine(0.002, stall=0.01)
    m = measured(call(engine, one := job(mode="engine", frames=1000), silent), one)
    spread = m.latency_ms["classification"]
    assert spread.p99 is not None
    assert spread.p99 >= 12
    assert spread.p50 == near(1000 * median(counted(engine, m)))
    assert any("stalls" in reason for reason in m.verdict)


def test_a_stall_in_one_worker_shows_in_the_age_of_the_frames_behind_it(clip: Clip) -> None:
    engine = BusyEngine(0.002, stall=0.02)
    m = measured(play(clip, BusyDetector(0.001), engine, one := job(2, 1000), silent), one)
    age = m.latency_ms["age"]
    assert age.p99 is not None
    assert age.p99 >= 20
    assert any("stalls" in reason for reason in m.verdict)


def test_a_camera_faster_than_the_stages_loses_frames(clip: Clip) -> None:
    engine = BusyEngine(0.01)
    m = measured(play(clip, BusyDetector(0.0), engine, one := job(paced=200.0), silent), one)
    assert total_agrees(m, engine.ledger.calls)
    came = 200 * m.rounds[0].seconds
    late = 200 * m.latency_ms["age"].max / 1000  # frames that came while one was carried
    assert m.frames + m.dropped == pytest.approx(came, abs=3 + late)
    assert m.dropped >= FRAMES / 2


def test_a_camera_slower_than_the_stages_sets_the_rate(clip: Clip) -> None:
    one = job(paced=100.0, frames=300)
    m = measured(play(clip, BusyDetector(0.0), BusyEngine(0.001), one, silent), one)
    # Late by what other work holds up, never early: 3 % of three seconds are 90 ms of it.
    assert m.total_fps.mean <= 103
    assert m.frames + m.dropped >= 0.9 * 100 * m.rounds[0].seconds
