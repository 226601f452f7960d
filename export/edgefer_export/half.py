"""A model in half precision, for devices that compute in it."""

from __future__ import annotations

import warnings

import onnx
from onnxconverter_common import float16

SMALLEST, GREATEST = 5.96e-8, 65504.0
"""The least and the greatest magnitude above 0 that half precision holds (IEEE 754 binary16);
values beyond are moved there."""


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with fp16 weights and arithmetic; its input and output stay float32.

    It halves the file. ONNX Runtime on a processor without half arithmetic computes in float32
    again, as fast as before: it is meant for TensorRT and GPUs. So what is compared there is the
    rounding of the weights; that of the arithmetic shows on the device.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)  # the converter writes into what it is given
    with warnings.catch_warnings():
        # One warning for each value moved; what that changes, the comparison with torch shows.
        warnings.filterwarnings("ignore", "the float32 number .* will be truncated", UserWarning)
        half: onnx.ModelProto = float16.convert_float_to_float16(
            copy, min_positive_val=SMALLEST, max_finite_val=GREATEST, keep_io_types=True
        )
    return half
