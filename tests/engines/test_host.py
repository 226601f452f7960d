"""The engine host on the double: a child process that dies, hangs or stops at each bad moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import EngineConfig
from edgefer.engines import open_engine
from edgefer.engines.host import HostedEngine
from edgefer.errors import EdgeferError, EngineLost, InferenceError
from tests.contracts import check_engine
from tests.engines.conftest import Plan
from tests.tensorrt_double import PATH, VERSIONS

PlanOf = Callable[..., Plan]
Hosted = Callable[..., HostedEngine]

BATCH = np.random.default_rng(1).random((3, 3, 8, 8), dtype=np.float32)
FAULT, ONCE = "EDGEFER_TRT_DOUBLE_FAULT", "EDGEFER_TRT_DOUBLE_ONCE"


def faulty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    """The first child has the fault; those after it have not."""
    monkeypatch.setenv(FAULT, fault)
    monkeypatch.setenv(ONCE, str(tmp_path / "it happened"))


def process_of(engine: HostedEngine) -> subprocess.Popen[bytes]:
    assert engine._child is not None
    return engine._child._process


@pytest.mark.parametrize("version", VERSIONS)
def test_a_hosted_plan_keeps_the_contract_of_an_engine(
    version: str, plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", version)
    monkeypatch.setenv("PYTHONPATH", PATH)
    plan = plan_of(version)
    engine = open_engine(EngineConfig(model=str(plan.path), python=sys.executable))
    assert isinstance(engine, HostedEngine)
    assert engine.exclusive
    assert engine.max_batch == 8
    assert engine.spec == plan.manifest.spec
    assert engine.runtime == f"tensorrt {version} fp16 TensorRT double (no GPU), hosted"
    check_engine(engine)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("crash@2", "signal 11 (SIGSEGV). It said: .*Segmentation fault"),
        ("exit@2", "status 3. It said: .*told to end here"),
        ("hang@2", "no answer for 0.3 s"),
        ("freeze@2", "no answer for 0.3 s"),
        ("illegal@2", "illegal memory access"),
    ],
)
def test_a_loss_costs_the_batch_under_way_and_no_other(
    fault: str,
    told: str,
    hosted: Hosted,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faulty(monkeypatch, tmp_path, fault)
    engine = hosted(timeout=0.3 if told.startswith("no answer") else 20.0)
    first = process_of(engine)
    np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)
    with pytest.raises(EngineLost, match=told.replace("(", r"\(").replace(")", r"\)")):
        engine.infer(BATCH)
    for _ in range(3):
        np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)
    assert engine.restarted == 1
    assert engine.reason
    assert first.wait(10) is not None


def test_a_child_that_dies_idle_is_replaced_before_it_is_asked(hosted: Hosted, plan: Plan) -> None:
    engine = hosted()
    old = process_of(engine)
    os.kill(old.pid, signal.SIGKILL)
    with engine._turn:
        assert engine._turn.wait_for(
            lambda: engine._child is not None and process_of(engine) is not old, 20
        )
    np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)
    assert "signal 9 (SIGKILL)" in engine.reason


def test_a_child_that_gives_no_beats_is_killed_and_replaced(hosted: Hosted, plan: Plan) -> None:
    engine = hosted(silence=1.2)
    old = process_of(engine)
    os.kill(old.pid, signal.SIGSTOP)
    with engine._turn:
        assert engine._turn.wait_for(lambda: engine.restarted == 1, 20)
    assert "no sign of life for 1.2 s" in engine.reason
    np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)


def test_a_batch_that_tensorrt_fails_on_costs_no_child(
    hosted: Hosted, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAULT, "fail@1")
    engine = hosted()
    with pytest.raises(InferenceError, match="Cask convolution") as caught:
        engine.infer(BATCH)
    assert not isinstance(caught.value, EngineLost)
    np.testing.assert_allclose(engine.infer(BATCH), plan.expected(BATCH), atol=1e-5)
    assert engine.restarted == 0


def test_after_more_losses_than_allowed_it_is_given_up(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAULT, "crash@1")  # each child, again and again
    engine = hosted(restarts=2)
    for _ in range(3):
        with pytest.raises(EngineLost, match="SIGSEGV"):
            engine.infer(BATCH)
    with pytest.raises(EngineLost, match="given up after 3 losses"):
        engine.infer(BATCH)
    assert engine.restarted == 2


def test_a_plan_that_was_exchanged_is_not_loaded_by_a_restart(hosted: Hosted, plan: Plan) -> None:
    engine = hosted(restarts=2)
    plan.path.write_bytes(plan.path.read_bytes() + b"x")
    os.kill(process_of(engine).pid, signal.SIGKILL)
    engine._watcher.join(20)
    with pytest.raises(EngineLost, match="sha256"):
        engine.infer(BATCH)


def test_closing_ends_a_child_that_hangs_and_the_call_that_waits_for_it(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAULT, "hang@1")
    engine = hosted(timeout=3600.0)
    process = process_of(engine)
    raised: list[EdgeferError] = []
    sent = threading.Event()
    send = engine._child.infer  # type: ignore[union-attr]

    def infer(batch: np.ndarray, timeout: float) -> tuple[np.ndarray, float]:
        sent.set()
        return send(batch, timeout)

    monkeypatch.setattr(engine._child, "infer", infer)

    def call() -> None:
        try:
            engine.infer(BATCH)
        except EdgeferError as exc:
            raised.append(exc)

    caller = threading.Thread(target=call)
    caller.start()
    assert sent.wait(10)
    engine.close()
    caller.join(10)
    assert len(raised) == 1
    assert process.returncode is not None
    with pytest.raises(InferenceError, match="closed"):
        engine.infer(BATCH)


def test_closing_lets_the_child_end_by_itself(hosted: Hosted) -> None:
    engine = hosted()
    process = process_of(engine)
    engine.close()
    assert process.returncode == 0
