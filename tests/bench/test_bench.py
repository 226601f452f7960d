from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import pytest

from edgefer.bench.child import measure_round
from edgefer.bench.clip import PacedReplay, Replay, load_clip
from edgefer.bench.layout import text as text_of
from edgefer.bench.measurement import without_nan
from edgefer.bench.provenance import UNAVAILABLE, command_line, environment, git_state
from edgefer.bench.report import Report
from edgefer.bench.rounds import Job
from edgefer.cli import main
from edgefer.cli.bench import duration
from edgefer.config import Config
from edgefer.errors import ConfigError, EdgeferError, SourceError
from edgefer.files import sha256
from edgefer.timing import clock
from tests.bench.rows import report
from tests.contracts import check_source
from tests.models import SPEC, tiny_onnx
from tests.plans import make_plan
from tests.tensorrt_double import PATH

T = TypeVar("T")

TRAINED = dataclasses.replace(SPEC, recipe="tests 1")
ALONE = ["--frames", "30", "--warmup", "5", "--clip-frames", "10", "--rounds", "1"]
"""For --mode engine, which takes no option of the pipeline."""
QUICK = [*ALONE, "--detector", "haar", "--detector-size", "160"]


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


def test_two_engines_are_measured_in_turns_and_told_with_provenance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tiny_onnx(tmp_path / "a_name_as_long_as_those_that_model_zoos_give_int8.onnx")
    out, table = tmp_path / "bench.json", tmp_path / "bench.csv"
    args = ["bench", "--engine", "lightweight.onnx", "--engine", str(tiny), "--json", str(out)]
    assert main([*args, *QUICK, "--rounds", "3", "--csv", str(table)]) == 0
    text, told = capsys.readouterr()
    assert max(map(len, text.splitlines())) <= 80
    turns = [line.partition(",")[0] for line in told.splitlines() if "round" in line]
    assert turns == ["lightweight.onnx", str(tiny)] * 3
    record = json.loads(out.read_text())
    assert record["schema"] == "edgefer.bench/3"
    assert record["environment"]["versions"]["numpy"] != UNAVAILABLE
    ours, theirs = record["engines"]
    assert (ours["parameters"], ours["parameters_from"]) == (2_893_395, "spec")
    assert (theirs["parameters"], theirs["parameters_from"]) == (21, "file")
    assert theirs["model_sha256"] == sha256(tiny)
    for engine in (ours, theirs):
        assert engine["frames"] == 90
        assert [one["frames"] for one in engine["rounds"]] == [30] * 3
        assert all(one["warmup"] >= 5 for one in engine["rounds"])
        assert engine["clip_sha256"] == record["clip"]["sha256"]
        serial = sum(1 / engine[f"{stage}_fps"] for stage in ("detection", "classification"))
        assert engine["serial_fps"] <= 1.001 / serial
        total = engine["total_fps"]
        assert total["low"] < total["mean"]
        assert engine["overlap"] == pytest.approx(total["mean"] / engine["serial_fps"])
        assert engine["efficiency"] == pytest.approx(total["mean"] / engine["ceiling_fps"])
        assert engine["peak_rss_bytes"] > 20 << 20
        assert engine["cpu_percent"] > 0
        spread = engine["latency_ms"]["detection"]
        assert 0 < spread["p50"] <= spread["p90"] <= spread["p95"] <= spread["max"]
        assert spread["p99"] is None  # of 90 frames
        assert engine["gate"]["passed"] is True
    assert ours["classification_fps"] < theirs["classification_fps"]
    assert "† a_name" in text
    report = Report.read_json(out)
    assert text_of(report) == text.rstrip("\n")
    report.write_json(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == out.read_text()
    assert len(table.read_text().splitlines()) == 3


def test_markdown_is_a_wide_table_and_one_of_latencies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    assert main(["bench", "--engine", str(tiny), "--markdown", *QUICK]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert "UNSTABLE" in rows[2]  # one round proves nothing
    wide, latencies = rows[:3], rows[3:]
    assert len({row.count("|") for row in wide}) == 1
    assert [row.split("|")[2].strip() for row in latencies] == [
        "stage", "--:", "capture", "detection", "classification", "age"
    ]  # fmt: skip


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
    assert main(["bench", *engines, *QUICK, "--rounds", "2"]) == 6
    text, told = capsys.readouterr()
    assert "good" in text
    assert f"{good}, round 2 of 2" in told
    assert f"{broken}, round 2" not in told


def test_a_clip_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.bench.clip.MOST_BYTES", 100_000)
    with pytest.raises(ConfigError, match="--clip-frames"):
        load_clip("test://?width=128&height=96", 5)


@pytest.mark.parametrize(
    "more",
    [
        ["--frames", "0"],
        ["--rounds", "0"],
        ["--batch", "2"],
        ["--paced", "-1"],
        ["--mode", "engine", "--paced", "30"],
        ["--csv", "/absent/r.csv"],
        ["--zoo", "/absent"],
        ["--warmup", "0"],
        ["--engine", "absent.onnx"],
        ["--clip", "x.mp4"],
        ["--json", "/absent/r.json"],
    ],
)
def test_bad_arguments_are_refused(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *QUICK, *more]) in (2, 4, 5, 7)
    assert capsys.readouterr().err.splitlines()[-1].startswith("edgefer: error: ")


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--paced", "0"], "--paced is 0; it takes 0.1"),
        (["--mode", "engine", "--paced", "0"], "--paced is 0"),
        (["--sustain", "0s"], "--sustain takes a time above 0"),
        (["--mode", "engine", "--detect-every", "3", "--still", "0"], "--detect-every, --still: "),
        (["--mode", "engine", "--detector", "haar"], "--detector: of the pipeline"),
    ],
)
def test_what_would_be_ignored_is_refused(
    args: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *ALONE, *args]) == 2
    assert why in capsys.readouterr().err


