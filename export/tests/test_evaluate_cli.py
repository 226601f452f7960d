"""`evaluate` and `compare` as a user calls them."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgefer.spec import EXPRESSIONS
from edgefer_export.cli import evaluate as cli
from edgefer_export.cli import main
from edgefer_export.data import Split
from edgefer_export.evaluate import mirrored_too, probabilities
from edgefer_export.evaluate.folder import is_report, read
from edgefer_export.evaluate.intervals import RESAMPLES
from edgefer_export.runs import CHECKPOINT, Run
from edgefer_export.torch_engine import TorchEngine, describe


@pytest.fixture(scope="module")
def out(finished: Run, npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of a run, robustness included. Nobody may write into its folder."""
    folder = tmp_path_factory.mktemp("report") / "deep" / "report"
    command = ["evaluate", str(finished.folder), "--data", str(npz), "--out", str(folder)]
    assert main([*command, "--robustness", "--bootstrap", "50"]) == 0
    return folder


def test_a_folder_holds_the_report_its_pictures_and_every_answer(out: Path, public: Split) -> None:
    said = (out / "report.md").read_text(encoding="utf-8")
    assert public.digest() in said
    assert "crop x1.15" in said
    record = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert record["rows"] == 28
    assert record["bootstrap"]["resamples"] == 50
    assert len(record["robustness"]["variants"]) == 17
    for name in ("confusion.png", "reliability.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    with (out / "answers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [EXPRESSIONS.index(row["label"]) for row in rows] == public.labels.tolist()
    for row in rows:
        probs = {name: float(row[f"p_{name}"]) for name in EXPRESSIONS}
        assert sum(probs.values()) == pytest.approx(1, abs=1e-5)
        assert probs[row["answer"]] == pytest.approx(max(probs.values()), abs=2e-6)
    right = sum(row["label"] == row["answer"] for row in rows)
    assert record["scores"]["standard labels"]["all"]["accuracy"] == pytest.approx(right / 28)


def test_a_checkpoint_is_judged_as_its_run_is(
    finished: Run, npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = []
    for model in (finished.folder, finished.folder / CHECKPOINT):
        assert main(["evaluate", str(model), "--data", str(npz), "--json"]) == 0
        judged.append(json.loads(capsys.readouterr().out))
    assert judged[0] == judged[1]


def test_a_report_and_a_model_are_compared(
    out: Path, finished: Run, npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(out), str(finished.folder), "--data", str(npz)]) == 0
    assert "No significant difference" in capsys.readouterr().out
    assert main(["compare", str(out), str(out), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["rows"] == 28
    assert record["mcnemar"]["p"] == 1


def test_reports_on_other_rows_are_not_compared(
    out: Path, finished: Run, npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "train"
    command = ["evaluate", str(finished.folder), "--data", str(npz), "--split", "train"]
    assert main([*command, "--out", str(other)]) == 0
    capsys.readouterr()
    assert main(["compare", str(out), str(other)]) == 2
    assert "same rows" in capsys.readouterr().err


def test_a_report_that_was_changed_is_refused(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = shutil.copytree(out, tmp_path / "changed")
    path = changed / "answers.csv"
    path.write_text("\n".join(path.read_text(encoding="utf-8").splitlines()[:-1]), encoding="utf-8")
    assert is_report(changed)
    assert main(["compare", str(out), str(changed)]) == 2
    assert "27 answers, 28 rows" in capsys.readouterr().err


def test_what_is_read_back_is_what_was_written(out: Path, public: Split) -> None:
    found = read(out)
    np.testing.assert_array_equal(found.labels, public.labels)
    assert found.expressions == EXPRESSIONS
    assert found.digest == public.digest()
    assert found.groups is None


def test_errors_of_asking_are_one_line(
    finished: Run, npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, run, data = tmp_path / "face.plan", str(finished.folder), ["--data", str(npz)]
    plan.write_bytes(b"built elsewhere")
    (tmp_path / "file").write_bytes(b"")
    for command, said in (
        (["evaluate", str(plan), *data], "plan"),
        (["evaluate", run, *data, "--detector", "haar"], "--scenes"),
        (["evaluate", run, *data, "--mirror", "--robustness"], "one at a time"),
        (["evaluate", run, "--scenes", str(tmp_path), "--robustness"], "--data"),
        (["evaluate", run, "--scenes", str(tmp_path)], "labels.csv"),
        (["evaluate", run, *data, "--out", str(tmp_path / "file")], "cannot make"),
        (["compare", run, run], "--data"),
    ):
        assert main(command) in (2, 3, 5, 7)
        shown, err = capsys.readouterr()
        assert shown == ""
        assert err.startswith("edgefer-export: ")
        assert said in err
        assert err.count("\n") == 1


def test_the_command_lines_number_of_resamples_is_the_librarys() -> None:
    assert cli.RESAMPLES == RESAMPLES


def test_data_or_scenes_must_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "lightweight.onnx"])
    assert "--data --scenes" in capsys.readouterr().err


def test_with_mirror_images_left_and_right_do_not_matter(settled: Run, public: Split) -> None:
    engine = TorchEngine(settled.network, describe(settled))
    turned = dataclasses.replace(public, images=np.ascontiguousarray(public.images[:, :, ::-1]))
    both = mirrored_too(engine, public)
    np.testing.assert_allclose(both, mirrored_too(engine, turned), atol=1e-6)
    assert np.abs(both - probabilities(engine, public)).max() > 1e-4


def test_a_figure_with_mirror_images_says_so(
    finished: Run, npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(finished.folder), "--data", str(npz), "--mirror", "--json"]
    assert main([*command, "--bootstrap", "10"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "tiny with mirror images"


def test_a_report_fits_a_terminal(
    settled: Run, npz: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(settled.folder), "--data", str(npz), "--robustness"]
    assert main([*command, "--bootstrap", "10"]) == 0
    wide = [line for line in capsys.readouterr().out.splitlines() if len(line) > 80]
    assert wide == []
