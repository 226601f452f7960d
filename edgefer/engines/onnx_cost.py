"""What one run of an ONNX graph costs, counted from the graph: products and bytes.

Counted as the field counts: every product of a convolution or a matrix that is added to a sum is
one multiply-accumulate. Additions alone, activations, pooling and normalisation are not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

SMALL = 1024
"""Values of a stored tensor up to which shapes may depend on it, such as where a Reshape leads."""

CONVOLUTIONS = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
"""Which input is the weight, (out, in / groups, kernel ...)."""
MATRICES = {"MatMul", "MatMulInteger", "QLinearMatMul"}
UNCOUNTED = {"Attention", "DeformConv", "Einsum", "GRU", "If", "LSTM", "Loop", "RNN", "Scan"}
"""Operators of ONNX itself that multiply in ways not counted here."""
DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one picture: a batch that is free counts as 1."""

    macs: int | None
    """Multiply-accumulates; None where some cannot be counted."""
    uncounted: tuple[str, ...]
    """Why: operators, or nodes whose shapes the file leaves open."""
    weights: int
    """Values that the file stores."""
    weight_bytes: int
    """As it stores them."""
    input_values: int | None
    output_values: int | None


def count(model: ModelProto) -> Cost:
    """The cost of the graph, of which only the batch may be of a free size."""
    from onnx import shape_inference

    graph = model.graph
    values, size = _stored(model)
    try:
        light = inferred(model)
    except shape_inference.InferenceError as exc:
        first = str(exc).splitlines()[0]
        return Cost(None, (f"shapes: {first}",), values, size, None, None)
    shapes = _shapes(light)
    total, uncounted = 0, set()
    for node in graph.node:
        macs = _macs(node, shapes)
        if macs is None:
            uncounted.add(node.op_type)
        else:
            total += macs
    weights = {tensor.name for tensor in graph.initializer}
    return Cost(
        macs=None if uncounted else total,
        uncounted=tuple(sorted(uncounted)),
        weights=values,
        weight_bytes=size,
        input_values=_values([v.name for v in graph.input if v.name not in weights], shapes),
        output_values=_values([v.name for v in graph.output], shapes),
    )


def _macs(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """Of one node; None where they cannot be told."""
    from onnx import defs

    def given(n: int) -> tuple[int, ...] | None:
        return shapes.get(node.input[n]) if n < len(node.input) else None

    kind, out = node.op_type, shapes.get(node.output[0]) if node.output else None
    if kind in CONVOLUTIONS:
        weight = given(CONVOLUTIONS[kind])
        return math.prod(out) * math.prod(weight[1:]) if out and weight else None
    if kind == "ConvTranspose":  # each value that comes in is multiplied with the whole kernel
        left, weight = given(0), given(1)
        return math.prod(left) * math.prod(weight[1:]) if left and weight else None
    if kind == "Gemm" or kind in MATRICES:
        left = given(0)
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        return math.prod(out) * left[0 if turned else -1] if out is not None and left else None
    known = kind not in UNCOUNTED and node.domain in DOMAINS and defs.has(kind, node.domain)
    return 0 if known else None


def inferred(model: ModelProto) -> ModelProto:
    """The same graph for a batch of one, without its weights' values, with the type and shape of
    each tensor that ONNX can tell. Raises its InferenceError."""
    from onnx import shape_inference

    light: ModelProto = shape_inference.infer_shapes(_light(model), data_prop=True)
    return light


def _light(model: ModelProto) -> ModelProto:
    """The same graph without its weights' values, and with a batch of one."""
    from onnx import helper

    graph = model.graph
    small = [t for t in graph.initializer if math.prod(t.dims) <= SMALL]
    large = [t for t in graph.initializer if math.prod(t.dims) > SMALL]
    stored = {tensor.name for tensor in graph.initializer}
    given = [v for v in graph.input if v.name not in stored]
    light = helper.make_graph(
        graph.node,
        "light",
        given + [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in large],
        # What the file says of shapes in between may name the free batch: it is found anew.
        [helper.make_tensor_value_info(v.name, v.type.tensor_type.elem_type, None)
         for v in graph.output],
        small,
    )  # fmt: skip
    for value in light.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
    return helper.make_model(
        light, opset_imports=model.opset_import, ir_version=max(4, model.ir_version)
    )


def _shapes(model: ModelProto) -> dict[str, tuple[int, ...]]:
    """Of every tensor whose shape is known to the last number."""
    graph = model.graph
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(d.HasField("dim_value") for d in kind.shape.dim):
            found[value.name] = tuple(d.dim_value for d in kind.shape.dim)
    return found


def _values(names: list[str], shapes: dict[str, tuple[int, ...]]) -> int | None:
    if any(name not in shapes for name in names):
        return None
    return sum(math.prod(shapes[name]) for name in names)


def _stored(model: ModelProto) -> tuple[int, int]:
    """How many values the file stores as weights and constants, and their bytes."""
    from onnx import helper

    constants = [a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute]
    values = bits = 0
    for tensor in (*model.graph.initializer, *constants):
        kind = tensor.DataType.Name(tensor.data_type)
        if kind in ("UNDEFINED", "STRING"):
            continue
        half_byte = kind in ("INT4", "UINT4", "FLOAT4E2M1")
        each = 4 if half_byte else helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * 8
        values += math.prod(tensor.dims)
        bits += math.prod(tensor.dims) * each
    return values, -(-bits // 8)
