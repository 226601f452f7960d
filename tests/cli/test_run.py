from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefer.cli import main
from edgefer.engines import find_model
from tests.models import SPEC, tiny_onnx


def lines(text: str) -> list[dict[str, Any]]:  # Any: JSON
    return [json.loads(line) for line in text.splitlines()]


def test_the_demo_gives_a_line_a_frame_and_a_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["run", "demo://?frames=30", "--jsonl", str(out)]) == 0
    records = lines(out.read_text())
    assert [record["sequence"] for record in records] == list(range(30))
    assert any(record["faces"] for record in records)
    captured = capsys.readouterr()
    assert captured.out == ""
    for word in ("30 frames", "total", "detection", "classification", "serial-equivalent"):
        assert word in captured.err
    assert max(map(len, captured.err.splitlines())) <= 80


def test_the_summary_tells_how_many_frames_were_not_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    url = "demo://?seed=3&start=40&frames=60"
    assert main(["run", url, "--detect-every", "4", "--jsonl", str(out)]) == 0
    records = lines(out.read_text())
    followed = [record for record in records if record["look"] == "follow"]
    assert any(face["track"] for record in followed for face in record["faces"])
    told = f"{len(followed) / 60:.0%} of the frames ({len(followed)} followed, 0 still)"
    assert f"not searched for faces: {told}" in capsys.readouterr().err


