"""What lies between an ONNX classifier's input and its answer: the maps of its blocks, and what
each place of the last map adds to the answer.

A copy of the graph, made for one look and let go of: the model that answers is never touched. A
map is taken only where everything after it depends on it alone, so that a block's map is all that
the network still knows of the picture at that depth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefer.engines.onnx_cost import inferred
from edgefer.engines.session import open_session, run
from edgefer.errors import ModelError, NotInstalled

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

Array = NDArray[np.float32]

LARGEST = 100_000_000
"""Bytes of a file that is looked into: four times as much memory is taken meanwhile, on a device
whose cameras go on."""
LEAST = 3
"""Rows and columns that a map needs to tell places apart."""
PLACES = 16
"""Rows and columns at most that are taken out by themselves; of a larger map, a few at once."""
ADDS_UP = 1e-3
"""How far the parts may be from their sum, beside it, to be called exact: float16's rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The last map of one size, for one picture."""

    tensor: str
    """Its name in the graph."""
    maps: Array
    """(C, h, w) float32."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What each place of the last map does to the scores: how much a score falls where that place
    is set to zero, as if nothing had been found there."""

    tensor: str
    """Of the map: the last one of LEAST rows and columns, or the last one of all."""
    parts: Array
    """(K, h, w) float32."""
    rest: Array
    """(K,) float32: the scores of a map that is zero everywhere."""
    exact: bool
    """`parts` and `rest` add up to the scores: the classic class activation map (Zhou et al. 2016,
    "Learning Deep Features for Discriminative Localization"), as where a mean over the map and one
    linear layer follow. Else a layer in between bends, and a part is what is lost without it
    (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks")."""


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """One picture's way through the network."""

    blocks: tuple[Block, ...]
    """From the input to the answer, each smaller than the one before."""
    scores: Array
    """(K,) float32: the answer of the copy, before a softmax that the graph ends in."""
    evidence: Evidence


def look_inside(path: Path, row: Array) -> Inside:
    """What the model at `path` computes for `row`, (1, C, h, w) float32 as its engine takes it.

    Makes two sessions of the file, and computes up to some 250 times what follows the last map:
    0.1 s for a small network. Raises NotInstalled without `onnx` or ONNX Runtime, ModelError where
    the file is too large or its graph has no map to show, InferenceError where it fails.
    """
    graph = _Graph(_loaded(path), path)
    blocks = graph.blocks()
    tapped = open_session(path, threads=1, content=graph.tapped(blocks))
    *maps, scores = run(tapped, [*blocks, graph.scores], {graph.input: row})
    del tapped  # its weights, before the second session reads them
    tells = [n for n, found in enumerate(maps) if min(found.shape[2:]) >= LEAST]
    last = tells[-1] if tells else len(maps) - 1
    return Inside(
        blocks=tuple(
            Block(name, np.asarray(found[0], np.float32))
            for name, found in zip(blocks, maps, strict=True)
        ),
        scores=np.asarray(scores[0], np.float32),
        evidence=_evidence(graph, blocks[last], maps[last]),
    )