def test_a_file_that_is_no_regular_one_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert main(["bench", *QUICK, "--json", str(tmp_path / "pipe")]) == 7
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("clip", ["no.mp4", "demo://?sed=1", "", "test://?fps=30", "damaged.png"])
def test_a_clip_that_cannot_be_held_is_refused_before_an_engine_is_examined(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("damaged.png").write_bytes(b"no picture")
    assert main(["bench", *QUICK, "--clip", clip]) in (2, 4)
    assert len(capsys.readouterr().err.splitlines()) == 1  # nothing was begun


@pytest.mark.parametrize("batch", ["0", "1025", "100000"])
def test_a_call_takes_so_many_faces_and_no_more(
    batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--mode", "engine", *ALONE, "--batch", batch]) == 2
    assert f"--batch is {batch}; it takes 1 to 1024" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rates.jpg", "rates.svg", "rates.txt", "rates"])
def test_a_chart_is_not_written_under_another_formats_name(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *QUICK, "--chart", str(tmp_path / name)]) == 2
    assert "rates.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args",
    [
        ["--engine", "tiny.onnx", "--json", "tiny.onnx"],
        ["--zoo", ".", "--csv", "tiny.onnx"],
        ["--config", "over.toml", "--json", "over.toml"],
        ["--clip", "clip.png", "--csv", "clip.png"],
        ["--clip", ".", "--chart", "clip.png"],
        ["compare", "a.json", "b.json", "--csv", "b.json"],
    ],
)
def test_bench_does_not_overwrite_what_it_reads(
    args: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_onnx(Path("tiny.onnx"))
    Path("over.toml").write_text("[engine]\nthreads = 1\n")
    Path("over.toml").chmod(0o600)
    cv2.imwrite("clip.png", np.zeros((48, 64, 3), np.uint8))
    for name in ("a.json", "b.json"):
        report().write_json(Path(name))
    before = {path: path.read_bytes() for path in Path().iterdir()}
    assert main(["bench", *([] if args[0] == "compare" else ALONE), *args]) == 2
    assert f"{args[-1]} would be overwritten: this command reads it" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize("two", [("--csv", "--json"), ("--chart", "--json"), ("--csv", "--chart")])
def test_two_outputs_of_one_name_are_refused_before_anything_is_measured(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "same.png")
    assert main(["bench", *QUICK, two[0], out, two[1], out]) == 2
    assert "it is named for two outputs" in capsys.readouterr().err


def test_a_file_is_no_folder_to_write_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert main(["bench", *QUICK, "--json", str(tmp_path / "a.json" / "x")]) == 7
    assert len(capsys.readouterr().err.splitlines()) == 1  # nothing was begun


@pytest.mark.parametrize(
    ("started", "typed"),
    [
        (["/venv/bin/python3", "/venv/bin/edgefer", "bench", "--clip", "/a/b"],
         ("edgefer", "bench", "--clip", "/a/b")),
        (["/usr/bin/python3", "-m", "edgefer", "bench"], ("python3", "-m", "edgefer", "bench")),
        (["/usr/bin/python3", "/home/me/measure.py", "x"], ("python3", "measure.py", "x")),
    ],
)  # fmt: skip
def test_the_command_that_a_result_names_can_be_typed(
    started: list[str], typed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "orig_argv", started)
    assert command_line() == typed


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not JSON"),
        ("[]", "it names no schema"),
        ("{}", "it names no schema"),
        ('{"schema": "edgefer.bench/1"}', "its schema is edgefer.bench/1"),
        ('{"schema": "edgefer.bench/3"}', "it has no engines"),
        ('{"schema": "edgefer.bench/3", "engines": []}', "it holds no engine"),
        ('{"schema": "edgefer.bench/3", "engines": 3}', "its fields are not those of"),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_words(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ConfigError, match=f"it is no result of edgefer bench: {why}"):
        Report.read_json(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"total_fps": 0}, "is 0; it must be above 0"),
        ({"total_fps": -3.0}, "is -3; it must be above 0"),
        ({"total_fps": None}, "is nan; it must be above 0"),
        ({"total_fps": math.inf}, "is inf; it must be above 0"),
        ({"total_fps": "fast"}, 'total_fps is "fast", no number'),
        ({"cpu_ms": -1.0}, "is -1 ms"),
        (None, "a.onnx has no round"),
    ],
)
def test_rounds_that_cannot_be_are_refused(
    changed: dict[str, object] | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = report().to_json()
    rounds = record["engines"][0]["rounds"]
    record["engines"][0]["rounds"] = [] if changed is None else [*rounds[1:], rounds[0] | changed]
    path = str(tmp_path / "r.json")
    Path(path).write_text(json.dumps(record))
    assert main(["bench", "compare", path, path]) == 2
    assert why in capsys.readouterr().err


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
    assert engine["gate"]["passed"] is True
    assert engine["gate"]["reference"] == "tiny.onnx"


def test_a_wrong_engine_is_printed_and_marked_and_has_no_rank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan's FP32 form lies beside it: here with other weights than the plan was built from."""
    right = tiny_onnx(tmp_path / "tiny.onnx", TRAINED)
    wrong = tiny_onnx(tmp_path / "tiny_int8.onnx", TRAINED, weight=-1.0, quantised=True)
    engines = ["--engine", str(right), "--engine", str(wrong)]
    out = tmp_path / "bench.json"
    assert main(["bench", *engines, "--json", str(out), "--mode", "engine", *ALONE]) == 0
    text = capsys.readouterr().out
    assert "! tiny_int8: no rank, wrong answers" in text.replace("\n  ", " ")
    report = Report.read_json(out)
    assert [report.rank(m) for m in report.engines] == [1, None]
    assert [report.unlike(m) for m in report.engines] == [(), ("precision",)]
    assert [m.gate.passed for m in report.engines] == [True, False]


def test_an_engine_that_nothing_vouches_for_is_ranked_but_said_to_be_unchecked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = tiny_onnx(tmp_path / "alone_int8.onnx", TRAINED, quantised=True)
    assert main(["bench", "--engine", str(alone), "--mode", "engine", *ALONE]) == 0
    assert "alone_int8: answers not checked" in capsys.readouterr().out


def test_the_engine_alone_is_measured_in_faces(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, out = tiny_onnx(tmp_path / "tiny.onnx"), tmp_path / "bench.json"
    args = ["--mode", "engine", "--batch", "4", "--json", str(out)]
    assert main(["bench", "--engine", str(tiny), *args, *ALONE]) == 0
    text = capsys.readouterr().out
    assert "faces/s" in text
    assert max(map(len, text.splitlines())) <= 80
    (m,) = Report.read_json(out).engines
    assert (m.frames, m.faces, m.batch) == (30, 120, 4)
    assert list(m.latency_ms) == ["classification"]
    assert math.isnan(m.detection_fps)
    assert m.total_fps.mean == pytest.approx(120 / m.rounds[0].seconds)


def test_frames_are_followed_and_dropped_as_asked_and_that_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, out = tiny_onnx(tmp_path / "tiny.onnx"), tmp_path / "bench.json"
    asked = ["--detect-every", "3", "--deadline", "30", "--paced", "100"]
    assert main(["bench", "--engine", str(tiny), *asked, "--json", str(out), *QUICK]) == 0
    assert "searched for faces every 3 frames" in capsys.readouterr().out.replace("\n  ", " ")
    (m,) = Report.read_json(out).engines
    assert (m.detect_every, m.still, m.deadline) == (3, 0.0, 30.0)
    assert m.looks["follow"] > 0
    assert sum(m.looks.values()) == m.frames
    assert m.latency_ms["detection"].n == m.looks["detect"]
    (record,) = json.loads(out.read_text())["engines"]
    assert record["searched_share"] == m.looks["detect"] / m.frames
    assert record["faces_per_frame"] == m.faces / m.frames


def test_a_deadline_that_no_frame_meets_ends_the_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    asked = ["--deadline", "0.000001", "--paced", "1000"]
    assert main(["bench", "--engine", str(tiny), *asked, *QUICK]) == 2
    assert "--deadline" in capsys.readouterr().err


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_a_bench_that_is_ended(sign: signal.Signals, tmp_path: Path) -> None:
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    args = ["--engine", str(tiny), "--mode", "engine", "--warmup", "1000000000"]
    with subprocess.Popen(
        [sys.executable, "-m", "edgefer", "bench", *args],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # whatever the test runner does with signals is not inherited
    ) as bench:
        assert bench.stderr is not None
        while "round 1" not in bench.stderr.readline():
            pass
        child = waited_for(lambda: children(bench.pid))[0]
        waited_for(lambda: processor_seconds(child) > 2)  # it has read what to do, and warms up
        bench.send_signal(sign)
        bench.wait(30)
        waited_for(lambda: not alive(child))


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def alive(pid: int) -> bool:
    """Not where it is a zombie: who has to bury it may take its time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def waited_for(condition: Callable[[], T]) -> T:
    ends = clock() + 30
    while not (found := condition()):
        assert clock() < ends
        time.sleep(0.01)
    return found


def test_a_paced_clip_comes_at_its_pace_and_late_frames_are_dropped() -> None:
    clip = load_clip("test://?frames=4&width=128&height=96", 4)
    source = PacedReplay(clip, 50)
    check_source(PacedReplay(clip, 1000), at_least=3)
    frames = [source.read() for _ in range(3)]
    assert all(frame is not None for frame in frames)
    first, second, third = (frame for frame in frames if frame is not None)
    assert second.captured - first.captured >= 0.0199
    assert clock() >= third.captured
    deadline = clock() + 0.09
    while clock() < deadline:
        pass
    late = source.read()
    assert late is not None
    assert late.sequence >= third.sequence + 4
    assert clock() - late.captured < 0.5
    source.close()
    assert source.read() is None


def test_a_run_that_is_not_stable_ends_with_3_under_strict(tmp_path: Path) -> None:
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    args = ["bench", "--engine", str(tiny), "--mode", "engine", *ALONE]
    assert main([*args, "--strict"]) == 3
    assert main(args) == 0


def test_a_long_run_tells_its_first_tenth_and_its_last(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny, out = tiny_onnx(tmp_path / "tiny.onnx"), tmp_path / "bench.json"
    args = ["--mode", "engine", "--sustain", "1s", "--json", str(out)]
    assert main(["bench", "--engine", str(tiny), *args, *ALONE]) == 0
    assert "last 10th" in capsys.readouterr().out
    (m,) = Report.read_json(out).engines
    assert m.sustained is not None
    assert m.sustained.seconds >= 1
    assert m.sustained.first_fps > 0 < m.sustained.last_fps


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("10m", 600), ("2h", 7200)]
)
def test_a_time_has_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-3s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        duration(text)


def test_a_folder_is_measured_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.onnx", "a.onnx"):
        tiny_onnx(tmp_path / name)
    (tmp_path / "a.md").write_text("no model")
    assert main(["bench", "--zoo", str(tmp_path), "--mode", "engine", *ALONE]) == 0
    rows = capsys.readouterr().out.splitlines()[2:4]
    assert [row.split()[0] for row in rows] == ["a", "b"]


def test_a_process_that_ends_without_a_word_is_told_whatever_it_printed() -> None:
    job = Job(Config(), "", 0, 5, 5, mode="engine")
    with pytest.raises(EdgeferError, match="ended with 0"):
        measure_round(job, lambda _: None, module="this")


def test_what_is_wrong_for_every_engine_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = [str(tiny_onnx(tmp_path / name)) for name in ("a.onnx", "b.onnx")]
    args = ["--engine", engines[0], "--engine", engines[1], "--clip", str(tmp_path / "no.mp4")]
    assert main(["bench", *args, *QUICK]) == 4
    assert capsys.readouterr().err.count("edgefer: error") == 1


def test_one_file_on_two_runtimes_is_two_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openvino", reason="pip install 'edgefer[openvino]'")
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    engines = ["--engine", str(tiny), "--engine", f"openvino-bf16:{tiny}"]
    out = tmp_path / "bench.json"
    assert main(["bench", *engines, "--mode", "engine", "--json", str(out), *ALONE]) in (0, 5)
    report = Report.read_json(out)
    names = [m.engine for m in report.engines]
    assert names == ["tiny.onnx", "openvino-bf16:tiny.onnx"][: len(names)]
    if len(names) == 2:  # a processor without bf16 refuses, and that is told
        assert report.unlike(report.engines[1]) == ("runtime",)
        assert report.engines[1].gate.reference == "tiny.onnx"
    else:
        assert "bf16" in capsys.readouterr().err
