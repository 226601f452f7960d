"""The benchmarks measure what they say; how fast is for `make bench` to tell."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    calibration,
    cameras,
    claims,
    enginehost,
    exclusive,
    handover,
    pipeline,
    tracking,
    web,
)
from benchmarks.claims import Claim, in_turns
from benchmarks.faults.__main__ import FAULTS
from benchmarks.faults.outcome import Outcome, Row
from benchmarks.faults.tail import Seen, Tail
from benchmarks.readme import service
from benchmarks.slopes import BLOCKS, line
from benchmarks.slowed import Slowed
from benchmarks.soak import Sample, logged
from edgefer.bench import child
from edgefer.bench.clip import load_clip
from edgefer.classifier import Classifier
from edgefer.config import TrackingConfig
from edgefer.engines.shared import SharedEngine
from edgefer.protocols import Engine
from edgefer.timing import clock
from tests.drivers import BusyEngine, FixedDetector, MeanEngine


def test_cases_take_turns_and_the_first_round_is_discarded() -> None:
    order: list[str] = []

    def case(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = in_turns({"a": lambda: case("a"), "b": lambda: case("b")}, 2)
    assert order == ["a", "b"] * 3
    assert found == {"a": (3.0, 5.0), "b": (4.0, 6.0)}


@pytest.mark.parametrize(
    ("goal", "values", "met"),
    [(">= 1.85", (1.8, 1.9, 2.0), True), (">= 1.95", (1.8, 1.9, 2.0), False),
     ("<= 5", (1.0, 4.0, 9.0), True), ("<= 3", (1.0, 4.0, 9.0), False)],
)  # fmt: skip
def test_the_median_is_held_against_the_goal(
    goal: str, values: tuple[float, ...], met: bool
) -> None:
    assert Claim("c", goal, "x", values, "how").met is met


def test_a_missed_goal_is_kept_and_printed_as_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claims, "RESULTS", tmp_path)
    claims.report("x", Claim("speed", ">= 2", "x", (1.0,), "how"))
    assert "MISSED" in capsys.readouterr().out
    (claim,) = json.loads((tmp_path / "x.json").read_text())["claims"]
    assert (claim["median"], claim["met"]) == (1.0, False)


def test_the_loop_and_the_pipeline_do_the_same_work() -> None:
    clip = load_clip("test://?frames=3&width=128&height=96", 3)
    engine = MeanEngine()
    seconds = pipeline.loop(clip, FixedDetector(), Classifier(engine), 20)
    assert (len(seconds), len(engine.calls)) == (20, 20)
    fps, ages = asyncio.run(pipeline.pipeline(clip, FixedDetector(), Classifier(engine), 20))
    assert (len(ages), len(engine.calls)) == (20, 40)
    assert fps > 0


def test_exclusive_stages_cannot_beat_the_slower_one() -> None:
    share = asyncio.run(exclusive.share_of_the_slower_stage(12, 2))
    assert 0.5 < share < 1.15


def test_handing_over_costs_processor_time() -> None:
    for way in (handover.plain, handover.workers, handover.published):
        assert 0 < way(200) < 10_000


@pytest.mark.parametrize("opened", [enginehost.in_process, enginehost.hosted])
def test_a_round_trip_to_an_engine_takes_time_and_brings_an_answer(
    opened: Callable[[], Engine],
) -> None:
    engine = opened()
    rate, p99_us = enginehost.round_trips(engine, 20)
    assert 0 < rate < 1e6
    assert p99_us > 0
    assert engine.infer(np.zeros((2, *enginehost.FACE), np.float32)).shape == (2, enginehost.LABELS)
    engine.close()


@pytest.mark.parametrize("engine", [SharedEngine(cameras.Emulated()), cameras.OneByOne()])
def test_each_camera_is_seen_by_itself(engine: Engine) -> None:
    seen = cameras.side_by_side(engine, (1, cameras.CROWD), 0.8)
    for camera in seen:
        assert 0 < camera.fps < 1 / cameras.CALL * cameras.WORKERS
        assert camera.p99_ms > cameras.CALL * 1000


def test_only_the_crowds_boxes_are_each_a_candidate_for_its_neighbours_track() -> None:
    for distance, candidate in ((tracking.CROWDED, True), (tracking.APART, False)):
        for reading in tracking.scene(3, distance, 20):
            one, other, _ = (face.box for face in reading.faces)
            assert (one.iou(other) >= TrackingConfig().min_iou) is candidate
    assert tracking.microseconds(tracking.scene(2, tracking.APART, 20)) > 0


def test_a_slope_is_found_with_its_error_and_the_warm_up_is_left_out() -> None:
    x = [float(n) for n in range(200)]
    steady = line(x, [9999.0] * 100 + [5.0] * 100, "rss", "hour", 0.1)
    assert (steady.slope, steady.error, steady.n, steady.discarded) == (0, 0, 100, 100)
    noisy = line(x, [2 * at + (3 if at // 7 % 2 else -3) for at in x], "rss", "hour", 0.1)
    assert abs(noisy.slope - 2) < 2 * noisy.error
    assert 0 < noisy.error < 0.1


@pytest.mark.parametrize(("slope", "flat"), [(-1.0, True), (0.0, True), (0.05, True), (1.0, False)])
def test_growth_that_is_sure_and_that_matters_is_not_flat(slope: float, flat: bool) -> None:
    x = [float(n) for n in range(2 * BLOCKS)]
    assert line(x, [slope * at for at in x], "rss", "hour", 0.1).flat is flat


def test_a_half_line_that_is_taken_back_is_not_read(tmp_path: Path) -> None:
    path, seen = tmp_path / "lines", list[Seen]()
    path.write_bytes(b'{"message": "a"}\n{"message": "never')
    tail = Tail(path, seen)
    tail.look()
    os.truncate(path, 17)
    with path.open("ab") as file:
        file.write(b'{"message": "b"}\n')
    tail.look()
    assert [one.message for one in seen] == ["a", "b"]


def test_too_few_samples_make_no_line() -> None:
    with pytest.raises(ValueError, match="too few"):
        line([1.0] * 20, [1.0] * 20, "rss", "hour", 0.1)


def test_a_part_of_a_soak_that_is_complete_is_not_run_again(tmp_path: Path) -> None:
    sample = Sample(1.0, 30, 0, 1000, 20, 12, 1, 500, 0)
    runs = []

    def run(keep: Callable[[Sample], None]) -> dict[str, int]:
        runs.append(1)
        keep(sample)
        return {"posts": 3}

    for _ in range(2):
        assert logged(tmp_path / "part.jsonl", run) == ([sample], {"posts": 3})
    assert len(runs) == 1
    whole = (tmp_path / "part.jsonl").read_text()
    (tmp_path / "part.jsonl").write_text(whole.splitlines()[0] + "\n")
    logged(tmp_path / "part.jsonl", run)
    assert len(runs) == 2


GOOD = Outcome(10.0, 20.0, 0, None, "told", ())


@pytest.mark.parametrize(
    ("outcomes", "needed"),
    [
        ((GOOD, GOOD), False),
        ((GOOD, dataclasses.replace(GOOD, recovered_ms=None)), True),
        ((GOOD, dataclasses.replace(GOOD, wrong=("a file is open",))), True),
        ((), True),
    ],
)
def test_a_person_is_needed_unless_each_time_all_was_well_again(
    outcomes: tuple[Outcome, ...], needed: bool
) -> None:
    assert Row("fault", "how", "when", outcomes).person_needed is needed


@pytest.mark.parametrize(
    "name", ["camera's process killed", "engine's process killed", "broker gone", "disk full"]
)
def test_a_fault_is_done_noticed_and_over(name: str, tmp_path: Path) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == name)
    row = fault.run(tmp_path, 1)
    assert not row.person_needed, row
    (outcome,) = row.outcomes
    assert outcome.said
    assert outcome.noticed_ms is not None


def test_the_names_of_faults_are_different() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_the_readmes_tables_of_the_daemon_tell_what_was_measured() -> None:
    for table, words in ((service.faults(), "person needed"), (service.soak(), "slope")):
        assert words in table
        assert max(map(len, table.splitlines())) <= 100


def test_no_fault_needs_a_person() -> None:
    assert "**yes**" not in service.faults()


def test_a_picture_over_http_is_held_against_the_bare_call() -> None:
    pytest.importorskip("jinja2", reason="pip install 'edgefer[web]'")
    claim = web.predict_against_bare(rounds=1, pictures=3)
    (ratio,) = claim.values
    assert ratio > 0.3, "HTTP takes no time away"
    assert "640x480" in claim.how


def test_a_slowed_engine_spends_a_ninth_more_and_answers_the_same() -> None:
    engine = BusyEngine(0.01)
    slowed = Slowed(engine)
    batch = np.zeros((1, 3, 8, 8), np.float32)
    began = clock()
    answers = slowed.infer(batch)
    passed = clock() - began
    (spent,) = engine.ledger.spent(0, 1)
    assert passed >= spent * 10 / 9 * 0.999
    assert (answers == MeanEngine().infer(batch)).all()


@pytest.mark.parametrize(
    ("model", "file", "of"),
    [(False, "calibration", "benchmarks.injected"), (True, "calibration-model", child.ROUNDS)],
)
def test_the_bench_is_checked_by_its_own_protocol(
    model: bool,
    file: str,
    of: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(claims, "RESULTS", tmp_path)
    calibration.main(repeats=1, count=2, frames=20, model=model)
    (record,) = (json.loads(path.read_text()) for path in tmp_path.iterdir())
    assert (tmp_path / f"{file}.json").exists()
    assert len(record["claims"]) == (4 if model else 2)
    assert "slowed" in record["claims"][0]["how"]
    assert capsys.readouterr().err.startswith(f"{of} 1: ")
