from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.errors import ConfigError, ModelError
from edgefer.files import sha256
from edgefer.spec import EXPRESSIONS
from edgefer_export.card import card
from edgefer_export.data import Split
from edgefer_export.evaluate import Evaluation, accuracy_table, confusion_table, percent
from edgefer_export.runs import Run
from edgefer_export.to_onnx import export


@pytest.fixture(scope="module")
def model(
    settled: Run, public: Split, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Evaluation]:
    path = tmp_path_factory.mktemp("card") / "tiny.onnx"
    return path, export(settled, public, path)


def test_the_card_says_what_was_computed(
    model: tuple[Path, Evaluation], settled: Run, training: Split, public: Split
) -> None:
    path, result = model
    text = card(settled, path, training, public)
    assert sha256(path) in text
    assert accuracy_table(result) in text
    assert confusion_table(result.standard) in text
    assert training.digest() in text
    assert public.digest() in text
    assert "2893395" in text
    assert f"2 of {settled.recipe.epochs}" in text
    assert "UNFINISHED" not in text
    worst = min((r, n) for r, n in zip(result.standard.recall, EXPRESSIONS, strict=True))
    assert f"{worst[1]}, of which it recognises {percent(worst[0])}" in text
    assert f"agrees with it in {percent(result.agreement)}" in text
    for promise in ("not a felt emotion", "No licence", "reconstruction", "under-represented"):
        assert promise in text


def test_the_card_of_an_unsettled_run_says_so(
    model: tuple[Path, Evaluation], settled: Run, training: Split, public: Split
) -> None:
    draft = Run(settled.folder, settled.recipe, settled.record, settled.network, epoch=1)
    assert "1 of 2 (2 at 32 px): UNFINISHED" in card(draft, model[0], training, public)


def test_a_card_on_other_data_is_refused(
    model: tuple[Path, Evaluation], settled: Run, training: Split, public: Split
) -> None:
    with pytest.raises(ConfigError, match="digest"):
        card(settled, model[0], training.where(np.arange(20)), public)


def test_the_card_of_another_runs_model_is_refused(
    tmp_path: Path, settled: Run, training: Split, public: Split
) -> None:
    from edgefer_export.zoo import build

    other = Run(settled.folder, settled.recipe, settled.record, build("lightweight").eval(), 2)
    export(other, public, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="differs from torch"):
        card(settled, tmp_path / "other.onnx", training, public)
