"""The copy of a model that shows its maps, against ONNX's own slow evaluator and plain NumPy."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from edgefer.engines import onnx_taps
from edgefer.engines.onnx_taps import PLACES, look_inside
from edgefer.engines.ort import OrtEngine
from edgefer.errors import ModelError, NotInstalled
from edgefer.spec import Preprocessing
from tests.models import BLOCKS, blocks_onnx, tiny_onnx

Array = NDArray[np.float32]


@pytest.fixture
def row() -> Array:
    return np.random.default_rng(2).standard_normal((1, 3, 16, 16)).astype(np.float32)


def slowly(path: Path, row: Array, *names: str) -> list[Array]:
    """The tensors called `names`, by ONNX's reference."""
    model = onnx.load(path)
    for name in names:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    found = ReferenceEvaluator(model).run(list(names), {"input": row})
    return [np.asarray(tensor, np.float32) for tensor in found]


def test_the_maps_are_the_last_of_each_size_and_none_has_a_way_around_it(
    tmp_path: Path, row: Array
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx")
    inside = look_inside(path, row)
    shapes = [(block.tensor, block.maps.shape) for block in inside.blocks]
    # "two_r" is as large as "two", but the sum behind it needs "half" as well
    assert shapes == [("one", (4, 16, 16)), ("two", (4, 8, 8)), ("three", (6, 4, 4))]
    for block, expected in zip(
        inside.blocks, slowly(path, row, "one", "two", "three"), strict=True
    ):
        assert np.allclose(block.maps, expected[0], atol=1e-5)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("half", [False, True])
def test_the_copy_gives_the_models_answer_and_leaves_the_model_alone(
    tmp_path: Path, row: Array, hidden: bool, half: bool
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx", hidden=hidden, half=half)
    content = path.read_bytes()
    engine = OrtEngine(path)
    before = engine.infer(row)
    inside = look_inside(path, row)
    assert np.allclose(inside.scores, before[0], atol=5e-3 if half else 1e-5)
    assert np.array_equal(engine.infer(row), before)
    assert path.read_bytes() == content
    assert [item.name for item in tmp_path.iterdir()] == ["blocks.onnx"]


def test_where_a_mean_and_one_layer_follow_the_parts_are_the_weighted_maps(
    tmp_path: Path, row: Array
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx")
    inside = look_inside(path, row)
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}
    (maps,) = slowly(path, row, "three")
    by_hand = np.einsum("kc,chw->khw", weights["dense"], maps[0]) / 16
    assert inside.evidence.exact
    assert inside.evidence.tensor == "three"
    assert np.allclose(inside.evidence.parts, by_hand, atol=1e-5)
    assert np.allclose(inside.evidence.rest, weights["bias"], atol=1e-6)
    answer = OrtEngine(path).infer(row)[0]
    assert np.allclose(by_hand.sum(axis=(1, 2)) + weights["bias"], answer, atol=1e-5)
    assert np.allclose(
        inside.evidence.parts.sum(axis=(1, 2)) + inside.evidence.rest, answer, atol=1e-5
    )


def test_a_layer_on_the_map_itself_is_exact_too(tmp_path: Path, row: Array) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx", pooled=False)
    evidence = look_inside(path, row).evidence
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}
    (maps,) = slowly(path, row, "three")
    by_hand = (weights["dense"].reshape(7, 6, 4, 4) * maps).sum(axis=1)
    assert evidence.exact
    assert np.allclose(evidence.parts, by_hand, atol=1e-5)


def test_where_a_layer_bends_a_part_is_what_its_place_is_missed_by(
    tmp_path: Path, row: Array
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx", hidden=True)
    inside = look_inside(path, row)
    assert not inside.evidence.exact
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}

    def scores(maps: Array) -> Array:
        deep = np.maximum(maps.mean(axis=(1, 2)) @ weights["middle"] + weights["edge"], 0)
        answer: Array = deep @ weights["dense"].T + weights["bias"]
        return answer

    (maps,) = slowly(path, row, "three")
    without = maps[0].copy()
    without[:, 2, 1] = 0
    expected = scores(maps[0]) - scores(without)
    assert np.allclose(inside.evidence.parts[:, 2, 1], expected, atol=1e-5)


def test_a_softmax_at_the_end_is_left_out(tmp_path: Path, row: Array) -> None:
    plain = look_inside(blocks_onnx(tmp_path / "plain.onnx"), row)
    spec = dataclasses.replace(BLOCKS, output="probs")
    shares = look_inside(blocks_onnx(tmp_path / "shares.onnx", spec, softmax=True), row)
    assert np.allclose(shares.scores, plain.scores, atol=1e-6)
    assert shares.evidence.exact


def test_of_a_large_map_several_places_are_taken_out_at_once(tmp_path: Path) -> None:
    spec = dataclasses.replace(BLOCKS, preprocessing=Preprocessing(100, 132))
    row = np.random.default_rng(3).standard_normal((1, 3, 132, 100)).astype(np.float32)
    inside = look_inside(blocks_onnx(tmp_path / "blocks.onnx", spec), row)
    assert inside.blocks[-1].maps.shape == (6, 33, 25)
    assert inside.evidence.parts.shape == (7, 11, 9)  # three by three: at most PLACES
    assert max(inside.evidence.parts.shape[1:]) <= PLACES
    assert inside.evidence.exact


def test_a_map_too_small_to_tell_places_apart_gives_way_to_the_one_before(tmp_path: Path) -> None:
    spec = dataclasses.replace(BLOCKS, preprocessing=Preprocessing(8, 8))
    row = np.random.default_rng(3).standard_normal((1, 3, 8, 8)).astype(np.float32)
    inside = look_inside(blocks_onnx(tmp_path / "blocks.onnx", spec), row)
    assert inside.blocks[-1].maps.shape == (6, 2, 2)
    assert (inside.evidence.tensor, inside.evidence.parts.shape) == ("two", (7, 4, 4))
    assert not inside.evidence.exact


def test_a_real_model_in_eight_bit_integers_shows_its_maps(shared: Path) -> None:
    path = shared / "models" / "facial_expression_recognition_mobilefacenet_2022july_int8.onnx"
    row = np.random.default_rng(4).uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)
    inside = look_inside(path, row)
    sizes = [block.maps.shape[1:] for block in inside.blocks]
    assert sizes == [(56, 56), (28, 28), (14, 14), (7, 7)]
    assert inside.evidence.parts.shape == (7, 7, 7)
    assert not inside.evidence.exact  # rounding to 1 of 256 steps bends


def test_a_model_without_maps_is_told_from_a_broken_one(tmp_path: Path, row: Array) -> None:
    row = row[:, :, :8, :8]
    with pytest.raises(ModelError, match="no map"):
        look_inside(tiny_onnx(tmp_path / "tiny.onnx"), row)
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07 broken")
    with pytest.raises(ModelError, match="not an ONNX file"):
        look_inside(tmp_path / "broken.onnx", row)
    with pytest.raises(ModelError, match="cannot read"):
        look_inside(tmp_path / "absent.onnx", row)


def test_a_model_too_large_to_be_copied_is_refused(
    tmp_path: Path, row: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx")
    monkeypatch.setattr(onnx_taps, "LARGEST", path.stat().st_size - 1)
    with pytest.raises(ModelError, match="looked into"):
        look_inside(path, row)


def test_without_the_package_onnx_the_remedy_is_told(
    tmp_path: Path, row: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = blocks_onnx(tmp_path / "blocks.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(NotInstalled, match="pip install onnx"):
        look_inside(path, row)
