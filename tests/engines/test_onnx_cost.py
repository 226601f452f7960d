"""Networks small enough to be counted by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefer.cli import main
from edgefer.engines import find_model
from edgefer.engines.onnx_cost import Cost, count
from edgefer.engines.onnx_file import read_onnx
from tests.models import tiny_onnx


def graph(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str],
    weights: dict[str, np.ndarray],
    opset: int = 13,
) -> onnx.ModelProto:
    """A model from "x" to "y"."""
    made = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def floats(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def macs(
    node: onnx.NodeProto, shape: Sequence[int | str], weights: dict[str, np.ndarray]
) -> int | None:
    return count(graph([node], shape, weights)).macs


def test_a_convolution_costs_its_kernel_for_each_value_it_gives() -> None:
    conv = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2])
    # 8 x 6 in strides of two: 4 x 3 values of 16 channels, each from 3 x 3 of 4 channels.
    cost = count(graph([conv], (1, 4, 8, 6), {"w": floats(16, 4, 3, 3), "b": floats(16)}))
    assert cost == Cost(
        macs=4 * 3 * 16 * 3 * 3 * 4,
        uncounted=(),
        weights=16 * 4 * 9 + 16,
        weight_bytes=4 * (16 * 4 * 9 + 16),
        input_values=4 * 8 * 6,
        output_values=16 * 4 * 3,
    )


def test_groups_divide_a_convolution_and_depthwise_is_one_channel_each() -> None:
    depthwise = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], group=4)
    assert macs(depthwise, (1, 4, 8, 8), {"w": floats(4, 1, 3, 3)}) == 8 * 8 * 4 * 9
    halves = helper.make_node("Conv", ["x", "w"], ["y"], group=2)
    assert macs(halves, (1, 4, 5, 5), {"w": floats(6, 2, 1, 1)}) == 5 * 5 * 6 * 2


def test_dilation_and_one_dimension_change_no_rule() -> None:
    dilated = helper.make_node("Conv", ["x", "w"], ["y"], dilations=[2, 2])
    assert macs(dilated, (1, 1, 9, 9), {"w": floats(3, 1, 3, 3)}) == 5 * 5 * 3 * 9
    line = helper.make_node("Conv", ["x", "w"], ["y"])
    assert macs(line, (1, 2, 10), {"w": floats(3, 2, 4)}) == 7 * 3 * 2 * 4


def test_a_transposed_convolution_costs_its_kernel_for_each_value_it_takes() -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    assert macs(node, (1, 4, 5, 5), {"w": floats(4, 3, 2, 2)}) == 5 * 5 * 4 * 3 * 2 * 2


def test_matrices_cost_rows_times_inner_times_columns() -> None:
    gemm = helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1)
    assert macs(gemm, (1, 20), {"w": floats(7, 20), "b": floats(7)}) == 20 * 7
    turned = helper.make_node("Gemm", ["x", "w"], ["y"], transA=1)
    assert macs(turned, (20, 3), {"w": floats(20, 7)}) == 3 * 20 * 7
    matmul = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert macs(matmul, (1, 5, 20), {"w": floats(20, 7)}) == 5 * 20 * 7
    vector = helper.make_node("MatMul", ["x", "w"], ["y"])
    assert macs(vector, (20,), {"w": floats(20)}) == 20


def test_a_free_batch_counts_as_one_picture() -> None:
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    assert macs(conv, ("batch", 2, 4, 4), {"w": floats(3, 2, 1, 1)}) == 4 * 4 * 3 * 2


def test_what_multiplies_no_sum_is_free() -> None:
    for kind in ("Relu", "GlobalAveragePool", "Softmax", "Sigmoid"):
        assert macs(helper.make_node(kind, ["x"], ["y"]), (1, 4, 8, 8), {}) == 0


def test_shapes_that_a_stored_reshape_decides_are_followed() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "to"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["y"]),
    ]
    weights = {"to": np.array([0, -1], np.int64), "w": floats(4 * 16 * 16, 7)}
    assert count(graph(nodes, ("n", 4, 16, 16), weights)).macs == 4 * 16 * 16 * 7


def test_eight_bit_weights_behind_their_scales_count_the_same_in_a_quarter_of_the_bytes() -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w8", "s", "z"], ["w"], axis=0),
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
    ]
    weights = {"w8": np.zeros((8, 4, 3, 3), np.int8), "s": floats(8), "z": np.zeros(8, np.int8)}
    cost = count(graph(nodes, (1, 4, 6, 6), weights))
    assert cost.macs == 6 * 6 * 8 * 4 * 9
    assert cost.weight_bytes == 8 * 4 * 9 + 8 * 4 + 8


def test_what_cannot_be_counted_is_named_and_no_number_is_given() -> None:
    einsum = helper.make_node("Einsum", ["x", "w"], ["y"], equation="nc,ck->nk")
    cost = count(graph([einsum], (1, 4), {"w": floats(4, 7)}))
    assert (cost.macs, cost.uncounted) == (None, ("Einsum",))
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    open_size = count(graph([conv], ("n", 3, "height", "width"), {"w": floats(3, 3, 3, 3)}))
    assert (open_size.macs, open_size.uncounted) == (None, ("Conv",))
    foreign = helper.make_node("Anything", ["x"], ["y"], domain="com.example")
    model = graph([foreign], (1, 4), {})
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    assert count(model).macs is None
    for node in (
        helper.make_node("Nonsense", ["x"], ["y"]),
        helper.make_node("Conv", ["x"], ["y"]),
    ):
        assert count(graph([node], (1, 4), {})).uncounted == (node.op_type,)


def test_a_contradiction_in_the_graph_is_told_not_raised() -> None:
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    assert count(graph([conv], (1, 5, 4, 4), {"w": floats(3, 2, 1)})).uncounted == ("Conv",)
    foreign = helper.make_node("Relu", ["x"], ["y"], domain="com.unheard")
    assert count(graph([foreign], (1, 5), {})).uncounted[0].startswith("shapes: ")


def test_the_graph_that_was_counted_stays_as_it_was() -> None:
    conv = helper.make_node("Conv", ["x", "w"], ["y"])
    model = graph([conv], ("batch", 2, 4, 4), {"w": floats(3, 2, 1, 1)})
    before = model.SerializeToString()
    count(model)
    assert model.SerializeToString() == before


def test_the_shipped_model_costs_what_its_zoo_published() -> None:
    facts = read_onnx(find_model("lightweight.onnx"))
    assert facts.cost.macs == 140_512_768
    assert facts.cost.weights == facts.stored
    assert (facts.cost.input_values, facts.cost.output_values) == (3 * 64 * 64, 7)


def test_inspect_prints_the_count_of_any_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tiny_onnx(tmp_path / "m.onnx"))]) == 0
    assert "21 for one picture, counted from the graph" in capsys.readouterr().out
