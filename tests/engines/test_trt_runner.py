"""The runner on the double of each TensorRT. The double is no GPU: what is shown here is which
calls are made, in which order, and what happens to what they answer."""

from __future__ import annotations

import ast
import ctypes
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.engines import trt_runner
from edgefer.engines.trt_runner import (
    DeviceBroken,
    Missing,
    PlanRefused,
    RunFailed,
    Runner,
    l4t,
    probe,
)
from tests.engines.conftest import Plan
from tests.tensorrt_double import VERSIONS, cuda, runtime

Double = Callable[[str], None]
PlanOf = Callable[..., Plan]

FAULT = "EDGEFER_TRT_DOUBLE_FAULT"


def batch_of(rows: int) -> np.ndarray:
    return np.random.default_rng(rows).random((rows, 3, 8, 8), dtype=np.float32)


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest, double: Double) -> str:
    double(request.param)
    return str(request.param)


def made(version: str, shape: list[int], profile: tuple[int, int, int], dtype: str) -> bytes:
    return runtime.write_plan(
        tuple(map(int, version.split("."))),
        [("input", shape, dtype)],
        [("logits", [shape[0], 7], dtype)],
        profile,
        linear=np.ones((3, 7)).tolist(),
    )


def test_any_batch_is_answered_as_by_onnx_runtime(version: str, plan_of: PlanOf) -> None:
    plan = plan_of(version)
    runner = Runner(plan.path.read_bytes())
    for rows in (1, 3, 8, 9, 20, 1):
        batch = batch_of(rows)
        np.testing.assert_allclose(runner.infer(batch), plan.expected(batch), atol=1e-5)
        assert runner.device_seconds > 0
    runner.close()
    runner.close()


NUMBERED = {
    ("Runtime", "deserialize_cuda_engine"),
    ("ICudaEngine", "num_bindings"),
    ("ICudaEngine", "num_optimization_profiles"),
    ("ICudaEngine", "get_binding_name"),
    ("ICudaEngine", "binding_is_input"),
    ("ICudaEngine", "get_binding_dtype"),
    ("ICudaEngine", "get_binding_shape"),
    ("ICudaEngine", "get_profile_shape"),
    ("ICudaEngine", "create_execution_context"),
    ("IExecutionContext", "set_binding_shape"),
    ("IExecutionContext", "get_binding_shape"),
    ("IExecutionContext", "execute_async_v2"),
}
NAMED = {
    ("Runtime", "deserialize_cuda_engine"),
    ("ICudaEngine", "num_io_tensors"),
    ("ICudaEngine", "get_tensor_name"),
    ("ICudaEngine", "get_tensor_mode"),
    ("ICudaEngine", "get_tensor_dtype"),
    ("ICudaEngine", "get_tensor_shape"),
    ("ICudaEngine", "get_tensor_profile_shape"),
    ("ICudaEngine", "create_execution_context"),
    ("IExecutionContext", "set_input_shape"),
    ("IExecutionContext", "get_tensor_shape"),
    ("IExecutionContext", "set_tensor_address"),
    ("IExecutionContext", "execute_async_v3"),
}
USED = {
    "8.2.1.8": ("execute_async_v2", NUMBERED),
    "8.6.1.6": ("execute_async_v3", NAMED | {("ICudaEngine", "num_bindings")}),
    "10.3.0.26": ("execute_async_v3", NAMED),
    "10.13.3.9": ("execute_async_v3", NAMED),
    "11.4.0.106": ("execute_async_v3", NAMED),
}
"""All that the runner uses of TensorRT: the execution call, and each class's attributes.
`num_bindings` is only looked for in 8.6, to tell that a profile serves one context there."""


def test_the_calls_of_each_version_are_these(version: str, plan_of: PlanOf) -> None:
    runner = Runner(plan_of(version).path.read_bytes(), graphs=True)
    for _ in range(3):
        runner.infer(batch_of(2))
    call, names = USED[version]
    assert runner.facts()["call"] == call
    assert runtime.used == names
    runner.close()


