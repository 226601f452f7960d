"""The engine host's process on the double: what it opens, what it refuses, and when it ends."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import EngineConfig
from edgefer.engines import open_engine
from edgefer.engines.host import HostedEngine
from edgefer.errors import EngineLost, InferenceError, ModelError, NotInstalled
from edgefer.manifest import PlanMismatch, write_manifest
from tests.engines.conftest import PYTHONS, Plan
from tests.tensorrt_double import PATH

PlanOf = Callable[..., Plan]
Hosted = Callable[..., HostedEngine]

BATCH = np.random.default_rng(1).random((3, 3, 8, 8), dtype=np.float32)
FAULT = "EDGEFER_TRT_DOUBLE_FAULT"


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
