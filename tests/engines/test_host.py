"""The engine host on the double: a child process that dies, hangs or stops at each bad moment."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import EngineConfig
from edgefer.engines import open_engine
from edgefer.engines.host import HostedEngine
from edgefer.errors import EdgeferError, EngineLost, InferenceError, ModelError, NotInstalled
from edgefer.manifest import PlanMismatch, write_manifest
from tests.contracts import check_engine
from tests.engines.conftest import PYTHONS, Plan
from tests.tensorrt_double import PATH, VERSIONS

PlanOf = Callable[..., Plan]
Hosted = Callable[..., HostedEngine]

BATCH = np.random.default_rng(1).random((3, 3, 8, 8), dtype=np.float32)
FAULT, ONCE = "EDGEFER_TRT_DOUBLE_FAULT", "EDGEFER_TRT_DOUBLE_ONCE"


@pytest.fixture
def plan(plan_of: PlanOf) -> Plan:
    return plan_of("8.2.1.8")


@pytest.fixture
def hosted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosted]:
    """Opens hosts of `plan`, and closes them; no file descriptor may be left over."""
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "8.2.1.8")
    monkeypatch.setenv("PYTHONPATH", PATH)
    before = len(list(Path("/proc/self/fd").iterdir()))
    engines = []

    def open_it(**options: object) -> HostedEngine:
        options = {"python": sys.executable, "backoff": 0.01, "timeout": 20.0, **options}
        engines.append(HostedEngine(plan.path, plan.manifest, **options))  # type: ignore[arg-type]
        return engines[-1]

    yield open_it
    for engine in engines:
        engine.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


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


@pytest.mark.parametrize("python", PYTHONS)
def test_the_child_runs_under_other_pythons(
    python: str, python_of: Callable[[str], str], hosted: Hosted, plan: Plan
) -> None:
    engine = hosted(python=python_of(python), graphs=True)
    assert engine._child is not None
    assert engine._child.probed["python"].startswith(f"{python}.")
    for rows in (1, 3, 3, 3, 8, 20):
        batch = np.resize(BATCH, (rows, 3, 8, 8))
        np.testing.assert_allclose(engine.infer(batch), plan.expected(batch), atol=1e-5)
        assert engine.device_seconds > 0


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


def test_the_child_ends_with_its_parent(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "8.2.1.8")
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from edgefer.engines.host import HostedEngine\n"
        "from edgefer.manifest import read_manifest\n"
        "os.environ['PYTHONPATH'] = sys.argv[2]\n"
        "plan = Path(sys.argv[1])\n"
        "engine = HostedEngine(plan, read_manifest(plan), python=sys.executable)\n"
        "print(engine._child._process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(plan.path), PATH],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            assert select_readable(child, 10)
        finally:
            os.close(child)


def select_readable(fd: int, seconds: float) -> bool:
    """Whether a pidfd's process ends within `seconds`."""
    return bool(select.select([fd], [], [], seconds)[0])


def test_a_plan_for_another_gpu_never_reaches_tensorrt(
    plan_of: PlanOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "8.2.1.8")
    monkeypatch.setenv("PYTHONPATH", PATH)
    monkeypatch.setenv(FAULT, "deserialise")  # what it would say if it had seen the plan
    plan = plan_of("8.2.1.8", "8.7")
    with pytest.raises(PlanMismatch) as caught:
        HostedEngine(plan.path, plan.manifest, python=sys.executable)
    assert [one.what for one in caught.value.differences] == ["compute capability"]


@pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        ("no-device", NotInstalled, "no CUDA-capable device"),
        ("deserialise", ModelError, "OutOfMemory"),
        ("memory", InferenceError, "--max-batch"),
    ],
)
def test_what_the_child_cannot_open_is_told_as_in_process(
    fault: str,
    error: type[Exception],
    told: str,
    hosted: Hosted,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(FAULT, fault)
    with pytest.raises(error, match=told):
        hosted()


def test_an_interpreter_without_tensorrt_is_told(
    hosted: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(NotInstalled, match="cannot import tensorrt"):
        hosted()


def test_an_interpreter_that_is_none_is_told(hosted: Hosted) -> None:
    with pytest.raises(NotInstalled, match="/no/such/python"):
        hosted(python="/no/such/python")
    with pytest.raises(EngineLost, match="ended with status 1"):
        hosted(python="/bin/false")


def test_a_missing_plan_is_told(hosted: Hosted, plan: Plan) -> None:
    write_manifest(plan.path, plan.manifest)
    plan.path.unlink()
    with pytest.raises(ModelError, match=r"cannot read .*model\.plan"):
        hosted()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('I am of another time'); sys.exit(7)", "status 7. It said: I am of another time"),
        ("channel.sendall(b'HTTP/1.1 400 Bad Request')", "the engine host"),
        ("channel.sendall(b'\\4\\0\\0\\0true')", "the engine host"),
        ("send(channel, {'hello': 99, 'probe': {}})", "protocol 99"),
        ("send(channel, {'hello': 1})", "nonsense"),
        ("send(channel, {'hello': 1, 'probe': 7})", "nonsense"),
    ],
    ids=["ends", "no message", "no table", "other protocol", "no probe", "wrong probe"],
)
def test_a_child_that_speaks_otherwise_is_told(
    program: str,
    told: str,
    hosted: Hosted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import socket, sys\n"
        "from edgefer.engines.trt_runner import send\n"
        "channel = socket.socket(fileno=int(sys.argv[1]))\n"
        f"{program}\n"
        "channel.recv(1)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    with pytest.raises(EngineLost, match=told):
        hosted(child=child)


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 3, 8, 9), (1, 3, 8)])
def test_a_batch_of_another_shape_is_refused(shape: tuple[int, ...], hosted: Hosted) -> None:
    engine = hosted()
    with pytest.raises(InferenceError, match="takes"):
        engine.infer(np.zeros(shape, np.float32))
    assert engine.restarted == 0


def test_a_python_without_numpy_is_told_as_what_is_missing_and_a_changed_plan_before_it(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    bare = tmp_path / "python"  # -S: no site-packages, so no NumPy
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n', encoding="utf-8")
    bare.chmod(0o755)
    plan = plan_of("10.3.0.26").path
    config = EngineConfig(model=str(plan), python=str(bare))
    with pytest.raises(NotInstalled, match="edgefer doctor"):
        open_engine(config)
    plan.write_bytes(plan.read_bytes() + b"x")
    with pytest.raises(PlanMismatch) as caught:
        open_engine(config)
    assert [one.what for one in caught.value.differences] == ["plan"]
