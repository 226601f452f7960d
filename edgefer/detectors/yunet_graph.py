"""YuNet's graph, rewritten in memory so that one run does nearly all of a detector's work.

What the published files leave to the caller, or do dearly, goes into the graph:

- The picture goes in as OpenCV keeps it, rows of blue-green-red bytes. Seen as one plane three
  times as wide it need not be taken apart: the first convolution's kernel is spread out in the
  same way, from 3 x 3 x 3 to 3 x 9, and takes steps of three columns.
- The four heads of a level are eight small convolutions and some twenty nodes that only move
  their answers about. Joined they are two convolutions of 16 channels, a vector's width.
- Only cells that reach the least score are decoded, and of boxes that overlap too much the less
  certain go: Python sees faces.

The numbers are the same up to rounding. A file whose nodes are others than these (quantised ones)
keeps its own beginning and its own heads. What it gains: `python -m benchmarks.yunet`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefer.engines.session import open_session
from edgefer.errors import ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

STRIDES = (8, 16, 32)
KINDS = {"bbox": 4, "kps": 10, "cls": 1, "obj": 1}
"""And their channels, together a cell's row of 16."""
OUTPUTS = tuple(f"{kind}_{stride}" for kind in KINDS for stride in STRIDES)
"""Of a published file: (1, cells, channels) float32 each; cls and obj are sigmoids."""

PICTURE, GRID, FACES = "picture", "grid", "faces"
"""Inputs and output of the rewritten graph: (1, 1, H, 3 W) uint8 with H and W multiples of 32,
`grid(H, W)`, and (n, 15) float32, the most certain first: top left and bottom right of the box,
five landmarks, and the score. Positions are in pixels of the picture."""

Constants = dict[str, NDArray[Any]]

Kernel = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Of a convolution: its weights and its bias."""


class _Other(Exception):
    """These nodes are not a published float32 file's."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What to run in place of a file."""

    model: bytes
    fixed: tuple[int, int] | None
    """The picture's (height, width) where the file fixes it."""


def rewrite(path: Path, min_score: float, nms_iou: float) -> Rewritten:
    """Raises ModelError where the file is missing, damaged or no YuNet."""
    model = _load(path)
    graph = model.graph
    fixed = _described(graph, path)
    _take_bytes(graph, fixed)
    decoding(graph, *_cells(graph), min_score, nms_iou)
    _prune(graph)
    return Rewritten(model.SerializeToString(), fixed)


def grid(height: int, width: int) -> NDArray[np.float32]:
    """(cells, 3): each cell's column, row and stride in pixels, for a picture of that size."""
    levels = []
    for stride in STRIDES:
        rows, columns = np.mgrid[: height // stride, : width // stride].reshape(2, -1)
        levels.append(np.stack((columns, rows, np.full_like(rows, stride)), axis=1))
    return np.concatenate(levels).astype(np.float32)


def decoding(graph: GraphProto, cells: str, product: str, min_score: float, nms_iou: float) -> None:
    """Append what makes FACES of `cells`, (n, 14 or more), and `product`, (n,): class times
    object, the square of the score."""
    from onnx import TensorProto, helper

    def columns(of: str, which: Sequence[int]) -> str:
        return _add(graph, "Gather", of, np.array(which), axis=1)

    # ">=" came to ONNX with operator set 12; files are of 11.
    below = np.nextafter(np.float32(min_score**2), np.float32(0))
    keep = _add(graph, "Greater", product, below)
    cells, at, product = (
        _add(graph, "Compress", of, keep, axis=0) for of in (cells, GRID, product)
    )
    middle = columns(cells, [0, 1])
    half = _add(graph, "Mul", _add(graph, "Exp", columns(cells, [2, 3])), np.float32(0.5))
    corners = [_add(graph, op, middle, half) for op in ("Sub", "Add")]
    points = _add(graph, "Concat", *corners, columns(cells, range(4, 14)), axis=1)
    points = _add(graph, "Add", points, columns(at, [0, 1] * 7))
    points = _add(graph, "Mul", points, columns(at, [2]))
    score = _add(graph, "Sqrt", product)
    stays = _add(
        graph, "NonMaxSuppression",
        _add(graph, "Reshape", columns(points, range(4)), np.array([1, -1, 4])),
        _add(graph, "Reshape", score, np.array([1, 1, -1])),
        np.array([np.iinfo(np.int32).max]), np.array([nms_iou], np.float32),
    )  # fmt: skip
    scores = _add(graph, "Reshape", score, np.array([-1, 1]))
    rows = _add(graph, "Concat", points, scores, axis=1)
    which = _add(graph, "Gather", stays, np.array(2), axis=1)  # (batch, class, box)
    _add(graph, "Gather", rows, which, output=FACES, axis=0)
    graph.input.append(helper.make_tensor_value_info(GRID, TensorProto.FLOAT, ["cells", 3]))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(FACES, TensorProto.FLOAT, ["faces", 15]))


