from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgefer.bench.clip import Replay, load_clip
from edgefer.bench.measure import without_nan
from edgefer.bench.provenance import UNAVAILABLE, environment, git_state
from edgefer.bench.report import Report
from edgefer.cli import main
from edgefer.errors import ConfigError, SourceError
from edgefer.files import sha256
from tests.contracts import check_source
from tests.models import SPEC, tiny_onnx
from tests.plans import make_plan
from tests.tensorrt_double import PATH

QUICK = ["--frames", "30", "--warmup", "5", "--clip-frames", "10", "--detector", "haar"]


def test_a_replay_keeps_the_contract_and_counts_on() -> None:
    clip = load_clip("test://?frames=4&width=128&height=96", 10)
    assert len(clip.images) == 4
    check_source(Replay(clip, 10), at_least=10)
    frames = list(iter(Replay(clip, 10).read, None))
    assert len(frames) == 10
    assert (frames[9].image_bgr == clip.images[1]).all()


def test_the_same_clip_has_the_same_hash() -> None:
    first, second = (load_clip("test://?frames=3", 3) for _ in range(2))
    assert first.sha256 == second.sha256
    assert first.sha256 != load_clip("test://?frames=2", 3).sha256


def test_a_live_source_is_no_clip() -> None:
    with pytest.raises(SourceError, match="live"):
        load_clip("test://?fps=30", 3)


def test_two_engines_are_measured_and_told_with_provenance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tiny_onnx(tmp_path / "a_name_as_long_as_those_that_model_zoos_give_int8.onnx")
    out = tmp_path / "bench.json"
    args = ["bench", "--engine", "lightweight.onnx", "--engine", str(tiny), "--json", str(out)]
    assert main([*args, *QUICK]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    record = json.loads(out.read_text())
    assert record["schema"] == "edgefer.bench/1"
    assert record["environment"]["versions"]["numpy"] != UNAVAILABLE
    ours, theirs = record["engines"]
    assert (ours["parameters"], ours["parameters_from"]) == (2_893_395, "spec")
    assert (theirs["parameters"], theirs["parameters_from"]) == (21, "file")
    assert theirs["model_sha256"] == sha256(tiny)
    for engine in (ours, theirs):
        assert engine["frames"] == 30
        assert engine["warmup"] == 5
        assert engine["clip_sha256"] == record["clip"]["sha256"]
        serial = sum(1 / engine[f"{stage}_fps"] for stage in ("detection", "classification"))
        assert engine["serial_fps"] <= 1.001 / serial
        assert engine["overlap"] == pytest.approx(engine["total_fps"] / engine["serial_fps"])
        assert engine["efficiency"] == pytest.approx(engine["total_fps"] / engine["ceiling_fps"])
        assert engine["peak_rss_bytes"] > 20 << 20
        spread = engine["latency_ms"]["detection"]
        assert 0 < spread["p50"] <= spread["p95"] <= spread["p99"]
    assert ours["classification_fps"] < theirs["classification_fps"]
    assert Report.read_json(out).text() == text.rstrip("\n")


def test_markdown_is_one_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    assert main(["bench", "--engine", str(tiny), "--markdown", *QUICK]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert len({row.count("|") for row in rows}) == 1


def test_a_model_that_breaks_while_measured_is_told_with_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tiny_onnx(tmp_path / "nan.onnx", weight=math.nan)
    out = tmp_path / "bench.json"
    assert main(["bench", "--engine", str(broken), "--json", str(out), *QUICK]) == 6
    assert "nan" in capsys.readouterr().err
    assert not out.exists()


def test_what_was_measured_before_an_error_is_not_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tiny_onnx(tmp_path / "good.onnx")
    broken = tiny_onnx(tmp_path / "nan.onnx", weight=math.nan)
    engines = ["--engine", str(good), "--engine", str(broken)]
    assert main(["bench", *engines, *QUICK]) == 6
    assert "good" in capsys.readouterr().out


def test_a_clip_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.bench.clip.MOST_BYTES", 100_000)
    with pytest.raises(ConfigError, match="--clip-frames"):
        load_clip("test://?width=128&height=96", 5)


@pytest.mark.parametrize(
    "more",
    [
        ["--frames", "0"],
        ["--warmup", "0"],
        ["--engine", "absent.onnx"],
        ["--clip", "x.mp4"],
        ["--json", "/absent/r.json"],
    ],
)
def test_bad_arguments_are_refused(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *QUICK, *more]) in (2, 4, 5, 7)
    assert capsys.readouterr().err.splitlines()[-1].startswith("edgefer: error: ")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "edgefer.bench/1"}'])
def test_a_file_that_is_no_report_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigError):
        Report.read_json(tmp_path / "r.json")


def test_what_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    assert git_state(tmp_path) == UNAVAILABLE
    assert environment()["cores"]


def test_json_has_null_where_nothing_was_measured() -> None:
    assert without_nan({"a": [1.0, math.nan], "b": "x"}) == {"a": [1.0, None], "b": "x"}


def test_a_plan_is_measured_like_any_engine(tmp_path: Path) -> None:
    plan, out = tmp_path / "tiny.plan", tmp_path / "bench.json"
    manifest = make_plan(plan)
    device = {"EDGEFER_TRT_DOUBLE": "10.3.0.26", "EDGEFER_TRT_DOUBLE_CC": "8.7"}
    done = subprocess.run(
        [sys.executable, "-m", "edgefer", "bench", "--engine", plan, "--json", out, *QUICK],
        env={**os.environ, **device, "PYTHONPATH": PATH},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "tiny.plan" in done.stdout
    (engine,) = json.loads(out.read_text())["engines"]
    assert engine["model_sha256"] == manifest.plan_sha256
    assert (engine["precision"], engine["parameters"]) == ("fp16", SPEC.parameters)
    assert "tensorrt 10.3.0" in engine["runtime"]
