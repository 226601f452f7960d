"""`benchmarks.scaling` measures what it says; how fast is for it to tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import claims, scaling
from benchmarks.curves import Point
from benchmarks.scaling import cost, marginal, tiled
from edgefer.config import DetectorConfig
from edgefer.detectors import open_detector


def point(faces: int, cpu_ms: float) -> Point:
    return Point(faces, 100.0, 10.0, 1000, cpu_ms, faces)


def test_a_cell_holds_a_face_that_a_detector_finds() -> None:
    clip = tiled(20)
    assert {image.shape for image in clip.images} == {(480, 640, 3)}
    finder = open_detector(DetectorConfig(name="haar"))
    found = [len(finder.detect(image)) for image in clip.images[:3]]
    assert min(found) >= 16
    assert len(finder.detect(tiled(1).images[0])) <= 1


def test_what_a_frame_and_a_face_cost_and_where_the_curve_bends() -> None:
    found = cost([point(n, 3.0 + 1.5 * n) for n in (1, 2, 5, 10, 20)])
    assert found.frame == pytest.approx(3.0)
    assert found.face == pytest.approx(1.5)
    assert found.knee == pytest.approx(2.0)


@pytest.mark.parametrize(("power", "ratio"), [(1.0, 1.0), (2.0, 30 / 11)])
def test_only_growth_beyond_linear_makes_the_last_faces_dearer(power: float, ratio: float) -> None:
    points = [point(n, 5 + n**power) for n in (1, 2, 5, 10, 20)]
    assert marginal(points, [(p.cpu_ms, p.cpu_ms) for p in points]) == pytest.approx([ratio] * 2)


def test_curves_claims_and_figures_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'edgefer[charts]'")
    monkeypatch.setattr(claims, "RESULTS", tmp_path)
    monkeypatch.setattr(scaling, "FACES", (2, 5, 10))
    scaling.main(rounds=1, frames=8, detector="haar")
    record = json.loads((tmp_path / "scaling.json").read_text())
    assert [case["n"] for case in record["faces"]] == [2, 5, 10]
    assert [(case["n"], case["frames"]) for case in record["cameras"]] == [(1, 8), (2, 8), (4, 8)]
    assert all(case["cpu_ms"] > 0 for case in record["faces"])
    assert record["cost"]["knee"] == pytest.approx(record["cost"]["frame"] / record["cost"]["face"])
    assert (tmp_path / "scaling.png").read_bytes().startswith(b"\x89PNG")
    assert "cost" in capsys.readouterr().out
