from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefer.cli import parser as device_parser
from edgefer.spec import EXPRESSIONS
from edgefer_export import train as loop
from edgefer_export.checkpoint import read_checkpoint
from edgefer_export.cli import main, parser
from edgefer_export.runs import Run

RECIPE = "batch = 16\n[schedule]\nwarmup_epochs = 0.5\n[[stages]]\nsize = 32\nepochs = 1\n"


def test_train_export_evaluate_and_card_work_one_after_the_other(
    tmp_path: Path, npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = tmp_path / "quick.toml", tmp_path / "run"
    model, card = tmp_path / "quick.onnx", tmp_path / "quick.md"
    recipe.write_text(RECIPE, encoding="utf-8")
    data = ["--data", str(npz)]

    assert main(["train", str(recipe), *data, "--out", str(run)]) == 0
    assert "54 rows; 2 near-blank ones dropped" in capsys.readouterr().out
    assert main(["export", str(run), *data, "-o", str(model)]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(model), *data, "--json"]) == 0
    by_onnx = json.loads(capsys.readouterr().out)
    assert main(["evaluate", str(run), *data, "--json"]) == 0
    by_torch = json.loads(capsys.readouterr().out)
    for name, found in by_onnx["scores"].items():  # what is counted, not what is rounded
        assert found["all"]["confusion"] == by_torch["scores"][name]["all"]["confusion"]
    assert main(["card", str(run), str(model), *data, "-o", str(card)]) == 0
    assert by_onnx["digest"] in card.read_text(encoding="utf-8")


@pytest.mark.parametrize("whole", [0, 1])
def test_stopping_says_what_is_kept_and_how_to_go_on(
    tmp_path: Path,
    npz: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    whole: int,
) -> None:
    good = loop.one_epoch

    def interrupted(state: loop.State, *rest: Any) -> Any:
        if state.epoch == whole:
            raise KeyboardInterrupt
        return good(state, *rest)

    monkeypatch.setattr(loop, "one_epoch", interrupted)
    run = tmp_path / "run"
    recipe = tmp_path / "quick.toml"
    recipe.write_text(RECIPE.replace("epochs = 1", "epochs = 2"), encoding="utf-8")
    command = ["train", str(recipe), "--data", str(npz), "--out", str(run)]
    assert main(command) == 130
    told = capsys.readouterr().err
    if whole:
        assert f"edgefer-export {' '.join(command)} --resume" in told
        assert read_checkpoint(run / "last.pt")["epoch"] == 1
    else:
        assert "No epoch was finished" in told
        assert not (run / "last.pt").exists()
    monkeypatch.undo()
    assert main([*command, "--resume"][: None if whole else -1]) == 0


def test_what_a_recipe_lacks_is_said_before_anything_is_written(
    tmp_path: Path, npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run = tmp_path / "taught.toml", tmp_path / "run"
    recipe.write_text(RECIPE + "[target]\nteacher = 0.5\n", encoding="utf-8")
    command = ["train", str(recipe), "--data", str(npz), "--out", str(run)]
    assert main(command) == 2
    assert main([*command, "--device", "tpu"]) == 2
    assert "known are auto, cpu, cuda" in capsys.readouterr().err
    assert not run.exists()


def test_a_run_is_exported_with_its_own_data_only(
    tmp_path: Path, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(7)
    for split in ("train", "validation"):
        for name in EXPRESSIONS:
            folder = tmp_path / "kaggle" / split / name
            folder.mkdir(parents=True)
            picture = rng.integers(0, 256, (48, 48), dtype=np.uint8)
            cv2.imwrite(str(folder / "1.png"), picture)
    out = tmp_path / "other.onnx"
    data = ["--data", str(tmp_path / "kaggle")]
    assert main(["export", str(finished.folder), *data, "-o", str(out)]) == 2
    assert "what it was made with" in capsys.readouterr().err
    assert not out.exists()


def test_every_split_at_once_is_all_rows(
    npz: Path, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(finished.folder), "--data", str(npz), "--bootstrap", "10"]
    assert main([*command, "--split", "all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 84


def test_an_error_is_one_line_and_an_exit_code(
    finished: Run, npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command, code in (
        (["train", "lightwieght", "--data", str(npz), "--out", str(tmp_path)], 2),
        (["evaluate", str(tmp_path / "no.onnx"), "--data", str(npz)], 5),
        (["evaluate", str(finished.folder), "--data", str(tmp_path / "no.npz")], 2),
        (["evaluate", str(finished.folder), "--data", str(npz), "--split", "private"], 2),
        (["export", str(tmp_path), "--data", str(npz), "-o", "a.onnx"], 2),
        (["export", str(finished.folder), "--data", str(npz), "-o", "a.plan"], 2),
        (["quantise", str(tmp_path / "no.onnx"), "--data", str(npz), "-o", "a.onnx"], 5),
        (["quantise", str(tmp_path / "no.onnx"), "--data", str(npz), "-o", "a.plan"], 2),
    ):
        assert main(command) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("edgefer-export: ")
        assert err.count("\n") == 1


def test_zoo_lists_the_published_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["zoo"]) == 0
    line = next(row for row in capsys.readouterr().out.splitlines() if "lightweight" in row)
    assert "2,893,395" in line
    assert "140.5 M" in line


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_number_of_threads_that_cannot_be_is_refused(
    count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["train", "x", "--data", "x", "--out", "x", "--threads", count])
    assert "whole number above 0" in capsys.readouterr().err


@pytest.mark.parametrize("readme", ["README.md", "export/README.md"])
def test_every_command_of_a_readme_is_understood(readme: str) -> None:
    text = (Path(__file__).parents[2] / readme).read_text(encoding="utf-8")
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    commands = re.findall(r"^(?:\.venv/bin/)?edgefer(-export)? (.+)$", shell, re.MULTILINE)
    assert len(commands) >= 4
    for exports, words in commands:
        understand = parser() if exports else device_parser()
        understand.parse_args(shlex.split(words, comments=True))