def test_the_facts_of_a_plan_are_told(version: str, plan_of: PlanOf) -> None:
    runner = Runner(plan_of(version).path.read_bytes())
    facts = runner.facts()
    assert facts.pop("call")
    assert facts == {
        "input": "input", "input_shape": [3, 8, 8], "input_dtype": "float32",
        "output": "logits", "output_shape": [7], "output_dtype": "float32",
        "least": 1, "most": 8,
    }  # fmt: skip
    runner.close()


@pytest.mark.parametrize(
    ("first", "profile"), [(4, (4, 4, 4)), (-1, (3, 3, 4))], ids=["fixed to 4", "from 3 to 4"]
)
def test_a_batch_below_the_least_is_filled_up_with_zeros(
    version: str, first: int, profile: tuple[int, int, int]
) -> None:
    runner = Runner(made(version, [first, 3, 8, 8], profile, "FLOAT"))
    batch = batch_of(6)
    for rows in (6, 1, 5):
        expected = batch[:rows].mean(axis=(2, 3)) @ np.ones((3, 7))
        np.testing.assert_allclose(runner.infer(batch[:rows]), expected, rtol=1e-5)
    assert not runner._input.host[1 : profile[0]].any()
    runner.close()


def test_a_plan_of_half_floats_takes_and_gives_single_ones(version: str) -> None:
    runner = Runner(made(version, [-1, 3, 8, 8], (1, 1, 2), "HALF"))
    answer = runner.infer(batch_of(2))
    assert runner.facts()["input_dtype"] == "float16"
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, batch_of(2).mean(axis=(2, 3)) @ np.ones((3, 7)), rtol=5e-3)
    runner.close()


def test_an_answer_is_the_callers_own(version: str, plan_of: PlanOf) -> None:
    runner = Runner(plan_of(version).path.read_bytes())
    first = runner.infer(batch_of(2))
    kept = first.copy()
    runner.infer(batch_of(2) + 1)
    np.testing.assert_array_equal(first, kept)
    runner.close()


def test_what_is_opened_is_released_in_the_reverse_order(version: str, plan_of: PlanOf) -> None:
    runner = Runner(plan_of(version).path.read_bytes(), graphs=True)
    for _ in range(3):
        runner.infer(batch_of(1))
    released: list[str] = []
    for name in ("_runtime", "_engine", "_context", "_stream"):
        weakref.finalize(getattr(runner, name), released.append, name)
    cuda._streams.clear()  # the double's own list of them
    runner.close()
    assert released == ["_stream", "_context", "_engine", "_runtime"]


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 3, 8, 9), (3, 8, 8), (1, 1, 8, 8)])
def test_a_batch_of_another_shape_is_refused(
    shape: tuple[int, ...], double: Double, plan_of: PlanOf
) -> None:
    double("10.3.0.26")
    runner = Runner(plan_of("10.3.0.26").path.read_bytes())
    with pytest.raises(RunFailed, match="takes"):
        runner.infer(np.zeros(shape, np.float32))
    runner.close()


def test_another_thread_than_the_one_that_made_it_is_refused(
    double: Double, plan_of: PlanOf
) -> None:
    double("10.3.0.26")
    runner = Runner(plan_of("10.3.0.26").path.read_bytes())
    raised: list[BaseException] = []

    def call() -> None:
        try:
            runner.infer(batch_of(1))
        except RunFailed as exc:
            raised.append(exc)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(10)
    assert "another thread" in str(raised)
    runner.close()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda plan: plan[:20], "magicTagRead == magicTag"),
        (lambda plan: plan[:100], "magicTagRead == magicTag"),
        (lambda plan: b"", "magicTagRead == magicTag"),  # noqa: ARG005
        (lambda plan: b"hello, I am a text, and no plan at all", "magicTagRead == magicTag"),  # noqa: ARG005
    ],
    ids=["header only", "cut off", "empty", "text"],
)
def test_what_is_no_plan_is_refused_with_the_loggers_row(
    change: Callable[[bytes], bytes], told: str, version: str, plan_of: PlanOf
) -> None:
    with pytest.raises(PlanRefused, match=told):
        Runner(change(plan_of(version).path.read_bytes()))


