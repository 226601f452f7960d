from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgefer.errors import ConfigError
from edgefer_export.data import Split
from edgefer_export.half import halved
from edgefer_export.quantise import Reader, quantised
from edgefer_export.runs import Run
from edgefer_export.to_onnx import to_graph


@pytest.fixture(scope="module")
def graph(certain: Run) -> onnx.ModelProto:
    return to_graph(certain.network, certain.recipe.input())


@pytest.fixture(scope="module")
def eight_bits(graph: onnx.ModelProto, certain: Run, lessons: dict[str, Split]) -> onnx.ModelProto:
    return quantised(graph, lessons["train"], certain.recipe.input(), rows=20)


def test_each_output_channel_of_the_weights_has_its_own_scale_and_no_zero_point(
    eight_bits: onnx.ModelProto,
) -> None:
    stored = {t.name: numpy_helper.to_array(t) for t in eight_bits.graph.initializer}
    weights = [value for value in stored.values() if value.dtype == np.int8 and value.ndim == 4]
    assert len(weights) == 21  # one a convolution
    for node in eight_bits.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in stored:
            continue
        value = stored[node.input[0]]
        if value.dtype == np.int8 and value.ndim == 4:
            assert stored[node.input[1]].shape == (len(value),)
            assert not stored[node.input[2]].any()


def test_half_precision_halves_the_file_and_int8_halves_it_again(
    graph: onnx.ModelProto, eight_bits: onnx.ModelProto
) -> None:
    whole, half, quarter = (len(m.SerializeToString()) for m in (graph, halved(graph), eight_bits))
    assert 1.9 < whole / half < 2.1
    assert 1.8 < half / quarter < 2.1


def test_activations_are_unsigned_and_logits_stay_float(eight_bits: onnx.ModelProto) -> None:
    stored = {t.name: t.data_type for t in eight_bits.graph.initializer}
    zeros = [n.input[2] for n in eight_bits.graph.node if n.op_type == "QuantizeLinear"]
    assert len(zeros) > 20
    assert {stored[name] for name in zeros} == {onnx.TensorProto.UINT8}
    last = eight_bits.graph.node[-1]
    assert (last.op_type, list(last.output)) == ("BatchNormalization", ["logits"])


def test_the_graph_it_is_made_from_stays_as_it_was(
    graph: onnx.ModelProto, eight_bits: onnx.ModelProto
) -> None:
    assert {node.op_type for node in graph.graph.node}.isdisjoint(
        {"QuantizeLinear", "DequantizeLinear"}
    )
    assert {entry.version for entry in eight_bits.opset_import} == {13}


def test_the_seed_chooses_the_pictures_and_so_the_ranges(
    graph: onnx.ModelProto, certain: Run, lessons: dict[str, Split], eight_bits: onnx.ModelProto
) -> None:
    how = certain.recipe.input()
    again = quantised(graph, lessons["train"], how, rows=20)
    other = quantised(graph, lessons["train"], how, rows=20, seed=1)
    assert again.SerializeToString() == eight_bits.SerializeToString()
    assert other.SerializeToString() != eight_bits.SerializeToString()


def test_the_reader_gives_every_picture_once(certain: Run, lessons: dict[str, Split]) -> None:
    images = lessons["train"].images
    reader = Reader("input", images, certain.recipe.input())
    shapes = []
    while (batch := reader.get_next()) is not None:
        shapes.append(batch["input"].shape)
    assert sum(shape[0] for shape in shapes) == len(images)
    assert {shape[1:] for shape in shapes} == {(3, 32, 32)}


def test_no_training_pictures_are_an_error(
    graph: onnx.ModelProto, certain: Run, lessons: dict[str, Split]
) -> None:
    with pytest.raises(ConfigError):
        quantised(graph, lessons["train"].where(np.arange(0)), certain.recipe.input())
