from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import EngineConfig
from edgefer.engines import find_model, open_engine
from edgefer.engines.onnx_file import read_onnx
from edgefer.engines.ort import OrtEngine
from edgefer.errors import InferenceError, ModelError, SpecError, UnknownName
from edgefer.spec import EXPRESSIONS, Preprocessing
from tests.contracts import check_engine
from tests.models import SPEC, tiny_onnx

SIDECAR = """
name = "elsewhere"
labels = ["up", "down"]
output = "probs"
[preprocessing]
width = 8
height = 8
"""


def opened(path: Path) -> object:
    return open_engine(EngineConfig(model=str(path)))


def test_a_model_with_its_spec_keeps_the_contract(tmp_path: Path) -> None:
    check_engine(open_engine(EngineConfig(model=str(tiny_onnx(tmp_path / "m.onnx")))))


def test_a_model_with_a_fixed_batch_of_one_keeps_the_contract(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "m.onnx", input_shape=(1, 3, 8, 8))
    engine = open_engine(EngineConfig(model=str(path)))
    assert isinstance(engine, OrtEngine)
    assert engine.max_batch == 1
    check_engine(engine)


def test_a_sidecar_describes_somebody_elses_model(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "m.onnx", None, outputs=2)
    path.with_name("m.onnx.toml").write_text(SIDECAR)
    engine = open_engine(EngineConfig(model=str(path)))
    assert engine.spec.labels == ("up", "down")
    assert engine.spec.output == "probs"


def test_a_model_without_a_spec_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"m\.onnx\.toml"):
        opened(tiny_onnx(tmp_path / "m.onnx", None))


def test_a_sidecar_with_a_wrong_key_is_refused(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "m.onnx", None, outputs=2)
    path.with_name("m.onnx.toml").write_text(SIDECAR.replace("labels", "lables"))
    with pytest.raises(SpecError, match="lables"):
        opened(path)


def test_labels_that_do_not_match_the_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"5 outputs.*7 labels"):
        opened(tiny_onnx(tmp_path / "m.onnx", outputs=5))


def test_an_answer_of_another_shape_than_the_labels_ask_is_an_error(tmp_path: Path) -> None:
    engine = open_engine(EngineConfig(model=str(tiny_onnx(tmp_path / "m.onnx"))))
    engine.spec = dataclasses.replace(engine.spec, labels=("up", "down"))  # type: ignore[misc]
    with pytest.raises(InferenceError, match=r"\(2, 7\)"):
        engine.infer(np.zeros((2, 3, 8, 8), np.float32))


def test_a_wrong_input_rank_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="four dimensions"):
        opened(tiny_onnx(tmp_path / "m.onnx", input_shape=("batch", 3)))


def test_a_size_that_contradicts_the_spec_is_refused(tmp_path: Path) -> None:
    spec = dataclasses.replace(SPEC, preprocessing=Preprocessing(16, 16))
    with pytest.raises(SpecError, match="16"):
        opened(tiny_onnx(tmp_path / "m.onnx", spec))


def test_a_fixed_batch_above_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="fixed batch of 4"):
        opened(tiny_onnx(tmp_path / "m.onnx", input_shape=(4, 3, 8, 8)))


@pytest.mark.parametrize("content", [b"", b"hello, I am a text\n", b"\x08\x08\x12\x07pytorch"])
def test_files_that_are_no_model_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        opened(path)
    with pytest.raises(ModelError):
        read_onnx(path)


def test_a_missing_model_lists_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="absent"):
        opened(tmp_path / "absent.onnx")
    with pytest.raises(ModelError, match=r"lightweight\.onnx"):
        find_model("absent.onnx")


def test_a_suffix_that_no_engine_runs_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(b"x")
    with pytest.raises(UnknownName):
        opened(path)


def test_the_model_folder_comes_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path))
    assert find_model("lightweight.onnx").parent != tmp_path
    mine = tiny_onnx(tmp_path / "lightweight.onnx")
    assert find_model("lightweight.onnx") == mine


def test_the_facts_of_a_file_are_read(tmp_path: Path) -> None:
    facts = read_onnx(tiny_onnx(tmp_path / "m.onnx"))
    assert (facts.opset, facts.precision, facts.stored) == (13, "fp32", 21)
    assert facts.inputs[0].shape == ("batch", 3, 8, 8)
    assert dict(facts.operators) == {"GlobalAveragePool": 1, "Flatten": 1, "MatMul": 1}


def test_the_shipped_model_keeps_the_contract() -> None:
    engine = open_engine(EngineConfig())
    assert engine.spec.parameters == 2_893_395
    assert engine.spec.labels == EXPRESSIONS
    check_engine(engine)