def test_a_plan_of_another_tensorrt_is_refused_with_both_versions(
    version: str, plan_of: PlanOf
) -> None:
    foreign = "10.3.0.26" if version != "10.3.0.26" else "10.13.3.9"
    with pytest.raises(PlanRefused) as caught:
        Runner(plan_of(foreign).path.read_bytes(), name="face.plan")
    assert "does not take face.plan" in str(caught.value)
    assert f"expecting library version {version} got {foreign}" in str(caught.value)
    assert "Using an engine plan" not in str(caught.value)  # a warning, where errors tell the cause


def test_a_plan_for_another_gpu_is_refused_with_both_capabilities(
    version: str, plan_of: PlanOf
) -> None:
    with pytest.raises(PlanRefused, match=r"expecting compute 5\.3 got compute 8\.7"):
        Runner(plan_of(version, "8.7").path.read_bytes())


def test_the_rows_of_an_old_failure_do_not_explain_a_new_one(
    double: Double, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("10.3.0.26")
    with pytest.raises(PlanRefused):
        Runner(plan_of("10.3.0.26", "8.7").path.read_bytes())
    monkeypatch.setenv(FAULT, "deserialise")
    with pytest.raises(PlanRefused) as caught:
        Runner(plan_of("10.3.0.26").path.read_bytes())
    assert "OutOfMemory" in str(caught.value)
    assert "expecting compute" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ("memory", RunFailed, "--max-batch"),
        ("context", RunFailed, "no memory for an execution context"),
        ("no-device", DeviceBroken, "no CUDA-capable device"),
    ],
)
def test_an_opening_that_fails_leaves_nothing_behind(
    fault: str,
    error: type[Exception],
    told: str,
    version: str,
    plan_of: PlanOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = plan_of(version).path.read_bytes()
    monkeypatch.setenv(FAULT, fault)
    with pytest.raises(error, match=told):
        Runner(plan)
    assert not cuda._memory
    monkeypatch.delenv(FAULT)
    Runner(plan).close()


def test_a_batch_that_tensorrt_fails_on_is_told_and_the_next_works(
    version: str, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(version)
    monkeypatch.setenv(FAULT, "fail@2")
    runner = Runner(plan.path.read_bytes())
    runner.infer(batch_of(1))
    with pytest.raises(RunFailed, match="Cask convolution"):
        runner.infer(batch_of(1))
    np.testing.assert_allclose(runner.infer(batch_of(1)), plan.expected(batch_of(1)), atol=1e-5)
    runner.close()


def test_a_broken_device_is_told_apart_and_closes_quietly(
    version: str, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAULT, "illegal@1")
    runner = Runner(plan_of(version).path.read_bytes())
    for _ in range(2):
        with pytest.raises(DeviceBroken, match="illegal memory access"):
            runner.infer(batch_of(1))
    runner.close()


def test_a_size_that_comes_again_runs_as_a_graph_and_answers_alike(
    version: str, plan_of: PlanOf
) -> None:
    plan = plan_of(version)
    runner = Runner(plan.path.read_bytes(), graphs=True)
    for rows in (1, 1, 1, 2, 2, 2, 1, 1, 1):
        batch = batch_of(rows) * rows
        np.testing.assert_allclose(runner.infer(batch), plan.expected(batch), atol=1e-5)
    assert runner.no_graphs == ""
    graphs = {rows for rows, size in runner._sizes.items() if size.graph is not None}
    # Before 10 a profile serves one context: the graph of the size that is in use.
    assert graphs == ({1} if version.startswith("8") else {1, 2})
    (library,) = cuda.libcuda
    assert library.live() == len(graphs)
    runner.close()
    assert library.live() == 0


def test_more_sizes_than_are_kept_are_answered_all_the_same(double: Double) -> None:
    double("10.3.0.26")
    runner = Runner(made("10.3.0.26", [-1, 3, 8, 8], (1, 1, 16), "FLOAT"), graphs=True)
    for rows in [*range(1, 17)] * 2:
        expected = batch_of(rows).mean(axis=(2, 3)) @ np.ones((3, 7))
        np.testing.assert_allclose(runner.infer(batch_of(rows)), expected, rtol=1e-5)
    assert len(runner._sizes) <= trt_runner.GRAPHS_KEPT
    runner.close()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("capture-refused", "cuStreamEndCapture failed with CUDA error 901"),
        ("capture-absent", "no CUDA graphs"),
        ("capture-wrong", "answers differently"),
        ("fail@3", "cannot enqueue"),
    ],
)
def test_where_a_graph_cannot_be_had_batches_run_without(
    fault: str, told: str, version: str, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(version)
    monkeypatch.setenv(FAULT, fault)
    runner = Runner(plan.path.read_bytes(), graphs=True)
    for rows in (1, 1, 1, 2, 2, 2):
        np.testing.assert_allclose(
            runner.infer(batch_of(rows)), plan.expected(batch_of(rows)), atol=1e-5
        )
    assert told in runner.no_graphs
    assert all(size.graph is None for size in runner._sizes.values())
    runner.close()


def test_without_being_asked_for_no_graph_is_captured(version: str, plan_of: PlanOf) -> None:
    runner = Runner(plan_of(version).path.read_bytes())
    for _ in range(3):
        runner.infer(batch_of(1))
    assert runner.no_graphs == "not asked for"
    assert cuda.libcuda == []
    runner.close()


def test_the_probe_tells_what_is_here(version: str) -> None:
    assert probe() == {
        "tensorrt": version,
        "cuda": "10.2",
        "compute_capability": "5.3",
        "device": "TensorRT double (no GPU)",
        "multiprocessors": 1,
        "memory_bytes": 4 << 30,
        "l4t": l4t(),
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
    }


def test_without_a_gpu_the_probe_says_so(double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
    double("10.3.0.26")
    monkeypatch.setenv(FAULT, "no-device")
    with pytest.raises(Missing, match="no CUDA-capable device"):
        probe()


@pytest.mark.parametrize("name", ["tensorrt", "pycuda"])
def test_a_module_that_is_not_here_is_named_with_the_python(
    name: str, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("10.3.0.26")
    monkeypatch.setitem(sys.modules, name if name == "tensorrt" else "pycuda.driver", None)
    with pytest.raises(Missing, match=f"cannot import {name}") as caught:
        probe()
    assert sys.executable in str(caught.value)


def test_bindings_without_their_libraries_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorrt.py").write_text(
        'raise ImportError("libnvinfer.so.10: cannot open shared object file: No such file")'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(Missing, match=r"its libraries are not: libnvinfer\.so\.10"):
        probe()


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref\n", "R32.7.1"),
        ("# R36 (release), REVISION: 4.0, GCID: 37537400\n", "R36.4.0"),
        ("something else\n", None),
        ("", None),
    ],
)
def test_the_release_of_a_jetson_is_read(text: str, release: str | None, tmp_path: Path) -> None:
    path = tmp_path / "nv_tegra_release"
    path.write_text(text)
    assert l4t(str(path)) == release
    assert l4t(str(tmp_path / "absent")) is None


def test_the_file_is_written_in_the_dialect_of_python_3_6() -> None:
    text = Path(trt_runner.__file__).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 6))
    future = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    assert {n.module for n in future} == {"typing", "numpy.typing"}
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.NamedExpr)]


def test_the_double_takes_the_drivers_place_only_where_it_is_asked_for(double: Double) -> None:
    real = ctypes.CDLL
    double("10.3.0.26")
    assert ctypes.CDLL is not real
