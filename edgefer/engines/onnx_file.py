"""What an ONNX file says of itself, read without running it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgefer.engines.onnx_cost import Cost, count
from edgefer.errors import ModelError
from edgefer.files import sha256

if TYPE_CHECKING:
    from onnx import ValueInfoProto

QUANTIZED = {"QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "QuantizeLinear"}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A graph input or output."""

    name: str
    type: str
    shape: tuple[int | str, ...]
    """A string where the size is free."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """The facts of one file."""

    sha256: str
    size_bytes: int
    opset: int
    producer: str
    precision: str
    """Of its weights: fp32, fp16 or int8."""
    stored: int
    """Values stored in the file; an export that folds BatchNorm stores fewer than were trained."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operators: tuple[tuple[str, int], ...]
    """Name and count, the most frequent first."""
    metadata: tuple[tuple[str, str], ...]
    cost: Cost
    """Of one picture."""


def read_onnx(path: Path) -> OnnxFile:
    """Raises ModelError where the file cannot be read or is no ONNX model."""
    import onnx  # a third of a second that `edgefer run` need not spend
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path))
        digest, size = sha256(path), path.stat().st_size
    except OSError as exc:
        raise ModelError(f"cannot read {path}: {exc.strerror or exc}") from exc
    except DecodeError as exc:
        raise ModelError(f"{path} is not an ONNX file, or is cut off") from exc
    graph = model.graph
    if not graph.node:
        raise ModelError(f"{path} holds no graph: it is empty or no ONNX file")
    opsets = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    operators = Counter(node.op_type for node in graph.node)
    name_of = onnx.TensorProto.DataType.Name
    kinds: Counter[str] = Counter()
    for tensor in graph.initializer:
        kinds[name_of(tensor.data_type)] += int(np.prod(tensor.dims))
    weights = {entry.name for entry in graph.initializer}
    return OnnxFile(
        sha256=digest,
        size_bytes=size,
        opset=max(opsets, default=0),
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        precision=_precision(kinds, operators),
        stored=sum(kinds.values()),
        inputs=tuple(_tensor(value, name_of) for value in graph.input if value.name not in weights),
        outputs=tuple(_tensor(value, name_of) for value in graph.output),
        operators=tuple(operators.most_common()),
        metadata=tuple((entry.key, entry.value) for entry in model.metadata_props),
        cost=count(model),
    )


def _precision(kinds: Counter[str], operators: Counter[str]) -> str:
    if QUANTIZED & operators.keys():
        return "int8"
    return "fp16" if kinds["FLOAT16"] > kinds["FLOAT"] else "fp32"


def _tensor(value: ValueInfoProto, name_of: Callable[[int], str]) -> Tensor:
    kind = value.type.tensor_type
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
        for dim in kind.shape.dim
    )
    return Tensor(value.name, name_of(kind.elem_type).lower(), shape)
