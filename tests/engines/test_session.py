"""Opening a model file: what works, and what each broken file is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from edgefer.config import PACKAGED_MODELS
from edgefer.engines import session as module
from edgefer.engines.ort import OrtEngine
from edgefer.engines.session import Bound, on_cpu, open_session, run
from edgefer.errors import InferenceError, ModelError, NotInstalled
from tests.conftest import REPOSITORY


@pytest.fixture
def doubler(tmp_path: Path) -> Path:
    """A model whose `y` is twice its `x`, (N, 2) float32."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubler", [x], [y])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    path = tmp_path / "face.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("threads", [1, 2])
def test_session_answers(doubler: Path, threads: int) -> None:
    session = open_session(doubler, threads)
    (y,) = run(session, ["y"], {"x": np.array([[1, 2]], np.float32)})
    np.testing.assert_array_equal(y, [[2, 4]])


def test_session_uses_the_threads_it_is_given_and_one_does_not_spin(doubler: Path) -> None:
    options = open_session(doubler, 1).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert open_session(doubler, 2).get_session_options().intra_op_num_threads == 2


def test_session_runs_on_a_provider_of_this_machine(doubler: Path) -> None:
    session = open_session(doubler, 1)
    assert on_cpu(session) == (session.get_providers() == ["CPUExecutionProvider"])


def test_runs_over_bound_buffers_answer_as_plain_runs_do(doubler: Path) -> None:
    bound = Bound(open_session(doubler, 1), "x", "y", "cpu")
    first = bound.run(np.array([[1, 2]], np.float32))
    for batch in (np.array([[3, 4]], np.float32), np.ones((5, 2), np.float32)):
        np.testing.assert_array_equal(bound.run(batch), 2 * batch)
    np.testing.assert_array_equal(first, [[2, 4]])  # the caller's: no later run wrote into it


def test_bound_input_that_does_not_fit_is_an_inference_error(doubler: Path) -> None:
    with pytest.raises(InferenceError):
        Bound(open_session(doubler, 1), "x", "y", "cpu").run(np.zeros((1, 3), np.float32))


def test_cuda_is_refused_where_this_onnxruntime_has_none(doubler: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(NotInstalled, match=r"edgefer\[gpu\]"):
        open_session(doubler, 1, "cuda")
    assert on_cpu(open_session(doubler, 1, "auto"))


class OffersCuda:
    """ONNX Runtime that lists CUDA although nothing of it can run: what the gpu package does on a
    machine without a GPU. The sessions are the real ones, on a provider that is not there."""

    def __init__(self) -> None:
        self.refused: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def InferenceSession(self, path: str, options: Any, providers: list[str]) -> Any:  # noqa: N802
        if providers == ["CUDAExecutionProvider"]:
            assert options.get_session_config_entry("session.disable_cpu_ep_fallback") == "1"
            self.refused.append(providers)
            raise Fail("nodes are assigned to the default CPU EP")
        return onnxruntime.InferenceSession(path, options, providers=providers)


def test_a_cuda_that_does_not_work_is_an_error_or_a_warning_but_never_silence(
    doubler: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = OffersCuda()
    monkeypatch.setattr(module, "_onnxruntime", lambda: runtime)
    with pytest.raises(NotInstalled, match="default CPU EP"):
        open_session(doubler, 1, "cuda")
    assert not caplog.records
    assert on_cpu(open_session(doubler, 1, "auto"))
    assert "CUDA is offered but not used" in caplog.text
    assert len(runtime.refused) == 2
    assert on_cpu(open_session(doubler, 1))
    assert len(runtime.refused) == 2


@pytest.mark.gpu
@pytest.mark.skipif(
    "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
    reason="needs a GPU and onnxruntime-gpu: pip install 'edgefer[gpu]'; pytest -m gpu",
)
def test_on_a_gpu_the_shipped_model_answers_as_on_the_processor() -> None:
    path = PACKAGED_MODELS / "lightweight.onnx"
    batch = np.random.default_rng(0).normal(size=(8, 3, 64, 64)).astype(np.float32)
    here, there = OrtEngine(path, device="cuda"), OrtEngine(path)
    assert here.exclusive
    np.testing.assert_allclose(here.infer(batch), there.infer(batch), atol=5e-2)


@pytest.mark.parametrize(
    "inputs",
    [{"x": np.zeros((1, 3), np.float32)}, {"x": np.zeros((1, 2))}, {}],
    ids=["wrong shape", "float64", "no input"],
)
def test_input_that_does_not_fit_is_an_inference_error(
    doubler: Path, inputs: dict[str, np.ndarray]
) -> None:
    with pytest.raises(InferenceError):
        run(open_session(doubler, 1), ["y"], inputs)


def test_missing_file_is_a_model_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx: No such file"):
        open_session(tmp_path / "absent.onnx", 1)


def test_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="directory"):
        open_session(tmp_path, 1)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", r"face\.onnx is empty"),
        (b"<!DOCTYPE html><html>", r"face\.onnx is not an ONNX file: it begins with b'<!DOCTYPE"),
        (b"\x89PNG\r\n", r"face\.onnx is not an ONNX file: it begins with b'\\x89PNG"),
        (b"h", r"face\.onnx is not an ONNX file"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:8f",
            r"LFS pointer.*git lfs pull",
        ),
    ],
    ids=["empty", "web page", "picture", "one letter", "pointer"],
)
def test_file_that_is_no_model_is_told_what_it_is(
    tmp_path: Path, content: bytes, told: str
) -> None:
    path = tmp_path / "face.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=told):
        open_session(path, 1)


def test_model_that_was_cut_off_is_told_so(doubler: Path) -> None:
    whole = doubler.read_bytes()
    doubler.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match=rf"cut off at {len(whole) // 2} bytes"):
        open_session(doubler, 1)


def test_graph_that_onnx_runtime_cannot_run_is_told_its_reason(doubler: Path) -> None:
    model = onnx.load(doubler)
    model.graph.node[0].op_type = "Frobnicate"
    onnx.save(model, doubler)
    with pytest.raises(ModelError, match=r"cannot use .*face\.onnx.*Frobnicate"):
        open_session(doubler, 1)


def test_without_onnx_runtime_the_extra_is_named(
    doubler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotInstalled, match=r"pip install 'edgefer\[cpu\]'"):
        open_session(doubler, 1)


def test_onnx_runtime_tells_nobody_of_us_and_keeps_nothing_about_us(
    doubler: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    hidden = ("CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")  # each would quieten it
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    code = (
        "from pathlib import Path\n"
        "from edgefer.engines.session import open_session\n"
        f"open_session(Path({str(doubler)!r}), 1)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HOME": str(home)},
        cwd=REPOSITORY,
        check=True,
    )
    assert list(home.rglob("*")) == []
