"""`benchmarks.following` measures what it says; how fast is for it to tell."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import claims, following
from benchmarks.following import Camera, Run, agreement, carried, gate_us, still, there_and_back
from edgefer.bench.clip import Clip, load_clip
from edgefer.classifier import Classifier
from edgefer.data import Box, Face, Look, Reading
from tests.drivers import FixedDetector, MeanEngine
from tests.scenes import looks, reading, square


def clip(frames: int = 6) -> Clip:
    return load_clip("test://?width=160&height=120", frames)


def run_of(look: Look, *readings: Reading) -> Run:
    seen = [dataclasses.replace(one, look=look) for one in readings]
    return Run(1.0, Counter({look: len(seen)}), seen)


def test_a_clip_goes_back_without_a_leap_and_bears_a_camera_s_times() -> None:
    four = clip(4)
    order = [next(n for n, one in enumerate(four.images) if one is image)
             for image in there_and_back(four).images]  # fmt: skip
    assert order == [0, 1, 2, 3, 2, 1]
    camera = Camera(there_and_back(four), 40)
    frames = [frame for frame in iter(camera.read, None) if frame is not None]
    assert frames[30].captured - frames[0].captured == 1.0


def test_agreement_is_of_the_nearest_face_and_a_missed_one_counts_as_nothing() -> None:
    here, there = square(100, 100), square(400, 100)
    right = reading(0.0, [here, there], [looks("happy"), looks("sad")])
    half = Box(here.x1, here.y1, here.x2, (here.y1 + here.y2) / 2)
    told = reading(0.0, [half], [looks("happy")])
    overlap, same = agreement(run_of("detect", right), run_of("follow", told))
    assert (overlap, same) == (0.25, 0.5)
    assert agreement(run_of("detect", right), run_of("follow", right)) == (1.0, 1.0)


def test_what_was_searched_has_nothing_to_agree_on() -> None:
    right = reading(0.0, [square(100, 100)])
    assert all(np.isnan(agreement(run_of("detect", right), run_of("detect", right))))


def test_a_run_tells_how_many_frames_were_not_searched() -> None:
    models = FixedDetector((Face(Box(10, 10, 60, 60), 0.9),)), Classifier(MeanEngine())
    assert carried(clip(), 30, models).skipped == 0
    assert 0.3 < carried(clip(), 60, models, detect_every=3).skipped < 0.7
    # While one worker searches, the frames of others are searched too: how long is for chance.
    assert carried(still(clip(1)), 300, models, still=following.STILL).skipped > 0.1


def test_the_gate_has_a_price() -> None:
    assert 0 < gate_us(clip(), 50) < 100_000


def test_all_of_it_is_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(claims, "RESULTS", tmp_path)
    monkeypatch.setattr(following, "PEOPLE", "demo://?seed=3&start=60")
    monkeypatch.setattr(following, "CLIP_FRAMES", 8)
    following.main(rounds=1, frames=24, detector="haar")
    record = json.loads((tmp_path / "following.json").read_text())
    assert len(record["claims"]) == 14
    assert "motion gate" in capsys.readouterr().out
