from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edgefer_export.cli import main
from edgefer_export.data import Split
from edgefer_export.ledger import ledger, to_table, what_differs
from edgefer_export.recipe import Optimizer, Recipe
from edgefer_export.runs import Run, read_run
from edgefer_export.train import train


@pytest.fixture(scope="module")
def slower(
    tiny: Recipe, training: Split, public: Split, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """The tiny run at another learning rate, and with more to erase."""
    folder = tmp_path_factory.mktemp("slower")
    erased = dataclasses.replace(tiny.augmentation, erase=1.0)
    recipe = dataclasses.replace(tiny, optimizer=Optimizer(lr=0.01), augmentation=erased)
    train(recipe, training, public, folder)
    return read_run(folder)


def test_only_what_differs_is_told(finished: Run, slower: Run) -> None:
    assert what_differs(finished, slower) == "optimizer.lr: 0.01; augmentation.erase: 1.0"
    assert what_differs(finished, finished) == ""


def test_a_gain_is_the_difference_of_two_accuracies_on_the_same_rows(
    finished: Run, slower: Run, public: Split
) -> None:
    base, other = ledger([finished, slower], public)
    assert base.gain is None
    difference = other.evaluation.standard.accuracy - base.evaluation.standard.accuracy
    assert other.gain == pytest.approx(difference)
    assert other.gain_interval is not None
    assert other.gain_interval.low <= difference <= other.gain_interval.high


def test_a_run_against_itself_gains_nothing(finished: Run, public: Split) -> None:
    _, again = ledger([finished, finished], public)
    assert (again.gain, again.gain_interval) == (0, (0, 0))
    assert "the same again" in to_table([again])


def test_the_command_prints_a_table_and_writes_its_figures(
    finished: Run, slower: Run, npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(run.folder) for run in (finished, slower)]
    out = tmp_path / "runs.json"
    assert main(["runs", *folders, "--data", str(npz), "--json", str(out)]) == 0
    assert "optimizer.lr: 0.01" in capsys.readouterr().out
    record = json.loads(out.read_text(encoding="utf-8"))
    assert [run["gain"] is None for run in record["runs"]] == [True, False]
    assert record["data"]["digest"]
