"""Both detectors keep the contract on the drawn scene, where faces are known to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.config import DetectorConfig
from edgefer.detectors import open_detector
from edgefer.sources.scene import Scene
from tests.contracts import check_detector


@pytest.mark.parametrize("name", ["haar", "yunet"])
def test_a_detector_keeps_the_contract(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "yunet":
        shared: Path = request.getfixturevalue("shared")
        (tmp_path / "yunet.onnx").symlink_to(shared / "models" / "yunet_s_dynamic.onnx")
        monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    scene = Scene(0)
    check_detector(open_detector(DetectorConfig(name=name)), scene.draw(60))
