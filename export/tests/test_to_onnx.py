from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from edgefer.engines.onnx_cost import count
from edgefer.engines.onnx_file import read_onnx
from edgefer.engines.ort import OrtEngine
from edgefer.errors import ConfigError, ModelError
from edgefer.spec import EXPRESSIONS, METADATA_KEY, ModelSpec, Preprocessing
from edgefer_export import to_onnx
from edgefer_export.calibration import fit_temperature
from edgefer_export.data import Split
from edgefer_export.evaluate import figure, tensors
from edgefer_export.measure import macs
from edgefer_export.parity import answers
from edgefer_export.recipe import Data, Recipe, Schedule, Stage
from edgefer_export.runs import Run, network_of
from edgefer_export.to_onnx import Exported, export, quantise
from edgefer_export.torch_engine import describe, digest
from edgefer_export.zoo import NETWORKS, build

Written = tuple[Path, Exported]


@pytest.fixture(scope="module")
def exported(settled: Run, public: Split, tmp_path_factory: pytest.TempPathFactory) -> Written:
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    return path, export(settled, public, path)


@pytest.fixture(scope="module", params=["fp32", "fp16", "int8"])
def lesson(
    request: pytest.FixtureRequest,
    certain: Run,
    lessons: dict[str, Split],
    tmp_path_factory: pytest.TempPathFactory,
) -> Written:
    """A network that has learned something, in each precision."""
    path = tmp_path_factory.mktemp("onnx") / f"{request.param}.onnx"
    return path, export(certain, lessons["public"], path, request.param, lessons["train"])


def test_the_file_is_opset_13_and_nothing_else(lesson: Written) -> None:
    opsets = onnx.load(lesson[0]).opset_import
    assert [(entry.domain, entry.version) for entry in opsets] == [("", 13)]


def test_input_and_output_are_named_and_any_batch_of_float32_goes(lesson: Written) -> None:
    graph = onnx.load(lesson[0]).graph
    assert [value.name for value in graph.input] == ["input"]
    assert [value.name for value in graph.output] == ["logits"]
    engine = OrtEngine(lesson[0])
    for n in (1, 2, 5):
        assert engine.infer(np.zeros((n, 3, 32, 32), np.float32)).shape == (n, 7)


def test_the_file_holds_the_precision_that_was_asked_for(lesson: Written) -> None:
    path, written = lesson
    assert read_onnx(path).precision == path.stem
    assert written.spec.precision == written.parity.precision == path.stem
    assert OrtEngine(path).spec == written.spec


def test_every_precision_answers_the_lessons_as_torch_does(lesson: Written) -> None:
    _, written = lesson
    assert written.parity.agreement == 1
    assert written.parity.reference_accuracy > 0.9
    assert written.result.standard.accuracy == written.parity.accuracy
    limit = {"fp32": 1e-5, "fp16": 0.02, "int8": 0.2}[written.parity.precision]
    assert 0 < written.parity.difference < limit


def test_the_temperature_is_the_one_that_fits_the_files_own_answers(
    lesson: Written, lessons: dict[str, Split]
) -> None:
    path, written = lesson
    logits = answers(OrtEngine(path), lessons["public"].images)
    fitted = fit_temperature(logits, lessons["public"].labels)
    assert written.spec.temperature == pytest.approx(fitted, abs=1e-4)
    assert written.spec.temperature != 1


