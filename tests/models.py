"""Small ONNX classifiers, made with `onnx.helper` where a test needs one."""

from __future__ import annotations

import math
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


BLOCKS = ModelSpec("blocks", EXPRESSIONS, Preprocessing(16, 16))


def blocks_onnx(
    path: Path,
    spec: ModelSpec = BLOCKS,
    *,
    hidden: bool = False,
    softmax: bool = False,
    half: bool = False,
    pooled: bool = True,
) -> Path:
    """A network of three blocks, the second with a way around: (N, C, h, w) -> (N, labels).

    Its maps are `one` (4, h, w), `two` (4, h / 2, w / 2) and `three` (6, h / 4, w / 4). Then a mean
    over the map, or the map itself unless `pooled`, in a shape that the graph finds out, and one
    linear layer `dense` with `bias`. Where `hidden`, `middle` with `edge` and a bend come before
    it. With `half` all of it is computed in float16.
    """
    rng = np.random.default_rng(1)
    how = spec.preprocessing
    kind = np.float16 if half else np.float32

    def weight(name: str, *shape: int) -> onnx.TensorProto:
        values = rng.standard_normal(shape) / math.sqrt(math.prod(shape[1:]))
        return numpy_helper.from_array(values.astype(kind), name)

    def conv(take: str, name: str) -> onnx.NodeProto:
        return helper.make_node("Conv", [take, f"{name}_w"], [name], pads=[1, 1, 1, 1])

    def pool(take: str, name: str) -> onnx.NodeProto:
        return helper.make_node("MaxPool", [take], [name], kernel_shape=[2, 2], strides=[2, 2])

    node = helper.make_node
    last, labels = 6 if pooled else 6 * (how.height // 4) * (how.width // 4), len(spec.labels)
    nodes = [
        *([node("Cast", ["input"], ["first"], to=TensorProto.FLOAT16)] if half else []),
        conv("first" if half else "input", "one_c"), node("Relu", ["one_c"], ["one"]),
        pool("one", "half"), conv("half", "two_c"), node("Relu", ["two_c"], ["two_r"]),
        node("Add", ["two_r", "half"], ["two"]),
        pool("two", "quarter"), conv("quarter", "three_c"), node("Relu", ["three_c"], ["three"]),
        *([node("GlobalAveragePool", ["three"], ["mean"])] if pooled else []),
        node("Shape", ["mean" if pooled else "three"], ["shape"]),
        node("Gather", ["shape", "zeroth"], ["rows"]),
        node("Concat", ["rows", "rest"], ["wanted"], axis=0),
        node("Reshape", ["mean" if pooled else "three", "wanted"], ["flat"]),
        *([node("Gemm", ["flat", "middle", "edge"], ["bent"]), node("Relu", ["bent"], ["deep"])]
          if hidden else []),
        node("Gemm", ["deep" if hidden else "flat", "dense", "bias"], ["scores"], transB=1),
        *([node("Softmax", ["scores"], ["shares"])] if softmax else []),
        node("Cast", ["shares" if softmax else "scores"], ["answer"], to=TensorProto.FLOAT),
    ]  # fmt: skip
    weights = [
        weight("one_c_w", 4, how.channels, 3, 3), weight("two_c_w", 4, 4, 3, 3),
        weight("three_c_w", 6, 4, 3, 3), weight("dense", labels, 5 if hidden else last),
        weight("bias", labels), *([weight("middle", last, 5), weight("edge", 5)] if hidden else []),
        numpy_helper.from_array(np.array([0], np.int64), "zeroth"),
        numpy_helper.from_array(np.array([-1], np.int64), "rest"),
    ]  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "blocks",
        [
            helper.make_tensor_value_info(
                "input", TensorProto.FLOAT, ("batch", how.channels, how.height, how.width)
            )
        ],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, ("batch", labels))],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.save(model, str(path))
    return path
