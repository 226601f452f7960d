"""`edgefer inspect` of TensorRT plans, with the double of TensorRT and without it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgefer.cli import main
from edgefer.cli.lines import lines
from edgefer.manifest import manifest_path
from tests.plans import make_plan
from tests.tensorrt_double import PATH


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    make_plan(tmp_path / "face.plan")
    return tmp_path / "face.plan"


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The double, for child processes: where the plan of `plan` belongs."""
    monkeypatch.setenv("PYTHONPATH", PATH)
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "10.3.0.26")
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_CC", "8.7")


def inspect(plan: Path, *words: str) -> int:
    return main(["inspect", str(plan), "--python", sys.executable, *words])


def test_a_plan_is_described_without_tensorrt(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(plan) == 8
    text = capsys.readouterr().out
    for word in ("header     10.3.0.26", "face.onnx", "fp16, 1 to 8 faces, workspace 256MiB",
                 "input float32 (batch, 3, 8, 8)", "happy", "built 8.7, here no GPU",
                 "not usable here", "edgefer doctor"):  # fmt: skip
        assert word in text


def test_a_model_is_described_in_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "lightweight.onnx"]) == 0
    _, *told = capsys.readouterr().out.splitlines()  # the first line is its path
    assert max(map(len, told)) <= 80
    assert "BatchNormalization 1" in " ".join(told)


def test_a_long_value_goes_on_below_itself_and_an_empty_one_is_told() -> None:
    assert lines(("operators", "Conv2d 21, " * 8), ("inputs", "")).splitlines() == [
        "  operators  " + "Conv2d 21, " * 5 + "Conv2d 21,",
        " " * 13 + "Conv2d 21, Conv2d 21,",
        "  inputs     none",
    ]


@pytest.mark.usefixtures("tensorrt")
def test_a_plan_that_belongs_here_shows_its_layers(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(plan) == 0
    text = capsys.readouterr().out
    assert "1 layer\n  everything after input" in text
    assert text.endswith("usable here\n")
    assert inspect(plan, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["layers"] == ["everything after input"]
    assert record["file"]["header"] == "10.3.0.26"
    assert record["manifest"]["profile"]["most"] == 8
    assert (record["differences"], record["fault"]) == ([], None)


@pytest.mark.usefixtures("tensorrt")
def test_what_would_be_refused_here_is_told_with_the_command(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_CC", "5.3")
    plan.write_bytes(plan.read_bytes()[:100])
    assert inspect(plan) == 5
    text = capsys.readouterr().out
    assert "refused: plan: built sha256" in text
    assert "refused: compute capability: built 8.7, here 5.3" in text
    assert f"edgefer compile {plan.with_suffix('.onnx')} -o {plan} --precision fp16" in text
    assert inspect(plan, "--json") == 5
    record = json.loads(capsys.readouterr().out)
    assert [one["what"] for one in record["differences"]] == ["plan", "compute capability"]
    assert record["layers"] is None


def test_a_plan_without_a_manifest_still_shows_its_header(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest_path(plan).unlink()
    assert inspect(plan) == 5
    text = capsys.readouterr().out
    assert "10.3.0.26" in text
    assert "no manifest" in text


@pytest.mark.usefixtures("tensorrt")
def test_a_plan_that_tensorrt_refuses_is_told_its_reason(
    plan: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_FAULT", "deserialise")
    assert inspect(plan) == 5
    assert "OutOfMemory" in capsys.readouterr().out


def test_a_python_that_is_not_there_is_no_hindrance(
    plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(plan), "--python", "/absent/python3"]) == 8
    assert "10.3.0.26" in capsys.readouterr().out
