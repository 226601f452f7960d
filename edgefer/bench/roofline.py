"""How near an engine comes to what its device allows: the roofline model.

Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009: work of so many operations on so
many bytes takes no less than the longer of operations / peak and bytes / bandwidth. The bytes here
are the fewest possible: every weight, input and output moved once. A real run moves more, so a
share of the roof is never said too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgefer.engines.onnx_cost import Cost

Bound = Literal["compute", "memory"]

BYTES = {"fp32": 4, "fp16": 2, "int8": 1}
"""Of a weight as an engine of that precision keeps it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a device's GPU can do at its highest clocks, as its maker says."""

    device: str
    flops: Mapping[str, float]
    """Operations a second by precision; a multiply-accumulate is two."""
    bandwidth: float
    """Bytes a second from memory."""
    source: str


NANO = Limits(
    "Jetson Nano",
    {"fp16": 472e9, "fp32": 236e9},
    25.6e9,
    "NVIDIA, Jetson Nano module data sheet: 472 GFLOP/s (FP16), 25.6 GB/s; FP32 is half of FP16",
)


@dataclass(frozen=True, slots=True)
class Roof:
    """The best that a device allows for one run of a batch."""

    seconds: float
    bound: Bound
    """What sets it."""
    intensity: float
    """Operations a byte."""
    limits: str
    """Whose: the device's name, and where its figures come from."""

    def share(self, seconds: float) -> float:
        """Of the roof that a run of so many seconds reached; 1 is the roof."""
        return self.seconds / seconds

    def as_record(self) -> dict[str, Any]:  # Any: whatever JSON holds
        return {
            "seconds": self.seconds,
            "bound": self.bound,
            "operations_per_byte": self.intensity,
            "limits": self.limits,
        }


def limits_of(device: str, runtime: str) -> Limits | None:
    """Of the device that `/proc/device-tree/model` names, for an engine that runs on its GPU;
    None where nobody has published them, or they do not bind: its processor is another."""
    on_gpu = runtime.startswith("tensorrt") or "CUDA" in runtime
    # "NVIDIA Jetson Nano Developer Kit", "... Nano 2GB ..."; "Jetson Orin Nano" is another.
    return NANO if on_gpu and "Jetson Nano" in device else None


def roof(cost: Cost, precision: str, limits: Limits, batch: int = 1) -> Roof | None:
    """For `batch` pictures at once; None where the graph was not counted, or the device does not
    say how fast it is at that precision."""
    peak = limits.flops.get(precision)
    if cost.macs is None or cost.input_values is None or cost.output_values is None or not peak:
        return None
    operations = 2 * cost.macs * batch
    moved = cost.weights * BYTES[precision] + 4 * (cost.input_values + cost.output_values) * batch
    compute, memory = operations / peak, moved / limits.bandwidth
    return Roof(
        seconds=max(compute, memory),
        bound="compute" if compute >= memory else "memory",
        intensity=operations / moved,
        limits=f"{limits.device} ({limits.source})",
    )
