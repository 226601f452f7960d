"""The benchmarks of what is computed: each measures what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import claims, classify, peers, yunet
from edgefer.classifier import Classifier
from edgefer.config import EngineConfig
from edgefer.data import Detected, Frame
from edgefer.engines import find_model, open_engine
from tests.detectors.faces import ONE_FACE, TWELVE_FACES, picture
from tests.drivers import FACE


@pytest.fixture
def models(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the media's models; YuNet is pulled, results go elsewhere."""
    (tmp_path / "yunet.onnx").symlink_to(shared / "models" / "yunet_s_dynamic.onnx")
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    monkeypatch.setattr(claims, "RESULTS", tmp_path)
    return shared / "models"


def written(folder: Path, name: str) -> list[str]:
    record = json.loads((folder / f"{name}.json").read_text())
    return [claim["name"] for claim in record["claims"]]


@pytest.mark.usefixtures("models")
def test_yunet_is_held_against_two_bare_runs(shared: Path, tmp_path: Path) -> None:
    work = yunet.contestants(tmp_path / "yunet.onnx", picture(shared, ONE_FACE[0]), 320)
    answers: dict[str, Any] = {name: call() for name, call in work.items()}
    assert len(answers["detect"]) == len(answers["rewritten"][0]) == 1
    assert len(answers["published"]) == 12
    yunet.main(rounds=1, sizes=(160,))
    assert len(written(tmp_path, "yunet")) == 2


def test_the_wrapper_and_the_bare_run_make_the_same_tensor() -> None:
    engine = open_engine(EngineConfig())
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    detected = Detected(Frame(image, 0, 0.0), (FACE,))
    work = classify.contestants(detected, Classifier(engine))
    answers: dict[str, Any] = {name: call() for name, call in work.items()}
    (expression,), (logits,) = answers["classify"], answers["bare"]
    assert int(logits.argmax()) == expression.labels.index(expression.label)
    engine.close()


@pytest.mark.usefixtures("models")
def test_the_wrapper_and_the_peak_are_kept(tmp_path: Path) -> None:
    classify.main(rounds=1)
    assert len(written(tmp_path, "classify")) == 2


def test_the_peer_sees_the_same_faces(models: Path, shared: Path) -> None:
    ours = open_engine(EngineConfig()).spec.preprocessing
    for classifier, how in (
        (models / peers.MOBILEFACENET, peers.ALIGNED),
        (find_model(EngineConfig().model), ours),
    ):
        loop = peers.Loop(models / peers.DETECTOR, 320, classifier, how)
        assert len(loop.see(picture(shared, TWELVE_FACES))) == 12
        assert loop.see(np.zeros((480, 640, 3), np.uint8)) == []


def test_peers_and_yunet_without_their_models_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    yunet.main()
    peers.main(models=tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["yunet", "peers"]
    assert all("left out" in line for line in lines)