def _evidence(graph: _Graph, name: str, last: NDArray[Any]) -> Evidence:
    """Of the map called `name`, (1, C, h, w), in the graph's own kind of float."""
    tail = open_session(graph.path, threads=1, content=graph.after(name, last.shape))

    def score(maps: NDArray[Any]) -> Array:
        return np.asarray(run(tail, [graph.scores], {name: maps})[0][0], np.float32)

    whole, rest = score(last), score(np.zeros_like(last))
    height, width = last.shape[2:]
    each = -(-max(height, width) // PLACES)
    parts = np.empty((len(whole), -(-height // each), -(-width // each)), np.float32)
    for y, x in np.ndindex(parts.shape[1:]):
        without = last.copy()
        without[:, :, y * each : (y + 1) * each, x * each : (x + 1) * each] = 0
        parts[:, y, x] = whole - score(without)
    gap = abs(parts.sum(axis=(1, 2)) + rest - whole).max()
    return Evidence(name, parts, rest, exact=bool(gap <= ADDS_UP * max(1.0, abs(whole).max())))


class _Graph:
    """A model's graph, as far as its answer needs it."""

    def __init__(self, model: ModelProto, path: Path) -> None:
        """Raises ModelError where it does not take one input."""
        self.path, self._model = path, model
        graph = model.graph
        self._stored = {tensor.name: tensor for tensor in graph.initializer}
        given = [value.name for value in graph.input if value.name not in self._stored]
        if len(given) != 1 or not graph.output:
            raise ModelError(f"{path} takes {len(given)} inputs; a classifier takes one")
        self.input = given[0]
        self.scores = _before_softmax(graph)
        self._nodes = self._between(self.input, self.scores)
        self._described = _described(model)

    def blocks(self) -> tuple[str, ...]:
        """The names of the last map of each size."""
        from onnx import TensorProto

        floats = (TensorProto.FLOAT, TensorProto.FLOAT16)
        last: dict[tuple[int, ...], str] = {}
        convolved = False  # what comes before is the picture itself
        for node, tensor in self._narrows():
            convolved = convolved or "Conv" in node.op_type
            kind, shape = self._described.get(tensor, (0, ()))
            is_map = len(shape) == 4 and shape[2] * shape[3] > 1 and node.op_type != "Transpose"
            if convolved and is_map and kind in floats:
                last.pop(shape[2:], None)  # so that they stay in the graph's order
                last[shape[2:]] = tensor
        if not last:
            raise ModelError(
                f"{self.path} has no map in floating point on which all that follows depends"
            )
        return tuple(last.values())

    def _narrows(self) -> Iterator[tuple[NodeProto, str]]:
        """Each tensor on which alone all that follows depends, and the node that made it."""
        uses = Counter(name for node in self._nodes for name in set(node.input))
        uses[self.scores] += 1
        live = {self.input}
        for node in self._nodes:
            taken = live & set(node.input)
            if not taken:
                continue  # made of stored values only
            for name in taken:
                uses[name] -= 1
                if not uses[name]:
                    live.remove(name)
            live |= {name for name in node.output if uses[name]}
            if len(live) == 1 and node.output[0] in live:
                yield node, node.output[0]

    def _between(self, begin: str, end: str) -> list[NodeProto]:
        """The nodes that make `end`, in the graph's order, as if `begin` were given."""
        wanted, nodes = {end}, []
        for node in reversed(self._model.graph.node):
            made = set(node.output)
            if made & wanted and begin not in made:
                nodes.append(node)
                wanted |= set(node.input)
        return nodes[::-1]

    def tapped(self, names: Sequence[str]) -> bytes:
        """The model from the picture to the scores, with the tensors `names` as outputs too."""
        given = next(value for value in self._model.graph.input if value.name == self.input)
        return self._cut(self._nodes, given, [*names, self.scores])

    def after(self, name: str, shape: Sequence[int]) -> bytes:
        """The model from the tensor `name`, here of this shape, to the scores."""
        from onnx import helper

        given = helper.make_tensor_value_info(name, self._described[name][0], shape)
        return self._cut(self._between(name, self.scores), given, [self.scores])

    def _cut(self, nodes: Sequence[NodeProto], given: ValueInfoProto, names: list[str]) -> bytes:
        from onnx import TensorProto, helper

        needed = {name for node in nodes for name in node.input}
        unknown = (TensorProto.FLOAT, ())
        answers = [
            helper.make_tensor_value_info(name, self._described.get(name, unknown)[0], None)
            for name in names
        ]
        stored = [tensor for name, tensor in self._stored.items() if name in needed]
        graph = helper.make_graph(nodes, "cut", [given], answers, stored)
        model = helper.make_model(
            graph,
            opset_imports=self._model.opset_import,
            ir_version=self._model.ir_version,
            functions=self._model.functions,
        )
        content: bytes = model.SerializeToString()
        return content


def _before_softmax(graph: GraphProto) -> str:
    """The tensor that is the answer, without the softmax that the graph may end in."""
    makers = {name: node for node in graph.node for name in node.output}
    answer: str = graph.output[0].name
    name: str = answer
    while (node := makers.get(name)) and node.op_type in ("Cast", "Identity", "Softmax"):
        name = node.input[0]
        if node.op_type == "Softmax":
            return name
    return answer


def _described(model: ModelProto) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Type and shape of each tensor for a batch of one; 0 where a size is not known."""
    from onnx import shape_inference

    try:
        told = [model.graph, inferred(model).graph]
    except shape_inference.InferenceError:
        told = [model.graph]
    described = {}
    for graph in told:  # what was found anew counts more than what the file says
        for value in (*graph.value_info, *graph.output):
            kind = value.type.tensor_type
            if kind.HasField("shape"):
                shape = tuple(dim.dim_value for dim in kind.shape.dim)
                described[value.name] = kind.elem_type, shape
    return described


def _loaded(path: Path) -> ModelProto:
    """Raises NotInstalled, and ModelError where the file cannot be read."""
    try:
        import onnx
    except ImportError as exc:
        raise NotInstalled(
            f"a look inside a model needs the package onnx ({exc}). Install it: pip install onnx"
        ) from exc
    from google.protobuf.message import DecodeError

    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise ModelError(f"{path.name} has {size / 1e6:.0f} MB; up to {LARGEST / 1e6:.0f} are "
                             "looked into")  # fmt: skip
        model: ModelProto = onnx.load(str(path))
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except DecodeError as exc:
        raise ModelError(f"{path} is not an ONNX file, or is cut off") from exc
    return model
