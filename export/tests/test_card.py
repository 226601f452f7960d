from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgefer.errors import ConfigError, ModelError
from edgefer.files import sha256
from edgefer.spec import EXPRESSIONS
from edgefer_export.card import about_network, card
from edgefer_export.data import Split
from edgefer_export.evaluate import accuracy_table, confusion_table, percent
from edgefer_export.runs import Run
from edgefer_export.to_onnx import Exported, export
from edgefer_export.zoo import NETWORKS


@pytest.fixture(scope="module")
def model(
    settled: Run, public: Split, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Exported]:
    path = tmp_path_factory.mktemp("card") / "tiny.onnx"
    return path, export(settled, public, path)


def test_the_card_says_what_was_computed(
    model: tuple[Path, Exported], settled: Run, training: Split, public: Split
) -> None:
    path, written = model
    result = written.result
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
    model: tuple[Path, Exported], settled: Run, training: Split, public: Split
) -> None:
    draft = Run(settled.folder, settled.recipe, settled.record, settled.network, epoch=1)
    assert "1 of 2 (2 at 32 px): UNFINISHED" in card(draft, model[0], training, public)


def test_the_card_says_how_it_was_quantised_and_cooled(
    certain: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    path = tmp_path / "small.onnx"
    written = export(certain, lessons["public"], path, "int8", lessons["train"])
    text = card(certain, path, lessons["train"], lessons["public"])
    assert "int8; input and output are float32" in text
    assert f"{written.parity.difference:.1e} in a probability" in text
    assert f"{written.parity.reference} on 70 rows" in text
    assert f"temperature of {written.spec.temperature:g}, fitted to the public split" in text
    assert written.spec.recipe in text


def test_a_card_of_data_that_are_not_fer2013_does_not_speak_of_its_rights(
    certain: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    public = dataclasses.replace(lessons["public"], dataset="KDEF")
    export(certain, public, tmp_path / "m.onnx")
    text = card(certain, tmp_path / "m.onnx", lessons["train"], public)
    assert "KDEF public, 70 rows" in text
    assert "FER2013" not in text
    assert "licence" in text


def test_an_epoch_chosen_by_accuracy_is_owned_up_to(
    model: tuple[Path, Exported], settled: Run, training: Split, public: Split
) -> None:
    assert "no epoch was chosen by it" in card(settled, model[0], training, public)
    recipe = dataclasses.replace(settled.recipe, keep="best")
    best = dataclasses.replace(settled, recipe=recipe)
    assert "and the epoch was chosen by it" in card(best, model[0], training, public)


def test_only_a_published_layout_is_called_a_reconstruction() -> None:
    assert "reconstruction that matches the parameter count" in about_network("lightweight")
    own = about_network("lightweight-residual")
    assert "reconstruction" not in own
    assert "shortcut" in own
    off = NETWORKS["mobilenetv3-small"].difference
    assert f"differs by {off:+,} from" in about_network("mobilenetv3-small")


def test_a_card_on_other_data_is_refused(
    model: tuple[Path, Exported], settled: Run, training: Split, public: Split
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
