from __future__ import annotations

import pytest

from edgefer.bench.roofline import NANO, limits_of, roof
from edgefer.engines import find_model
from edgefer.engines.onnx_cost import Cost
from edgefer.engines.onnx_file import read_onnx

FP16 = "tensorrt 8.2.1.8 fp16 NVIDIA Tegra X1"


def cost(macs: int | None, weights: int) -> Cost:
    return Cost(macs, () if macs else ("Einsum",), weights, 4 * weights, 0, 0)


def test_the_shipped_model_on_a_nano_is_bound_by_computing() -> None:
    found = roof(read_onnx(find_model("lightweight.onnx")).cost, "fp16", NANO)
    assert found is not None
    assert found.bound == "compute"
    assert found.seconds == pytest.approx(2 * 140_512_768 / 472e9)  # 0.595 ms
    assert found.share(2 * found.seconds) == pytest.approx(0.5)


def test_a_net_of_many_weights_and_few_products_is_bound_by_memory_until_the_batch_grows() -> None:
    dense = cost(1_000_000, 1_000_000)
    one, many = roof(dense, "fp16", NANO), roof(dense, "fp16", NANO, batch=64)
    assert one is not None
    assert many is not None
    assert one.bound == "memory"
    assert one.seconds == pytest.approx(2e6 / 25.6e9)
    assert one.intensity == pytest.approx(1.0)
    assert many.bound == "compute"
    assert many.seconds == pytest.approx(64 * 2e6 / 472e9)


def test_half_precision_moves_half_and_may_compute_twice() -> None:
    whole, half = (roof(cost(10**9, 10), p, NANO) for p in ("fp32", "fp16"))
    assert whole is not None
    assert half is not None
    assert whole.seconds == pytest.approx(2 * half.seconds)


def test_without_a_count_or_a_published_peak_there_is_no_roof() -> None:
    assert roof(cost(None, 10), "fp16", NANO) is None
    assert roof(cost(10, 10), "int8", NANO) is None  # Maxwell has no such unit


@pytest.mark.parametrize(
    ("device", "runtime", "known"),
    [
        ("NVIDIA Jetson Nano Developer Kit", FP16, True),
        ("NVIDIA Jetson Nano 2GB Developer Kit", "onnxruntime 1.23.2 CUDA", True),
        ("NVIDIA Jetson Nano Developer Kit", "onnxruntime 1.23.2 CPU", False),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit", FP16, False),
        ("Workstation 5000", FP16, False),
        ("unavailable", FP16, False),
    ],
)
def test_limits_are_used_only_where_they_bind(device: str, runtime: str, known: bool) -> None:
    assert (limits_of(device, runtime) is not None) == known
