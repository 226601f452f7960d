from __future__ import annotations

import dataclasses
from pathlib import Path

from edgefer.bench.gate import examine
from edgefer.config import EngineConfig
from tests.models import SPEC, tiny_onnx


def test_products_that_nobody_published_are_counted_in_the_file(tmp_path: Path) -> None:
    silent = tiny_onnx(tmp_path / "silent.onnx")
    assert examine(EngineConfig(model=str(silent))).macs == 21
    told = tiny_onnx(tmp_path / "told.onnx", dataclasses.replace(SPEC, macs=5))
    assert examine(EngineConfig(model=str(told))).macs == 5
