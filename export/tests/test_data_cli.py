from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefer_export.cli import main
from edgefer_export.data import load_splits
from tests.picture_files import fill


def test_data_prints_a_table_of_80_columns(npz: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(npz)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    cells = {line[:24].strip(): line[24:].split() for line in out.splitlines()}
    splits = load_splits(npz)
    assert cells["digest"][-2:] == [split.digest() for split in splits.values()]
    assert cells["happy"] == ["8", "4"]
    assert cells["all"] == ["56", "28"]
    assert cells["copies of a training row"] == ["0", "4"]
    assert "differs from what is published" in out
    assert "left out: 0" in out


def test_data_as_json_says_what_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("happy", "sad", "contempt")):
        fill(tmp_path / name, 5, 10 * number)
    (tmp_path / "sad" / "empty.png").touch()
    command = ["data", str(tmp_path), "--json", "--size", "32", "--contempt", "drop"]
    assert main([*command, "--held-out", "0.4"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["splits"]["validation"]["counts"] == {"happy": 2, "sad": 2}
    assert record["splits"]["train"]["leaks"] is None
    assert record["size"] == 32
    assert len(record["skipped"]) == 6
    assert record["groups_in_several_splits"] == 0


def test_data_in_words_fits_80_columns_with_much_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate(("happy", "sad")):
        fill(tmp_path / name, 9, 10 * number)
    for number in range(4):
        (tmp_path / "sad" / f"a picture with a rather long name, number {number}.png").touch()
    assert main(["data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "left out: 4" in out


def test_data_of_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "Looked for" in err
