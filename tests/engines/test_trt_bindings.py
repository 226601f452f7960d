"""What we call of TensorRT and PyCUDA exists, in each version: the double, on which all other
tests run, has no class, attribute or argument that the real bindings do not have.

The real ones are looked at, never run: there is no GPU. `tests/bindings.py` fetches them; without
a network or a compiler these tests are skipped, except in CI. TensorRT 8.2.1 has no wheel: its
names stand below, and 8.6.1 vouches for what its calls take.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from edgefer.engines.trt_runner import DTYPES
from tests import bindings
from tests.engines.test_trt_runner import USED
from tests.tensorrt_double import cuda, tensorrt

REAL = {
    "8.2.1.8": "8.6.1",
    "8.6.1.6": "8.6.1",
    "10.3.0.26": "10.3.0",
    "10.13.3.9": "10.13.3.9",
    "11.4.0.106": "11.4.0.106",
}
"""The bindings that a version of the double is held against."""

NAMES_8_2_1 = {
    "Builder": {
        "build_serialized_network", "create_builder_config", "create_network",
        "create_optimization_profile", "platform_has_fast_fp16",
    },
    "BuilderFlag": {
        "DEBUG", "DISABLE_TIMING_CACHE", "FP16", "GPU_FALLBACK", "INT8", "REFIT", "TF32",
    },
    "DataType": {"BOOL", "FLOAT", "HALF", "INT32", "INT8"},
    "EngineInspector": {"get_engine_information"},
    "IBuilderConfig": {
        "add_optimization_profile", "create_timing_cache", "get_timing_cache",
        "max_workspace_size", "set_flag", "set_timing_cache",
    },
    "ICudaEngine": {
        "binding_is_input", "create_engine_inspector", "create_execution_context",
        "get_binding_dtype", "get_binding_name", "get_binding_shape", "get_profile_shape",
        "num_bindings", "num_optimization_profiles",
    },
    "IExecutionContext": {"execute_async_v2", "get_binding_shape", "set_binding_shape"},
    "IHostMemory": {"nbytes"},
    "INetworkDefinition": {"get_input", "get_output", "num_inputs", "num_outputs"},
    "IOptimizationProfile": {"set_shape"},
    "ITimingCache": {"serialize"},
    "LayerInformationFormat": {"JSON", "ONELINE"},
    "NetworkDefinitionCreationFlag": {"EXPLICIT_BATCH", "EXPLICIT_PRECISION"},
    "OnnxParser": {"get_error", "num_errors", "parse"},
    "ParserError": {"code", "desc", "node"},
    "Runtime": {"deserialize_cuda_engine"},
}  # fmt: skip
"""What the double of 8.2.1 has, of the classes that the census of its Python side covers.

Source: the pybind11 sources of TensorRT's open part, release 8.2.1, compiled and looked at."""

PYCUDA = {
    "Device": {"compute_capability", "get_attribute", "name", "retain_primary_context",
               "total_memory"},
    "Context": {"detach", "pop", "push"},
    "DeviceAllocation": {"__int__", "free"},
    "Stream": {"handle", "synchronize"},
    "Event": {"record", "time_till"},
    "device_attribute": {"MULTIPROCESSOR_COUNT"},
    "Error": set(),
    "LogicError": set(),
    "MemoryError": set(),
}  # fmt: skip
PYCUDA_FUNCTIONS = {"get_driver_version", "get_version", "init", "mem_alloc", "memcpy_dtoh_async",
                    "memcpy_htod_async", "pagelocked_empty"}  # fmt: skip

versions = pytest.mark.parametrize("version", REAL)


@cache
def real(version: str) -> dict[str, Any]:
    try:
        return bindings.census(REAL[version])
    except bindings.Unavailable as exc:
        if os.environ.get("CI"):
            pytest.fail(str(exc))
        pytest.skip(f"the real bindings cannot be had: {exc} (python -m tests.bindings)")


def classes(module: Any) -> Iterator[tuple[str, type]]:
    for name, value in vars(module).items():
        if isinstance(value, type):
            yield name, value


def own(kind: type) -> set[str]:
    """Public attributes that the double gives a class, without what Python's own types do."""
    ours = [one for one in kind.__mro__ if one.__module__.startswith("tests.")]
    return {name for one in ours for name in vars(one) if name[0] != "_"} | set(
        getattr(kind, "__members__", ())
    )


@versions
def test_every_class_and_attribute_of_the_double_is_real(version: str) -> None:
    there = real(version)["classes"]
    double = tensorrt(version)
    invented = {
        f"{name}.{attribute}"
        for name, kind in classes(double)
        for attribute in own(kind) - there.get(name, {}).keys()
    }
    assert invented == set()
    assert {name for name, _ in classes(double)} <= there.keys()


