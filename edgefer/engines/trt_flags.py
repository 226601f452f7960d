"""How each TensorRT is asked for a precision: the flags by name, never by number.

The same bit means EXPLICIT_PRECISION in 8.x, STRONGLY_TYPED in 10 and something else in 11; the
names were read in the real bindings of 8.2.1 to 11.4. Nothing here was run on a GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgefer.errors import ModelError

Precision = Literal["fp32", "fp16"]

OPSET_OF_8_2 = 13
"""The last ONNX opset that TensorRT 8.2's parser takes; later parsers say themselves."""


class BuildError(ModelError):
    """No plan can be built of this model, or the plan that was built is not right."""


@dataclass(frozen=True, slots=True)
class Flags:
    """What the builder is asked for."""

    creation: tuple[str, ...]
    """Names of trt.NetworkDefinitionCreationFlag."""
    builder: tuple[str, ...]
    """Names of trt.BuilderFlag."""
    strongly_typed: bool
    """Each layer computes in the type that the ONNX file gives it."""


def flags(tensorrt: tuple[int, ...], weights: str, precision: Precision) -> Flags:
    """For an ONNX file whose `weights` are fp32 or fp16. Raises BuildError where that TensorRT
    cannot build the precision from them, naming the file to give it instead.

    8.x: FP16 by builder flag, from an FP32 ONNX. 10: by flag from FP32, or strongly typed from
    FP16, where the flag would be an error (TensorRT#4253). 11: always strongly typed.
    FP32 leaves TF32 to TensorRT, which uses it on GPUs from 8.0 on.
    """
    named = ".".join(map(str, tensorrt[:2]))
    if weights not in ("fp32", "fp16"):
        raise BuildError(
            f"the model's weights are {weights}; a plan is compiled from an FP32 or FP16 ONNX. "
            "Export one: edgefer-export export --precision fp32"
        )
    if precision == "fp32" and weights == "fp16":
        raise BuildError(
            "the model's weights are FP16 already: no plan makes them FP32 again. Compile the "
            "FP32 ONNX, or ask for --precision fp16"
        )
    if tensorrt[0] < 10:
        if weights == "fp16":
            raise BuildError(
                f"TensorRT {named} makes FP16 from an FP32 ONNX, by a flag of its own. Give it "
                "that: edgefer-export export --precision fp32"
            )
        return Flags(("EXPLICIT_BATCH",), ("FP16",) if precision == "fp16" else (), False)
    if tensorrt[0] == 10:
        if weights == "fp16":
            return Flags(("STRONGLY_TYPED",), (), True)
        return Flags((), ("FP16",) if precision == "fp16" else (), False)
    if precision == "fp16" and weights == "fp32":
        raise BuildError(
            f"TensorRT {named} has no FP16 flag: it computes in the types of the ONNX file, and "
            "these are FP32. Export an FP16 file and compile that: "
            "edgefer-export export --precision fp16"
        )
    return Flags((), (), True)


def check_opset(tensorrt: tuple[int, ...], opset: int) -> None:
    """Raises BuildError where the parser of that TensorRT does not know the file's opset."""
    if tensorrt < (8, 3) and opset > OPSET_OF_8_2:
        raise BuildError(
            f"the model has ONNX opset {opset}; TensorRT {tensorrt[0]}.{tensorrt[1]} takes up to "
            f"{OPSET_OF_8_2}. Export it with opset {OPSET_OF_8_2}, as edgefer-export does"
        )
