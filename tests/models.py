"""Small ONNX classifiers, made with `onnx.helper` where a test needs one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgefer.spec import EXPRESSIONS, METADATA_KEY, ModelSpec, Preprocessing

SPEC = ModelSpec("tiny", EXPRESSIONS, Preprocessing(8, 8))


def tiny_onnx(
    path: Path,
    spec: ModelSpec | None = SPEC,
    *,
    input_shape: Sequence[int | str] = ("batch", 3, 8, 8),
    outputs: int = 7,
    weight: float | None = None,
    quantised: bool = False,
) -> Path:
    """Global mean per channel, then one dense layer: (N, 3, 8, 8) -> (N, outputs) logits.

    `weight` replaces every weight, with nan for a model that answers nan. `quantised` rounds its
    answer to 1/16 by an int8 pair of operators, so that the file counts as int8.
    """
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((3, outputs)).astype(np.float32)
    if weight is not None:
        dense[:] = weight
    rank_four = len(input_shape) == 4
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]) if rank_four else
        helper.make_node("Identity", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "dense"], ["exact" if quantised else "logits"]),
    ]  # fmt: skip
    weights = [numpy_helper.from_array(dense, "dense")]
    if quantised:
        nodes += [
            helper.make_node("QuantizeLinear", ["exact", "scale", "zero"], ["steps"]),
            helper.make_node("DequantizeLinear", ["steps", "scale", "zero"], ["logits"]),
        ]
        weights += [
            numpy_helper.from_array(np.float32(1 / 16), "scale"),
            numpy_helper.from_array(np.int8(0), "zero"),
        ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, (input_shape[0], outputs))],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if spec is not None:
        helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.save(model, str(path))
    return path
