"""A disk that really fills: a small tmpfs, mounted for the test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import pytest

from edgefer.cli import main

MIB = 1 << 20


def fill(disk: Path, leave: int) -> None:
    free = shutil.disk_usage(disk).free
    (disk / "filler").write_bytes(bytes(free - leave))


def test_json_lines_end_with_the_last_whole_one(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(small_disk, leave=8192)
    out = small_disk / "out.jsonl"
    assert main(["run", "demo://?start=40&frames=400", "--jsonl", str(out), "--quiet"]) == 7
    assert "No space left" in capsys.readouterr().err
    text = out.read_text()
    assert text.endswith("}\n")
    sequences = [json.loads(line)["sequence"] for line in text.splitlines()]
    assert sequences == list(range(len(sequences)))
    assert 1 <= len(sequences) < 400


def test_a_video_ends_early_but_can_be_played(
    small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(small_disk, leave=8 * MIB + MIB // 2)
    out = small_disk / "out.mp4"
    assert main(["run", "demo://?frames=2000", "--save", str(out), "--quiet"]) == 7
    assert "full" in capsys.readouterr().err
    video = cv2.VideoCapture(str(out))
    frames = 0
    while video.read()[0]:
        frames += 1
    video.release()  # an open file keeps the disk mounted
    assert 1 <= frames < 2000
    assert {path.name for path in small_disk.iterdir()} == {"filler", "out.mp4"}
