"""TensorRT in this process, on the double; the manifest comes before TensorRT."""

from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import EngineConfig
from edgefer.engines import SYSTEM_PYTHON, interpreter, open_engine
from edgefer.engines.trt import TensorRTEngine, importable
from edgefer.errors import EngineLost, InferenceError, ModelError, NotInstalled
from edgefer.manifest import PlanMismatch, manifest_path, write_manifest
from tests.contracts import check_engine
from tests.engines.conftest import Plan
from tests.models import SPEC, tiny_onnx
from tests.tensorrt_double import VERSIONS, cuda, runtime

Double = Callable[[str], None]
PlanOf = Callable[..., Plan]
Opened = Callable[..., TensorRTEngine]

FAULT = "EDGEFER_TRT_DOUBLE_FAULT"
BATCH = np.random.default_rng(1).random((3, 3, 8, 8), dtype=np.float32)


@pytest.mark.parametrize("graphs", [False, True], ids=["plain", "graphs"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_plan_keeps_the_contract_of_an_engine(version: str, graphs: bool, opened: Opened) -> None:
    engine = opened(version, graphs=graphs)
    assert engine.exclusive
    assert engine.spec == SPEC
    assert engine.runtime == f"tensorrt {version} fp16 TensorRT double (no GPU)"
    check_engine(engine)


def test_any_thread_may_call_though_one_owns_the_device(opened: Opened) -> None:
    engine = opened("10.3.0.26")
    expected = engine.infer(BATCH)
    answers: list[np.ndarray] = []
    threads = [
        threading.Thread(target=lambda: answers.append(engine.infer(BATCH))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(answers) == 4
    for answer in answers:
        np.testing.assert_array_equal(answer, expected)


def test_a_closed_engine_says_so(opened: Opened) -> None:
    engine = opened("10.3.0.26")
    engine.close()
    with pytest.raises(InferenceError, match="closed"):
        engine.infer(BATCH)


def test_a_plan_for_another_gpu_never_reaches_tensorrt(double: Double, plan_of: PlanOf) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26", "8.7")
    with pytest.raises(PlanMismatch) as caught:
        TensorRTEngine(plan.path, plan.manifest)
    assert [one.what for one in caught.value.differences] == ["compute capability"]
    assert "edgefer compile" in caught.value.command
    assert runtime.used == set()


def test_a_plan_that_was_changed_never_reaches_tensorrt(double: Double, plan_of: PlanOf) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26")
    plan.path.write_bytes(plan.path.read_bytes() + b"x")
    with pytest.raises(PlanMismatch, match="sha256"):
        TensorRTEngine(plan.path, plan.manifest)
    assert runtime.used == set()


def test_a_loaded_plan_that_contradicts_its_spec_is_refused(
    double: Double, plan_of: PlanOf
) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26")
    spec = dataclasses.replace(SPEC, labels=("up", "down"))
    io = (plan.manifest.io[0], dataclasses.replace(plan.manifest.io[1], shape=(-1, 2)))
    with pytest.raises(PlanMismatch, match="I/O"):
        TensorRTEngine(plan.path, dataclasses.replace(plan.manifest, spec=spec, io=io))


@pytest.mark.parametrize(
    ("fault", "error"),
    [("no-device", NotInstalled), ("deserialise", ModelError), ("memory", InferenceError)],
)
def test_the_runners_errors_are_edgefers(
    fault: str,
    error: type[Exception],
    double: Double,
    plan_of: PlanOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26")
    monkeypatch.setenv(FAULT, fault)
    with pytest.raises(error):
        TensorRTEngine(plan.path, plan.manifest)


def test_a_broken_device_is_a_lost_engine(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opened("10.3.0.26")
    monkeypatch.setenv(FAULT, "illegal@1")
    with pytest.raises(EngineLost):
        engine.infer(BATCH)
    assert cuda.broken


@pytest.mark.parametrize("suffix", [".plan", ".engine"])
def test_a_plan_opens_in_this_process_where_tensorrt_is_here(
    suffix: str, double: Double, plan_of: PlanOf
) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26")
    path = plan.path.rename(plan.path.with_suffix(suffix))
    write_manifest(path, plan.manifest)
    engine = open_engine(EngineConfig(model=str(path)))
    assert isinstance(engine, TensorRTEngine)
    np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)
    engine.close()


def test_a_plan_without_a_manifest_is_refused(double: Double, plan_of: PlanOf) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26")
    manifest_path(plan.path).unlink()
    with pytest.raises(ModelError, match="manifest"):
        open_engine(EngineConfig(model=str(plan.path)))
    assert runtime.used == set()


def test_a_trusted_plan_is_described_by_its_sidecar(double: Double, plan_of: PlanOf) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26")
    manifest_path(plan.path).unlink()
    Path(f"{plan.path}.toml").write_text(
        'name = "trtexec"\nlabels = ["a", "b", "c", "d", "e", "f", "g"]\n'
        "[preprocessing]\nwidth = 8\nheight = 8\n"
    )
    engine = open_engine(EngineConfig(model=str(plan.path), trust=True))
    assert engine.spec.name == "trtexec"
    np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)
    engine.close()


def test_the_interpreter_is_ours_where_it_has_tensorrt_and_the_systems_where_not(
    double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("tensorrt", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, name, None)
    assert not importable()
    assert interpreter(EngineConfig()) == SYSTEM_PYTHON
    double("10.3.0.26")
    assert importable()
    assert interpreter(EngineConfig()) == sys.executable
    assert interpreter(EngineConfig(python="/opt/python")) == "/opt/python"


def test_a_stale_plan_is_built_again_only_where_that_was_asked_for(
    double: Double, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("10.3.0.26")
    plan = plan_of("10.3.0.26", "8.7")
    built: list[tuple[Path, str]] = []

    def rebuild(path: Path, python: str) -> bool:
        built.append((path, python))
        plan_of("10.3.0.26", "5.3")
        return True

    monkeypatch.setattr("edgefer.engines.trt_rebuild.rebuild_if_stale", rebuild)
    with pytest.raises(PlanMismatch):
        open_engine(EngineConfig(model=str(plan.path)))
    assert built == []
    open_engine(EngineConfig(model=str(plan.path), rebuild="if-stale")).close()
    assert built == [(plan.path, sys.executable)]


def test_an_onnx_file_opens_as_before(tmp_path: Path) -> None:
    engine = open_engine(EngineConfig(model=str(tiny_onnx(tmp_path / "m.onnx"))))
    assert engine.runtime.startswith("onnxruntime")