def _load(path: Path) -> ModelProto:
    import onnx  # a tenth of a second
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(str(path))
    except (OSError, DecodeError) as exc:
        open_session(path, threads=1)  # it says better what is wrong with the file
        raise ModelError(f"cannot read {path}: {exc}") from exc


def _described(graph: GraphProto, path: Path) -> tuple[int, int] | None:
    """The input's (height, width) where the graph fixes them. Raises ModelError for no YuNet."""
    sizes = [value.type.tensor_type.shape.dim for value in graph.input]
    if set(OUTPUTS) - {value.name for value in graph.output} or list(map(len, sizes)) != [4]:
        open_session(path, threads=1)  # an empty file is something else
        raise ModelError(
            f"{path} is not a YuNet: it needs one input of four dimensions and the outputs "
            f"{', '.join(OUTPUTS)}. Fetch one: edgefer pull yunet"
        )
    height, width = (size.dim_value for size in sizes[0][2:])
    return (height, width) if height and width else None


def _take_bytes(graph: GraphProto, fixed: tuple[int, int] | None) -> None:
    """Let the graph begin at PICTURE."""
    from onnx import TensorProto, helper

    name = graph.input[0].name
    size = (fixed[0], 3 * fixed[1]) if fixed else ("height", "columns")
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info(PICTURE, TensorProto.UINT8, [1, 1, *size]))
    plane = _add(graph, "Cast", PICTURE, to=TensorProto.FLOAT)
    (first, *others) = (node for node in graph.node if name in node.input)
    try:
        kernel, bias = _convolution(first, _constants(graph), pads=[1, 1, 1, 1], strides=[2, 2])
        if others or kernel.shape[1:] != (3, 3, 3):
            raise _Other
    except _Other:
        pixels = _add(graph, "Reshape", plane, np.array([1, 1, 0, -1, 3]))
        planes = _add(graph, "Transpose", pixels, perm=[0, 4, 2, 3, 1])
        _add(graph, "Reshape", planes, np.array([1, 3, 0, -1]), output=name)
        return
    output = first.output[0]
    graph.node.remove(first)
    spread = kernel.transpose(0, 2, 3, 1).reshape(len(kernel), 1, 3, 9)
    _add(graph, "Conv", plane, np.ascontiguousarray(spread), bias, output=output,
         kernel_shape=[3, 9], pads=[1, 3, 1, 3], strides=[2, 6])  # fmt: skip


