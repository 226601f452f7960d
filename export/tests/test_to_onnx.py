from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from edgefer.engines.ort import OrtEngine
from edgefer.errors import ModelError
from edgefer.spec import EXPRESSIONS, METADATA_KEY, ModelSpec
from edgefer_export import to_onnx
from edgefer_export.data import Split
from edgefer_export.evaluate import Evaluation, figure, tensors
from edgefer_export.runs import Run
from edgefer_export.to_onnx import compare, export
from edgefer_export.torch_engine import TorchEngine, describe
from edgefer_export.zoo import build

Exported = tuple[Path, Evaluation]


@pytest.fixture(scope="module")
def exported(settled: Run, public: Split, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    return path, export(settled, public, path)


def test_the_file_is_opset_13_and_nothing_else(exported: Exported) -> None:
    opsets = onnx.load(exported[0]).opset_import
    assert [(entry.domain, entry.version) for entry in opsets] == [("", 13)]


def test_input_and_output_are_named_and_any_batch_goes(exported: Exported) -> None:
    graph = onnx.load(exported[0]).graph
    assert [value.name for value in graph.input] == ["input"]
    assert [value.name for value in graph.output] == ["logits"]
    engine = OrtEngine(exported[0])
    for n in (1, 2, 5):
        assert engine.infer(np.zeros((n, 3, 32, 32), np.float32)).shape == (n, 7)


def test_the_spec_is_read_back_as_it_was_written(exported: Exported, settled: Run) -> None:
    spec = OrtEngine(exported[0]).spec
    assert dataclasses.replace(spec, accuracy="") == describe(settled)
    assert spec.parameters == 2_893_395
    assert spec.labels == EXPRESSIONS
    assert spec.preprocessing == settled.recipe.input()


def test_the_quoted_accuracy_is_the_evaluated_one(exported: Exported) -> None:
    path, result = exported
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == METADATA_KEY
    said = ModelSpec.from_json(entry.value).accuracy
    assert figure(result.standard) in said
    assert result.digest in said


def test_onnx_runtime_answers_as_torch_does(
    exported: Exported, settled: Run, public: Split
) -> None:
    reference = TorchEngine(settled.network, describe(settled))
    assert compare(OrtEngine(exported[0]), reference, public) <= 1e-4
    batch = tensors(public.images, settled.recipe.input())
    with torch.no_grad():
        wanted = settled.network(torch.from_numpy(batch)).numpy()
    np.testing.assert_allclose(OrtEngine(exported[0]).infer(batch), wanted, atol=1e-3)
    assert np.abs(wanted).max() < 10  # the tolerance is a small part of what is compared


def test_a_graph_that_answers_otherwise_is_refused_and_nothing_is_written(
    tmp_path: Path, settled: Run, public: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = to_onnx.to_graph(build("lightweight"), settled.recipe.input())
    monkeypatch.setattr(to_onnx, "to_graph", lambda *_: wrong)
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"the one before")
    with pytest.raises(ModelError, match="differs from torch"):
        export(settled, public, path)
    assert path.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [path]


class Nan:
    """An engine whose answers are no numbers."""

    exclusive = False
    runtime = "none"

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.full((len(batch), len(self.spec.labels)), np.nan, np.float32)

    def close(self) -> None:
        """Nothing is open."""


def test_an_engine_that_answers_nan_is_refused(settled: Run, public: Split) -> None:
    spec = describe(settled)
    with pytest.raises(ModelError, match="nan"):
        compare(Nan(spec), TorchEngine(settled.network, spec), public)
