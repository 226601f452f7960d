"""A detector is chosen by name; absent and broken are told apart."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgefer.config import DetectorConfig
from edgefer.detectors import YUNET_FILE, open_detector
from edgefer.errors import ModelError, NotInstalled, UnknownName
from edgefer.pull import MODELS


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model folder."""
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("models")
def test_auto_without_a_model_is_haar() -> None:
    assert open_detector(DetectorConfig()).name == "haar 320"


def test_auto_with_the_model_is_yunet(models: Path, shared: Path) -> None:
    shutil.copy(shared / "models" / "yunet_s_dynamic.onnx", models / YUNET_FILE)
    assert open_detector(DetectorConfig(size=256)).name == "yunet 256"


def test_auto_does_not_hide_a_broken_model_behind_haar(models: Path) -> None:
    (models / YUNET_FILE).touch()
    with pytest.raises(ModelError, match="is empty"):
        open_detector(DetectorConfig())


def test_haar_is_haar_although_the_model_is_there(models: Path) -> None:
    (models / YUNET_FILE).touch()
    assert open_detector(DetectorConfig(name="haar")).name == "haar 320"


@pytest.mark.usefixtures("models")
def test_yunet_without_its_model_names_the_command_that_brings_it() -> None:
    with pytest.raises(NotInstalled, match=r"yunet\.onnx\. Fetch it: edgefer pull yunet"):
        open_detector(DetectorConfig(name="yunet"))


@pytest.mark.usefixtures("models")
def test_unknown_detector_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        open_detector(DetectorConfig(name="har"))
    assert caught.value.nearest == "haar"


def test_what_pull_brings_is_what_auto_looks_for() -> None:
    assert MODELS["yunet"].file == YUNET_FILE


def test_importing_the_room_loads_neither_opencv_nor_onnxruntime() -> None:
    code = "import sys, edgefer.detectors; sys.exit(bool({'cv2', 'onnxruntime'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