def _cells(graph: GraphProto) -> tuple[str, str]:
    """The names of all cells' rows, (cells, 16), and of class times object, (cells,)."""
    try:
        heads = {stride: _joined(graph, stride) for stride in STRIDES}
    except _Other:
        heads = {}
    tables = []
    for stride in STRIDES:
        if heads:
            feature, point, depth = heads[stride]
            row = _add(graph, "Conv", feature, *point, kernel_shape=[1, 1])
            row = _add(graph, "Conv", row, *depth, group=16, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            row = _add(graph, "Transpose", row, perm=[0, 2, 3, 1])
        else:
            row = _add(graph, "Concat", *(f"{kind}_{stride}" for kind in KINDS), axis=2)
        tables.append(_add(graph, "Reshape", row, np.array([-1, 16])))
    table = _add(graph, "Concat", *tables, axis=0)
    pair = [_add(graph, "Gather", table, np.array(column), axis=1) for column in (14, 15)]
    if heads:
        pair = [_add(graph, "Sigmoid", one) for one in pair]
    return table, _add(graph, "Mul", *pair)


def _joined(graph: GraphProto, stride: int) -> tuple[str, Kernel, Kernel]:
    """What a level's heads read, and as one their convolutions of points and of single channels.

    Raises _Other.
    """
    made = {name: node for node in graph.node for name in node.output}
    constants = _constants(graph)
    features, points, depths = set(), [], []
    for kind in KINDS:
        at = f"{kind}_{stride}"
        for op in ("Sigmoid", "Reshape", "Transpose"):
            if op != "Sigmoid" or kind in ("cls", "obj"):
                if at not in made or made[at].op_type != op:
                    raise _Other
                at = made[at].input[0]
        depth = _convolution(made.get(at), constants, pads=[1, 1, 1, 1], group=KINDS[kind])
        point = _convolution(made.get(made[at].input[0]), constants)
        if depth[0].shape[1:] != (1, 3, 3) or point[0].shape[2:] != (1, 1):
            raise _Other
        depths.append(depth)
        points.append(point)
        features.add(made[made[at].input[0]].input[0])
    if len(features) != 1:
        raise _Other
    return features.pop(), _concatenated(points), _concatenated(depths)


def _concatenated(kernels: Sequence[Kernel]) -> Kernel:
    weights, biases = zip(*kernels, strict=True)
    return np.concatenate(weights), np.concatenate(biases)


def _convolution(node: NodeProto | None, constants: Constants, **wanted: object) -> Kernel:
    """Its weights and bias; raises _Other where it is none, or differs from what is wanted."""
    from onnx import helper

    if node is None or node.op_type != "Conv" or not constants.keys() >= set(node.input[1:]):
        raise _Other
    kernel, bias = (constants[name] for name in node.input[1:])
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    given.pop("kernel_shape", None)  # the weights have it
    plain = {"dilations": [1, 1], "group": 1, "pads": [0, 0, 0, 0], "strides": [1, 1]}
    if given != {**plain, **wanted}:
        raise _Other
    return kernel, bias


def _constants(graph: GraphProto) -> Constants:
    from onnx import numpy_helper

    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def _add(
    graph: GraphProto,
    op: str,
    *inputs: str | NDArray[Any] | np.generic,
    output: str = "",
    **attributes: Any,  # what onnx makes attributes of
) -> str:
    """Append a node and what it takes that is no name, a constant; the name of its output."""
    from onnx import helper, numpy_helper

    names = []
    for given in inputs:
        if not isinstance(given, str):
            tensor = numpy_helper.from_array(np.asarray(given), f"edgefer/{len(graph.initializer)}")
            graph.initializer.append(tensor)
            given = tensor.name
        names.append(given)
    output = output or f"edgefer/{op}/{len(graph.node)}"
    graph.node.append(helper.make_node(op, names, [output], **attributes))
    return output


def _prune(graph: GraphProto) -> None:
    """Leave what FACES needs, in the order in which it is computed."""
    made = {name: node for node in graph.node for name in node.output}
    needed: dict[str, NodeProto] = {}

    def compute(name: str) -> None:
        if name in made and name not in needed:
            for source in made[name].input:
                compute(source)
            needed[name] = made[name]

    compute(FACES)
    nodes = list({id(node): node for node in needed.values()}.values())
    read = {name for node in nodes for name in node.input}
    constants = [tensor for tensor in graph.initializer if tensor.name in read]
    # Sizes that were noted of values in between may be others now.
    del graph.value_info[:], graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