def test_rates_make_sense_even_for_two_uneven_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    cv2.imwrite(str(tmp_path / "a.png"), rng.integers(0, 255, (2000, 3000, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.png"), np.zeros((48, 64, 3), np.uint8))
    out = tmp_path / "out.jsonl"
    assert main(["run", str(tmp_path), "--jsonl", str(out)]) == 0
    first, second = (record["age_ms"] for record in lines(out.read_text()))
    total = float(capsys.readouterr().err.split("total ")[1].split()[0])
    assert 0 < total <= 2000 / first + 0.05  # printed with one digit
    assert second > 0


@pytest.mark.parametrize("option", ["--save", "--jsonl"])
def test_what_is_read_is_never_overwritten(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "clip.mp4"
    assert main(["run", "demo://?frames=3", "--save", str(clip), "--quiet"]) == 0
    before = clip.read_bytes()
    assert main(["run", str(clip), option, str(tmp_path / "." / "clip.mp4"), "--quiet"]) == 2
    assert "overwritten" in capsys.readouterr().err
    assert clip.read_bytes() == before
    both = ["--save", str(tmp_path / "o.mp4"), "--jsonl", str(tmp_path / "o.mp4")]
    assert main(["run", str(clip), *both, "--quiet"]) == 2


@pytest.mark.parametrize("name", ["settings.toml", "linked.toml", "tiny.onnx"])
def test_the_settings_and_the_model_are_never_written_to(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_onnx(tmp_path / "tiny.onnx", SPEC)
    config = tmp_path / "settings.toml"
    config.write_text(f'[engine]\nmodel = "{model}"\n')
    config.chmod(0o600)
    (tmp_path / "linked.toml").hardlink_to(config)
    before = (tmp_path / name).read_bytes()
    args = ["--config", str(config), "--jsonl", str(tmp_path / name), "--quiet"]
    assert main(["run", "demo://?frames=3", *args]) == 2
    assert f"{name} would be overwritten: this command reads it" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before


def test_max_frames_is_exact(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["run", "test://", "--max-frames", "7", "--jsonl", str(out), "--quiet"]) == 0
    assert len(lines(out.read_text())) == 7


def test_duration_ends_a_camera(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    args = ["run", "test://?fps=50", "--duration", "1.5", "--jsonl", str(out), "--quiet"]
    assert main(args) == 0
    assert 1 <= len(lines(out.read_text())) < 100


def test_a_video_is_saved_only_when_asked_for(tmp_path: Path) -> None:
    saved = tmp_path / "out.mp4"
    assert main(["run", "demo://?frames=12", "--save", str(saved), "--quiet"]) == 0
    reader = cv2.VideoCapture(str(saved))
    assert reader.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    assert list(tmp_path.iterdir()) == [saved]


def test_a_saved_video_keeps_the_pace_of_its_source(tmp_path: Path) -> None:
    clip, saved = tmp_path / "clip.mp4", tmp_path / "out.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 12, (320, 240))
    for _ in range(6):
        writer.write(np.full((240, 320, 3), 90, np.uint8))
    writer.release()
    assert main(["run", str(clip), "--save", str(saved), "--quiet"]) == 0
    assert cv2.VideoCapture(str(saved)).get(cv2.CAP_PROP_FPS) == pytest.approx(12)


def test_settings_come_from_the_file_and_options_go_before(tmp_path: Path) -> None:
    tiny = tiny_onnx(tmp_path / "tiny.onnx")
    config = tmp_path / "edgefer.toml"
    config.write_text(
        f'[source]\nurl = "demo://?frames=5"\n[engine]\nmodel = "{tiny}"\n'
        '[detector]\nname = "haar"\n'
    )
    out = tmp_path / "out.jsonl"
    assert main(["run", "--config", str(config), "--jsonl", str(out), "--quiet"]) == 0
    assert len(lines(out.read_text())) == 5
    other = ["--config", str(config), "demo://?frames=3", "--jsonl", str(out), "--quiet"]
    assert main(["run", *other]) == 0
    assert len(lines(out.read_text())) == 8


def test_the_shared_pictures_are_read_right(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    yunet = (shared / "models" / "yunet_s_dynamic.onnx").read_bytes()
    (tmp_path / "yunet.onnx").write_bytes(yunet)
    expected = {
        "astronaut.png": ["happy"],
        "grace_hopper.jpg": ["neutral"],
        "london_group12.jpg": ["happy", "neutral"] * 6,
    }
    for name, labels in expected.items():
        found = expressions(shared / "media" / name, tmp_path)
        right = sum(a == b for a, b in zip(found, labels, strict=True))
        assert right >= (9 if len(labels) == 12 else len(labels)), (name, found)


SIDECAR = """
# opencv_zoo's MobileFaceNet: its own order of labels, its own reference points
name = "mobilefacenet"
labels = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]
output = "logits"
[preprocessing]
width = 112
height = 112
colour = "rgb"
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]
landmarks = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366],
             [41.5493, 92.3655], [70.7299, 92.2041]]
"""


def test_somebody_elses_model_works_with_a_sidecar(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    models = shared / "models"
    (tmp_path / "yunet.onnx").write_bytes((models / "yunet_s_dynamic.onnx").read_bytes())
    name = "facial_expression_recognition_mobilefacenet_2022july_int8.onnx"
    (tmp_path / "theirs.onnx").write_bytes((models / name).read_bytes())
    (tmp_path / "theirs.onnx.toml").write_text(SIDECAR)
    found = expressions(
        shared / "media" / "london_group12.jpg", tmp_path, "--engine", str(tmp_path / "theirs.onnx")
    )
    assert found == ["happy", "neutral"] * 6


def expressions(picture: Path, folder: Path, *more: str) -> list[str]:
    """What is said of each face, in reading order."""
    out = folder / f"{picture.stem}.jsonl"
    assert main(["run", str(picture), "--jsonl", str(out), "--quiet", *more]) == 0
    (record,) = lines(out.read_text())
    height = record["size"][1]

    def place(face: dict[str, Any]) -> tuple[int, float]:
        left, top = face["box"][:2]
        return int(top // (height / 3)), left

    return [face["expression"] for face in sorted(record["faces"], key=place)]


def start(*words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE,
          ) -> subprocess.Popen[bytes]:  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "edgefer", "run", *words], stdout=stdout, stderr=stderr
    )


@pytest.mark.parametrize("url", ["demo://", "test://?fps=50", "test://?fps=50&block_at=3"])
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_cleanly_with_a_summary(url: str, kind: signal.Signals) -> None:
    child = start(url, "--jsonl", "-", "--timeout", "60")
    assert child.stdout is not None
    assert child.stdout.readline()
    child.send_signal(kind)
    _, err = child.communicate(timeout=10)
    assert child.returncode == 0
    assert re.search(rb"^\d+ frames? with \d+ faces? from ", err, re.MULTILINE)
    assert b"Traceback" not in err


def test_a_reader_that_leaves_is_no_error() -> None:
    with start("test://", "--jsonl", "-") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        said = child.stderr.read()
        assert b"Traceback" not in said
        assert b"error" not in said
    assert child.returncode == 0


def test_ctrl_c_works_while_nobody_reads_the_lines() -> None:
    with start("test://", "--jsonl", "-") as child:
        assert child.stdout is not None
        before = -1
        while (now := unread(child.stdout.fileno())) != before or not now:
            before = now  # until the pipe is full
            select.select([], [], [], 0.5)
        child.send_signal(signal.SIGINT)
        assert child.wait(15) == 130
        child.communicate()


def unread(pipe: int) -> int:
    """Bytes that wait in a pipe."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_the_status_line_shows_the_three_rates_in_eighty_columns() -> None:
    ours, theirs = pty.openpty()
    text = b""
    with start("demo://?fps=30", "--duration", "3", stderr=theirs):
        os.close(theirs)
        while select.select([ours], [], [], 20)[0]:
            try:
                text += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    shown = [line for line in text.decode().split("\r\x1b[K") if "FPS |" in line]
    assert shown
    for line in shown:
        assert len(line.splitlines()[0]) < 80
        for word in ("total", "class", "detect", "drops", "age"):
            assert word in line


BROKEN = {
    "missing": ("absent.mp4", [], 4),
    "unknown scheme": ("htp://camera", [], 2),
    "no camera": ("v4l2:///dev/video99", [], 4),
    "unknown option": ("demo://?frmes=3", [], 2),
    "no model": ("demo://", ["--engine", "absent.onnx"], 5),
    "nobody's model": ("demo://", ["--engine", "~nobody-there/absent.onnx"], 5),
    "nobody's video": ("~nobody-there/absent.mp4", [], 4),
    "no size": ("demo://", ["--detector-size", "0"], 2),
    "no duration": ("demo://", ["--duration", "0"], 2),
    "duration nan": ("demo://", ["--duration", "nan"], 2),
    "threads": ("demo://", ["--threads", "100000"], 2),
    "timeout": ("demo://", ["--timeout", "1e300"], 2),
    "no source": ("", [], 2),
    "a device without its scheme": ("/dev/video0", [], 2),
    "a number": ("0", [], 2),
    "unknown detector": ("demo://", ["--detector", "yunnet"], 2),
    "unwritable save": ("demo://", ["--save", "/absent/out.mp4"], 7),
    "unwritable jsonl": ("demo://", ["--jsonl", "/absent/out.jsonl"], 7),
    "full disk": ("demo://", ["--jsonl", "/dev/full"], 7),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_has_one_clear_line_and_its_exit_code(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, more, code = BROKEN[case]
    quiet = ["--quiet"] if case == "full disk" else []  # that one gets as far as a summary
    assert main(["run", source, "--max-frames", "3", *quiet, *more]) == code
    err = capsys.readouterr().err
    assert err.startswith("edgefer: error: ")
    assert "Traceback" not in err


def test_an_unquoted_pattern_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "a.jpg", "b.jpg", "c.jpg"]) == 2
    assert "Quote" in capsys.readouterr().err


def test_files_that_are_no_model_or_no_video_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, text = tmp_path / "empty.onnx", tmp_path / "text.onnx"
    empty.touch()
    text.write_text("hello\n")
    for model, why in ((empty, "empty"), (text, "not an ONNX file")):
        assert main(["run", "demo://", "--engine", str(model)]) == 5
        assert why in capsys.readouterr().err
    assert main(["run", str(text.rename(tmp_path / "text.mp4"))]) == 4


def test_a_model_that_answers_nan_ends_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tiny_onnx(tmp_path / "nan.onnx", SPEC, weight=float("nan"))
    assert main(["run", "demo://?frames=60", "--engine", str(broken), "--quiet"]) == 6
    assert "nan" in capsys.readouterr().err


def test_a_truncated_video_gives_its_good_frames_and_then_the_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 30, (320, 240))
    rng = np.random.default_rng(0)
    for _ in range(60):
        writer.write(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8))
    writer.release()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    out = tmp_path / "out.jsonl"
    assert main(["run", str(cut), "--jsonl", str(out), "--quiet"]) == 4
    assert 10 <= len(lines(out.read_text())) < 60
    assert "60" in capsys.readouterr().err


def test_frames_that_change_size_are_read_but_make_no_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    url = "test://?frames=10&resize_at=5"
    assert main(["run", url, "--jsonl", str(out), "--quiet"]) == 0
    assert len({tuple(record["size"]) for record in lines(out.read_text())}) == 2
    assert main(["run", url, "--save", str(tmp_path / "out.mp4"), "--quiet"]) == 7
    assert "frame 5" in capsys.readouterr().err


def test_the_default_model_is_the_shipped_one() -> None:
    assert find_model("lightweight.onnx").is_file()