@versions
def test_every_method_of_the_double_takes_what_the_real_one_takes(version: str) -> None:
    there = real(version)["classes"]
    checked = 0
    for name, kind in classes(tensorrt(version)):
        for attribute in own(kind):
            method = inspect.getattr_static(kind, attribute)
            if not inspect.isfunction(method):
                continue
            taken = list(inspect.signature(method).parameters)[1:]
            overloads = there[name][attribute]
            assert any(accepts(text, taken) for text in overloads), (name, attribute, overloads)
            checked += 1
    assert checked > 25


def accepts(signature: str, names: list[str]) -> bool:
    """Whether a call with exactly these arguments fits what pybind11 wrote down.

    Names may differ where they are only passed in order; their number may not.
    """
    # Commas inside brackets and angles belong to a type or a default.
    flat = re.sub(r"<[^<>]*>|\[[^\[\]]*\]", "", signature)
    arguments = [part.strip() for part in flat.split(",")]
    if arguments[:1] == ["*args"] or not arguments[0].startswith("self"):
        return False
    arguments = arguments[1:]
    needed = [part for part in arguments if "=" not in part]
    known = [re.split(r"[:=]", part)[0].strip() for part in arguments]
    return len(needed) <= len(names) <= len(arguments) and known[: len(names)] == names


def test_a_signature_that_does_not_fit_is_noticed() -> None:
    signature = "self: trt.X, name: str, shape: List[int, int], late: capsule = <X: 1, 2>"
    assert accepts(signature, ["name", "shape"])
    assert accepts(signature, ["name", "shape", "late"])
    assert not accepts(signature, ["name"])
    assert not accepts(signature, ["name", "size"])
    assert not accepts(signature, ["name", "shape", "late", "more"])
    assert not accepts("*args, **kwargs", [])


@versions
def test_what_the_runner_uses_is_real(version: str) -> None:
    _, used = USED[version]
    there = real(version)["classes"]
    assert not [f"{name}.{one}" for name, one in used if one not in there[name]]
    assert "init_libnvinfer_plugins" in real(version)["functions"]


def test_the_double_of_8_2_1_has_only_names_of_8_2_1() -> None:
    covered = {name: own(kind) for name, kind in classes(tensorrt("8.2.1.8")) if own(kind)}
    for name in ("ILogger", "Logger"):  # not in the census; 8.6.1 vouches for them
        del covered[name]
    assert covered == NAMES_8_2_1
    _, used = USED["8.2.1.8"]
    assert all(one in NAMES_8_2_1[name] for name, one in used)


@versions
def test_what_a_version_has_lost_is_not_in_its_double(version: str) -> None:
    there = real(version)["classes"]
    for name, one in (
        ("ICudaEngine", "num_bindings"),
        ("IExecutionContext", "execute_async_v2"),
        ("BuilderFlag", "FP16"),
        ("NetworkDefinitionCreationFlag", "EXPLICIT_BATCH"),
        ("IBuilderConfig", "max_workspace_size"),
    ):
        assert (one in own(getattr(tensorrt(version), name))) == (one in there[name])


@versions
def test_the_logger_and_the_dtypes_work_on_the_real_bindings(version: str) -> None:
    found = real(version)
    assert found["__version__"] == REAL[version]
    assert found["said"] == ". TensorRT said: a row of ERROR"
    assert {"FLOAT", "HALF", "INT32", "BOOL", "INT8"} <= found["dtypes"].keys() <= DTYPES.keys()
    assert all(name == one for one, name in found["dtypes"].items())
    assert found["shape"] == [1, 3, 8, 8]


def test_the_double_of_pycuda_has_these_names_and_no_others() -> None:
    found = {name: own(kind) for name, kind in classes(cuda) if kind.__module__ == cuda.__name__}
    made = {name: names for name, names in found.items() if name[0] != "_" and name != "Fault"}
    made["DeviceAllocation"] |= {"__int__"}
    made["Stream"] |= {"handle"}
    assert made == PYCUDA
    assert all(hasattr(cuda, name) for name in PYCUDA_FUNCTIONS)


@pytest.mark.system
@pytest.mark.timeout(1200)  # building PyCUDA takes 80 s of a whole core
def test_what_is_used_of_pycuda_is_real() -> None:
    found = bindings.census_pycuda()
    there = {name: set(names) for name, names in found["classes"].items()}
    missing = {name: names - there.get(name, set()) for name, names in PYCUDA.items()}
    assert {name: names for name, names in missing.items() if names} == {}
    assert PYCUDA.keys() <= there.keys()
    assert found["functions"].keys() >= PYCUDA_FUNCTIONS
