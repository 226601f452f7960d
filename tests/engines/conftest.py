"""The double of TensorRT, in this process and in others, and the Pythons that others run on."""

from __future__ import annotations

import ctypes
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefer.engines.host import HostedEngine
from edgefer.engines.trt import TensorRTEngine
from edgefer.manifest import PlanManifest, read_plan, write_manifest
from tests.conftest import REPOSITORY
from tests.plans import make_plan
from tests.tensorrt_double import PATH, cuda, modules, runtime

PYTHONS = {
    "3.6": "numpy==1.19.5",
    "3.8": "numpy==1.24.4",
    "3.10": "numpy==2.2.6",
    "3.11": "numpy==2.2.6",
    "3.13": "numpy==2.2.6",
}
"""Interpreters that the runner must work on, each with a NumPy that it can have."""

CACHE = REPOSITORY / ".cache" / "pythons"


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A plan of the double, and what it computes."""

    path: Path
    manifest: PlanManifest

    def expected(self, batch: np.ndarray) -> np.ndarray:
        means: np.ndarray = batch.mean(axis=(2, 3)) @ LINEAR
        return means


LINEAR = np.random.default_rng(0).standard_normal((3, 7)).astype(np.float32)
"""The weights of `tests.models.tiny_onnx`, for Pythons without ONNX Runtime."""


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """A plan for a version of TensorRT and for the double's own device, with its manifest."""

    def made(version: str, capability: str = "5.3") -> Plan:
        path = tmp_path / "model.plan"
        manifest = make_plan(path, version, capability)
        content = runtime.write_plan(
            tuple(map(int, version.split("."))),
            [("input", [-1, 3, 8, 8], "FLOAT")],
            [("logits", [-1, 7], "FLOAT")],
            (1, 1, 8),
            linear=LINEAR.tolist(),
            onnx=path.with_suffix(".onnx").read_bytes(),
            capability=capability,
        )
        path.write_bytes(content)
        file = read_plan(path)
        manifest = dataclasses.replace(manifest, plan_sha256=file.sha256, plan_bytes=file.bytes)
        write_manifest(path, manifest)
        return Plan(path, manifest)

    return made


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a version of the double in TensorRT's and PyCUDA's place, in this process and its
    children. Nothing may be left on the device, or current in this thread, at the end."""

    def use(version: str) -> None:
        for name, module in modules(version).items():
            monkeypatch.setitem(sys.modules, name, module)
        monkeypatch.setattr(ctypes, "CDLL", cuda.cdll)
        monkeypatch.setenv("EDGEFER_TRT_DOUBLE", version)
        monkeypatch.setenv("PYTHONPATH", PATH)

    for state in (cuda.broken, cuda.libcuda, cuda._memory, cuda._initialised, runtime.used):
        state.clear()
    cuda._current.stack = []
    yield use
    assert not cuda._memory or cuda.broken
    assert not getattr(cuda._current, "stack", [])
    assert not any(library.live() for library in cuda.libcuda)


@pytest.fixture
def opened(
    double: Callable[[str], None], plan_of: Callable[..., Plan]
) -> Iterator[Callable[..., TensorRTEngine]]:
    """Opens engines in this process, and closes them."""
    engines = []

    def open_it(version: str, *, graphs: bool = False) -> TensorRTEngine:
        double(version)
        plan = plan_of(version)
        engines.append(TensorRTEngine(plan.path, plan.manifest, graphs=graphs))
        return engines[-1]

    yield open_it
    for engine in engines:
        engine.close()


@pytest.fixture
def plan(plan_of: Callable[..., Plan]) -> Plan:
    return plan_of("8.2.1.8")


@pytest.fixture
def hosted(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HostedEngine]]:
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


@pytest.fixture(scope="session")
def python_of() -> Callable[[str], str]:
    """The interpreter of a version, in an environment with NumPy, made once and kept in `.cache`.

    Skips where there is none (pyenv install 3.6.15, or set EDGEFER_PYTHONS to the folder that
    holds such as 3.6.15/bin/python), or no network to fetch NumPy; in CI it fails.
    """

    def interpreter(version: str) -> str:
        if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
            return sys.executable
        made = CACHE / version / "bin" / "python"
        if not (CACHE / version / "ready").exists():
            _make(version)
        return str(made)

    return interpreter


def _make(version: str) -> None:
    folder = Path(os.environ.get("EDGEFER_PYTHONS", Path.home() / ".pyenv" / "versions"))
    found = sorted(folder.glob(f"{version}.*/bin/python"))
    if not found:
        _missing(f"no Python {version} in {folder}: pyenv install {version}, or EDGEFER_PYTHONS")
    home = CACHE / version
    try:
        _run(found[-1], "-m", "venv", "--clear", "--without-pip", home)
        # Our own pip, since that of Python 3.6 takes half a minute to be put there.
        _run(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--python-version", version, "--only-binary=:all:", "--target",
             home / "lib" / f"python{version}" / "site-packages", PYTHONS[version])  # fmt: skip
    except (OSError, subprocess.SubprocessError) as exc:
        _missing(f"no environment for Python {version}: {getattr(exc, 'stderr', exc)!r}")
    (home / "ready").touch()


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=100)


def _missing(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
