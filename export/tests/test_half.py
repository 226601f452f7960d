from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgefer_export.half import GREATEST, SMALLEST, halved


def dense(weights: tuple[float, ...]) -> onnx.ModelProto:
    """(N, 1) -> (N, K): one weight each."""
    array = np.array([weights], np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "w"], ["logits"])],
        "dense",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ("batch", 1))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("batch", len(weights)))],
        [numpy_helper.from_array(array, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_weights_become_half_and_input_and_output_do_not() -> None:
    model = dense((1.0, -0.5))
    half = halved(model)
    assert [t.data_type for t in half.graph.initializer] == [TensorProto.FLOAT16]
    for value in (*half.graph.input, *half.graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [t.data_type for t in model.graph.initializer] == [TensorProto.FLOAT]


def test_what_half_precision_cannot_hold_goes_to_its_ends_without_a_warning() -> None:
    (kept,) = halved(dense((1e-9, -1e-9, 1e6, -1e6, 0.0, 2.0))).graph.initializer
    values = numpy_helper.to_array(kept).astype(np.float64).ravel()
    np.testing.assert_allclose(values, [SMALLEST, -SMALLEST, GREATEST, -GREATEST, 0, 2], rtol=1e-3)