def test_int8_without_the_runs_own_training_pictures_is_refused(
    certain: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    for pictures in (None, lessons["public"]):
        with pytest.raises(ConfigError):
            export(certain, lessons["public"], tmp_path / "m.onnx", "int8", pictures)
    assert not list(tmp_path.iterdir())


def test_a_file_is_quantised_without_its_run_and_held_against_itself(
    certain: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    whole, eight = tmp_path / "fp32.onnx", tmp_path / "int8.onnx"
    export(certain, lessons["public"], whole)
    written = quantise(whole, lessons["train"], lessons["public"], eight)
    assert read_onnx(eight).precision == "int8"
    assert OrtEngine(eight).spec == written.spec
    assert written.spec.precision == "int8"
    assert written.spec.recipe == OrtEngine(whole).spec.recipe
    assert written.parity.reference == OrtEngine(whole).runtime
    assert 0 < written.parity.difference < 0.2


def test_what_is_quantised_already_is_refused(
    certain: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    eight = tmp_path / "int8.onnx"
    export(certain, lessons["public"], eight, "int8", lessons["train"])
    with pytest.raises(ConfigError, match="fp32"):
        quantise(eight, lessons["train"], lessons["public"], tmp_path / "again.onnx")
    assert not (tmp_path / "again.onnx").exists()


def test_the_cost_counted_in_the_graph_is_the_one_counted_in_torch() -> None:
    for name in ("lightweight-residual", "lenet", "mobilenetv3-small"):
        known = NETWORKS[name]
        shape = (known.channels, known.size, known.size)
        network = build(name, classes=known.classes, channels=known.channels, size=known.size)
        mean = (0.5,) * known.channels
        how = Preprocessing(known.size, known.size, known.channels, "grey", mean, mean)
        assert count(to_onnx.to_graph(network, how)).macs == macs(network, shape)


def test_a_public_split_without_rows_is_refused(
    certain: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        export(certain, lessons["public"].where(np.arange(0)), tmp_path / "m.onnx")


def test_the_spec_is_read_back_as_it_was_written(exported: Written, settled: Run) -> None:
    spec = OrtEngine(exported[0]).spec
    assert dataclasses.replace(spec, accuracy="", temperature=1.0) == describe(settled)
    assert spec.network == "lightweight"
    assert spec.recipe.startswith("tiny ")
    assert spec.parameters == 2_893_395
    assert spec.labels == EXPRESSIONS
    assert spec.preprocessing == settled.recipe.input()


def test_the_quoted_accuracy_is_the_evaluated_one(exported: Written) -> None:
    path, written = exported
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == METADATA_KEY
    said = ModelSpec.from_json(entry.value).accuracy
    assert figure(written.result.standard) in said
    assert written.result.digest in said


def test_onnx_runtime_answers_as_torch_does(exported: Written, settled: Run, public: Split) -> None:
    assert exported[1].parity.difference <= 1e-4
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


def test_another_networks_channels_planes_and_labels_travel_in_the_file(
    finished: Run, lessons: dict[str, Split], tmp_path: Path
) -> None:
    recipe = Recipe(
        name="edges",
        network="model-b",
        stages=(Stage(48, 1),),
        schedule=Schedule(warmup_epochs=0.5),
        data=Data(expressions=("sad", "happy", "fear", "angry", "neutral")),
        preprocessing={"planes": ["clahe", "edges"], "mean": 0.5, "std": 0.5},
    )
    torch.manual_seed(0)
    network = network_of(recipe).eval()
    run = dataclasses.replace(finished, recipe=recipe, network=network)
    written = export(run, lessons["public"], tmp_path / "m.onnx")
    spec = OrtEngine(tmp_path / "m.onnx").spec
    assert spec.labels == ("sad", "happy", "fear", "angry", "neutral")
    assert spec.preprocessing.planes == ("clahe", "edges")
    assert (spec.preprocessing.channels, spec.preprocessing.width) == (2, 48)
    assert spec.network == "model-b"
    assert written.parity.rows == 50  # two of the seven expressions are left out


def test_a_recipe_that_differs_has_another_digest(settled: Run) -> None:
    changed = {**settled.record, "recipe": {**settled.record["recipe"], "seed": 1}}
    assert digest(dataclasses.replace(settled, record=changed)) != digest(settled)
    turned = dict(reversed(settled.record["recipe"].items()))
    assert digest(dataclasses.replace(settled, record={"recipe": turned})) == digest(settled)
