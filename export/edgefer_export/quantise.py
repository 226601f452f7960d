"""A model in eight-bit integers, for processors.

Weights are signed, with a scale for each output channel; activations unsigned, with a scale and
a zero of their own: after a ReLU nothing is negative, and signed ranges about zero would leave
half of the 256 steps unused. Ranges come from the network's activations for pictures it was
trained on. The last layers' answers stay float32: rounding logits changes labels for nothing.

Measured on a model of the recipe `lightweight`, agreement with torch over 3,589 pictures:

    unsigned  least and greatest value of 1,024 pictures              99.00 %   <- this
              the same, logits rounded too                            98.89 %
              percentile 99.999 of 512 pictures                       99.19 %
    signed    least and greatest value of 1,024 pictures              98.24 %
              percentile 99.999 of 512 pictures                       99.02 %
              the same of 256 pictures                                98.47 %

Percentiles hold every activation of every picture in memory (2.6 GB here, more for a larger
network) for seven labels more in 3,589. Unsigned is the faster too: 2.9 times fp32, signed 2.2
(processor time of one face, one thread, an AMD EPYC with VNNI). A processor without VNNI adds
products of such pairs with saturation: measure again there. TensorRT takes signed ranges only:
export fp16 for it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from edgefer.errors import ConfigError
from edgefer.spec import Preprocessing
from edgefer_export.data import Split
from edgefer_export.evaluate import tensors

DENSE, NORM = "Gemm", "BatchNormalization"
BATCH = 64
CALIBRATED = 1024
"""Pictures whose answers give the ranges."""


class Reader:
    """Gives a network's inputs in batches, as ONNX Runtime's calibration asks for them."""

    def __init__(self, name: str, images: NDArray[np.uint8], how: Preprocessing) -> None:
        self._name, self._images, self._how = name, images, how
        self._next = 0

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next batch by the input's name; None at the end."""
        images = self._images[self._next : self._next + BATCH]
        self._next += BATCH
        return {self._name: tensors(images, self._how)} if len(images) else None


def quantised(
    model: onnx.ModelProto,
    training: Split,
    how: Preprocessing,
    rows: int = CALIBRATED,
    seed: int = 0,
) -> onnx.ModelProto:
    """The same graph with int8 weights and uint8 activations (QDQ); input and output float32.

    `rows` of the training pictures are chosen by `seed`. Raises ConfigError where there are none.
    """
    from onnxruntime.quantization import (
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if not len(training):
        raise ConfigError("int8 needs training pictures to find its ranges; there are none")
    chosen = np.random.default_rng(seed).permutation(len(training))[:rows]
    with tempfile.TemporaryDirectory() as folder:
        shaped, out = Path(folder) / "shaped.onnx", Path(folder) / "int8.onnx"
        # Its optimisation would add opsets; torch has folded all there is to fold.
        quant_pre_process(model, shaped, skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            shaped,
            out,
            Reader(model.graph.input[0].name, training.images[chosen], how),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            # ONNX Runtime has no integer BatchNormalization: its input would be rounded in vain.
            nodes_to_exclude=[n.name for n in model.graph.node if n.op_type == NORM],
            extra_options={"OpTypesToExcludeOutputQuantization": [DENSE, NORM]},
        )
        return onnx.load(out)
