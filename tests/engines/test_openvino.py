from __future__ import annotations

import dataclasses
import sys
import threading
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from edgefer.config import EngineConfig
from edgefer.engines import RUNTIMES, find_model, open_engine, split_runtime
from edgefer.engines.openvino import OpenVINOEngine
from edgefer.errors import (
    ConfigError,
    InferenceError,
    ModelError,
    NotInstalled,
    SpecError,
    UnknownName,
)
from edgefer.protocols import Engine
from tests.contracts import check_engine
from tests.models import SPEC, tiny_onnx

pytest.importorskip("openvino", reason="pip install 'edgefer[openvino]'")


def opened(model: object, **settings: object) -> Engine:
    return open_engine(dataclasses.replace(EngineConfig(), model=str(model), **settings))  # type: ignore[arg-type]


def test_a_model_with_its_spec_keeps_the_contract(tmp_path: Path) -> None:
    check_engine(opened(f"openvino:{tiny_onnx(tmp_path / 'm.onnx')}"))


def test_a_model_with_a_fixed_batch_of_one_keeps_the_contract(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "m.onnx", input_shape=(1, 3, 8, 8))
    check_engine(opened(f"openvino:{path}"))


def test_the_shipped_model_answers_as_onnx_runtime_does() -> None:
    ort, openvino = opened("lightweight.onnx"), opened("openvino:lightweight.onnx")
    assert openvino.runtime.startswith("openvino ")
    assert openvino.runtime.endswith(" CPU f32")
    assert openvino.spec == ort.spec
    batch = np.random.default_rng(0).standard_normal((4, 3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(openvino.infer(batch), ort.infer(batch), atol=1e-4)
    check_engine(openvino)


def test_single_precision_is_kept_where_openvino_would_take_less() -> None:
    exact, coarse = opened("openvino:lightweight.onnx"), None
    try:
        coarse = opened("openvino-bf16:lightweight.onnx")
    except ConfigError as exc:
        pytest.skip(f"needs a processor with bfloat16: {exc}")
    batch = np.random.default_rng(0).standard_normal((4, 3, 64, 64)).astype(np.float32)
    truth = opened("lightweight.onnx").infer(batch)
    assert coarse.runtime.endswith(" CPU bf16")
    assert np.abs(exact.infer(batch) - truth).max() < 1e-4
    assert 1e-3 < np.abs(coarse.infer(batch) - truth).max() < 0.5


def test_an_arithmetic_that_the_processor_lacks_is_refused_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # OpenVINO 2026.4 takes bf16 where f16 is asked for and is not there.
    monkeypatch.setitem(RUNTIMES, "openvino-bf16", "f16")
    try:
        said = opened("openvino-bf16:lightweight.onnx").runtime
    except ConfigError as exc:
        said = str(exc)
    assert said.endswith(" CPU f16") or "does not compute in f16" in said


def test_threads_that_share_it_get_their_own_answers(tmp_path: Path) -> None:
    engine = opened(f"openvino:{tiny_onnx(tmp_path / 'm.onnx')}")
    pictures = [np.full((1, 3, 8, 8), n, np.float32) for n in range(8)]
    expected = [engine.infer(picture) for picture in pictures]
    wrong: list[int] = []
    meet = threading.Barrier(len(pictures))

    def work(n: int) -> None:
        meet.wait(30)
        for _ in range(50):
            if not np.allclose(engine.infer(pictures[n]), expected[n], atol=1e-5):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_the_first_run_is_made_by_one_thread_when_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two first runs at once hang in OpenVINO 2026.4: one process in eight, with four threads.
    runs: list[tuple[int, ...]] = []
    inner = OpenVINOEngine._run

    def counted(engine: OpenVINOEngine, part: np.ndarray) -> np.ndarray:
        runs.append(part.shape)
        return inner(engine, part)

    monkeypatch.setattr(OpenVINOEngine, "_run", counted)
    opened(f"openvino:{tiny_onnx(tmp_path / 'm.onnx')}")
    assert runs == [(1, 3, 8, 8)]


def test_what_onnx_runtime_refuses_is_refused_here_too(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"m\.onnx\.toml"):
        opened(f"openvino:{tiny_onnx(tmp_path / 'm.onnx', None)}")
    with pytest.raises(SpecError, match=r"5 outputs.*7 labels"):
        opened(f"openvino:{tiny_onnx(tmp_path / 'n.onnx', outputs=5)}")
    with pytest.raises(SpecError, match="fixed batch of 4"):
        opened(f"openvino:{tiny_onnx(tmp_path / 'o.onnx', input_shape=(4, 3, 8, 8))}")
    (tmp_path / "p.onnx").write_bytes(b"hello, I am a text\n")
    with pytest.raises(ModelError):
        opened(f"openvino:{tmp_path / 'p.onnx'}")


def test_an_operator_that_openvino_lacks_is_named(tmp_path: Path) -> None:
    path = tiny_onnx(tmp_path / "m.onnx")
    model = onnx.load(str(path))
    model.graph.node.insert(0, helper.make_node("Odd", ["input"], ["odd"], domain="com.example"))
    model.graph.node[1].input[0] = "odd"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    onnx.save(model, str(path))
    with pytest.raises(ModelError, match="Odd"):
        opened(f"openvino:{path}")


def test_a_batch_of_another_size_is_an_inference_error(tmp_path: Path) -> None:
    engine = opened(f"openvino:{tiny_onnx(tmp_path / 'm.onnx')}")
    with pytest.raises(InferenceError):
        engine.infer(np.zeros((1, 3, 9, 9), np.float32))
    engine.spec = dataclasses.replace(SPEC, labels=("up", "down"))  # type: ignore[misc]
    with pytest.raises(InferenceError, match=r"\(2, 7\)"):
        engine.infer(np.zeros((2, 3, 8, 8), np.float32))


def test_it_is_never_taken_without_being_named() -> None:
    assert opened("lightweight.onnx").runtime.startswith("onnxruntime ")


def test_without_the_package_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(NotInstalled, match=r"edgefer\[openvino\]"):
        opened("openvino:lightweight.onnx")


def test_a_runtime_that_there_is_not_is_unknown_and_the_nearest_is_offered() -> None:
    with pytest.raises(UnknownName) as caught:
        opened("openvin:lightweight.onnx")
    assert caught.value.nearest == "openvino"


def test_a_plan_is_no_model_for_it(tmp_path: Path) -> None:
    (tmp_path / "face.plan").write_bytes(b"plan")
    with pytest.raises(UnknownName, match=r"\.plan"):
        opened(f"openvino:{tmp_path / 'face.plan'}")


def test_a_gpu_cannot_be_asked_of_it() -> None:
    with pytest.raises(ConfigError, match="cuda"):
        opened("openvino:lightweight.onnx", device="cuda")


def test_the_runtime_does_not_count_in_finding_the_file(tmp_path: Path) -> None:
    assert find_model("openvino:lightweight.onnx") == find_model("lightweight.onnx")
    odd = tiny_onnx(tmp_path / "a:b.onnx")  # a file of that name is what it is
    assert find_model(str(odd)) == odd
    assert split_runtime("openvino-bf16:/models/x.onnx") == ("openvino-bf16", "/models/x.onnx")
    assert split_runtime("/models/a:b.onnx") == ("", "/models/a:b.onnx")
