"""From ONNX to plan: what each TensorRT is asked, what is refused, and what is left after a fault.

On a double of TensorRT. Most tests build in this process; those with `children` start the real
child processes, as a user does.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgefer.config import EngineConfig
from edgefer.engines import open_engine, trt_agreement, trt_build, trt_build_child, trt_child
from edgefer.engines.trt import TensorRTEngine
from edgefer.engines.trt_agreement import BOUNDS, Agreement, compare, fixture
from edgefer.engines.trt_build import Built, Order, compile_plan
from edgefer.engines.trt_child import probe
from edgefer.engines.trt_flags import BuildError, check_opset, flags
from edgefer.engines.trt_rebuild import rebuild_if_stale
from edgefer.engines.trt_room import check_disk, check_memory
from edgefer.engines.trt_runner import Runner
from edgefer.errors import ModelError, NotInstalled, OutputError, SpecError
from edgefer.manifest import Here, PlanMismatch, manifest_path, read_manifest
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing
from tests.models import SPEC, tiny_onnx
from tests.tensorrt_double import cuda, runtime

Use = Callable[[str], None]


def half_onnx(path: Path) -> Path:
    """`tiny_onnx` with FP16 weights between two casts: float32 goes in and comes out."""
    model = onnx.load(str(tiny_onnx(path)))
    (weights,) = model.graph.initializer
    dense = onnx.numpy_helper.to_array(weights).astype(np.float16)
    weights.CopyFrom(onnx.numpy_helper.from_array(dense, "dense"))
    pool, flatten, _ = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([
        pool,
        flatten,
        helper.make_node("Cast", ["flat"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["half", "dense"], ["answer"]),
        helper.make_node("Cast", ["answer"], ["logits"], to=TensorProto.FLOAT),
    ])  # fmt: skip
    onnx.save(model, str(path))
    return path


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """What the double was asked to do while building."""
    path = tmp_path / "calls"
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_CALLS", str(path))
    return lambda: path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where face.onnx lies and face.plan will; models and caches are elsewhere."""
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path / "models"))
    made = tmp_path / "work"
    made.mkdir()
    tiny_onnx(made / "face.onnx")
    return made


@pytest.fixture
def within(double: Use, monkeypatch: pytest.MonkeyPatch) -> Use:
    """The double, and everything that has a child process done in this one."""

    def ask(_: str, request: dict[str, Any], watch: trt_child.Watch, **__: Any) -> dict[str, Any]:
        def tell(record: dict[str, Any]) -> None:
            watch(0.0, *record["row"])

        request = json.loads(json.dumps(request))
        if request["do"] == "probe":
            return trt_build_child.probe()
        return trt_build_child.build(request, tell)

    def hosted(plan: Path, manifest: Any, **_: Any) -> TensorRTEngine:
        return TensorRTEngine(plan, manifest)

    monkeypatch.setattr(trt_build, "ask", ask)
    monkeypatch.setattr(trt_child, "ask", ask)
    monkeypatch.setattr(trt_build, "HostedEngine", hosted)
    return double


def quiet(elapsed: float, severity: str, row: str) -> None:
    """A Watch that nobody looks at."""


def build(folder: Path, precision: str = "fp16", **changes: Any) -> Built:
    order = Order(folder / "face.onnx", folder / "face.plan", precision)  # type: ignore[arg-type]
    return compile_plan(dataclasses.replace(order, **changes), quiet)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


PROFILE = "set_shape(input, (1, 3, 8, 8), (1, 3, 8, 8), (8, 3, 8, 8))"
POOL = "set_memory_pool_limit(WORKSPACE, 268435456)"
TABLE = {
    ("8.2.1.8", "fp32", "fp32"): "create_network(EXPLICIT_BATCH) | max_workspace_size = 268435456 "
    f"| {PROFILE} | build_serialized_network | execute_async_v2",
    ("8.2.1.8", "fp32", "fp16"): "create_network(EXPLICIT_BATCH) | set_flag(FP16) | "
    f"max_workspace_size = 268435456 | {PROFILE} | build_serialized_network | execute_async_v2",
    ("8.6.1.6", "fp32", "fp32"): f"create_network(EXPLICIT_BATCH) | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("8.6.1.6", "fp32", "fp16"): f"create_network(EXPLICIT_BATCH) | set_flag(FP16) | {POOL} | "
    f"{PROFILE} | build_serialized_network | execute_async_v3",
    ("10.3.0.26", "fp32", "fp32"): f"create_network() | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("10.3.0.26", "fp32", "fp16"): f"create_network() | set_flag(FP16) | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("10.3.0.26", "fp16", "fp16"): f"create_network(STRONGLY_TYPED) | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("10.13.3.9", "fp32", "fp32"): f"create_network() | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("10.13.3.9", "fp32", "fp16"): f"create_network() | set_flag(FP16) | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("10.13.3.9", "fp16", "fp16"): f"create_network(STRONGLY_TYPED) | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("11.4.0.106", "fp32", "fp32"): f"create_network() | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
    ("11.4.0.106", "fp16", "fp16"): f"create_network() | {POOL} | {PROFILE} | "
    "build_serialized_network | execute_async_v3",
}
"""TensorRT, the ONNX file's weights, the precision asked for: every call that decides."""


@pytest.mark.parametrize(("version", "weights", "precision"), TABLE)
def test_each_tensorrt_is_asked_in_its_own_way(
    version: str,
    weights: str,
    precision: str,
    folder: Path,
    within: Use,
    calls: Callable[[], list[str]],
) -> None:
    within(version)
    if weights == "fp16":
        half_onnx(folder / "face.onnx")
    built = build(folder, precision)
    runner = Runner((folder / "face.plan").read_bytes())
    executed = str(runner.facts()["call"])
    runner.close()
    assert " | ".join([*calls(), executed]) == TABLE[version, weights, precision]
    assert built.manifest == read_manifest(folder / "face.plan")
    assert (built.manifest.precision, built.manifest.tensorrt) == (precision, version)
    assert built.kept.agreement.holds


@pytest.mark.parametrize(
    ("tensorrt", "weights", "precision", "told"),
    [
        ((8, 2, 1, 8), "fp16", "fp16", "edgefer-export export --precision fp32"),
        ((8, 2, 1, 8), "fp16", "fp32", "--precision fp16"),
        ((10, 3, 0), "fp16", "fp32", "--precision fp16"),
        ((11, 4, 0), "fp32", "fp16", "edgefer-export export --precision fp16"),
        ((11, 4, 0), "fp16", "fp32", "FP32 ONNX"),
        ((10, 3, 0), "int8", "fp16", "edgefer-export export --precision fp32"),
    ],
)
def test_a_precision_that_a_tensorrt_cannot_make_of_a_file_names_the_file_to_give_it(
    tensorrt: tuple[int, ...], weights: str, precision: Any, told: str
) -> None:
    with pytest.raises(BuildError, match=told):
        flags(tensorrt, weights, precision)


def test_an_opset_beyond_8_2_is_refused_before_the_builder_starts(
    folder: Path, within: Use, calls: Callable[[], list[str]]
) -> None:
    model = onnx.load(str(folder / "face.onnx"))
    model.opset_import[0].version = 17
    onnx.save(model, str(folder / "face.onnx"))
    within("8.2.1.8")
    with pytest.raises(BuildError, match="opset 17"):
        build(folder)
    assert calls() == []
    check_opset((8, 6, 1, 6), 17)


def test_a_fixed_batch_of_one_builds_without_a_profile(
    folder: Path, within: Use, calls: Callable[[], list[str]]
) -> None:
    tiny_onnx(folder / "face.onnx", input_shape=(1, 3, 8, 8))
    within("10.3.0.26")
    with pytest.raises(BuildError, match="--max-batch 1"):
        build(folder)
    assert build(folder, max_batch=1).manifest.profile.most == 1
    assert not any(call.startswith("set_shape") for call in calls())


def test_what_no_manifest_can_hold_is_told_before_a_build(
    folder: Path, within: Use, calls: Callable[[], list[str]]
) -> None:
    within("10.3.0.26")
    odd = tiny_onnx(folder / "-rf.onnx")
    with pytest.raises(ModelError, match="bare name of a file"):
        build(folder, onnx=odd)
    tiny_onnx(folder / "face.onnx", dataclasses.replace(SPEC, accuracy="\x1b[2J"))
    with pytest.raises(SpecError, match="control characters"):
        build(folder)
    assert calls() == []


def test_a_plan_that_disagrees_is_not_written_and_the_old_one_stands(
    folder: Path, within: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    within("10.3.0.26")
    build(folder)
    before = (folder / "face.plan").read_bytes(), manifest_path(folder / "face.plan").read_bytes()
    other = tiny_onnx(folder.parent / "other.onnx", weight=0.5)
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_BUILD", f"wrong={other}")
    with pytest.raises(BuildError, match=r"not written:\n  fp16: the same label for .*%"):
        build(folder)
    assert left(folder) == {"face.onnx", "face.plan", "face.plan.json"}
    assert before == (
        (folder / "face.plan").read_bytes(), manifest_path(folder / "face.plan").read_bytes()
    )  # fmt: skip


def test_best_keeps_fp32_where_fp16_is_wrong_and_says_by_how_much(
    folder: Path, within: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    within("8.2.1.8")
    monkeypatch.setattr(trt_build, "median_ms", lambda *_: 1.0)
    other = tiny_onnx(folder.parent / "other.onnx", weight=0.5)
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_BUILD", f"wrong-fp16={other}")
    built = build(folder, "best")
    assert built.manifest.precision == "fp32"
    assert [one.precision for one in built.others] == ["fp16"]
    assert not built.others[0].agreement.holds
    assert f"differ by {built.others[0].agreement.dp:.4f}" in built.in_words()


@pytest.mark.parametrize(("times", "kept"), [((2.0, 1.0), "fp16"), ((1.0, 1.5), "fp32")])
def test_best_keeps_the_faster_and_says_by_how_much(
    times: tuple[float, float],
    kept: str,
    folder: Path,
    within: Use,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    within("8.2.1.8")
    measured = iter(times)
    monkeypatch.setattr(trt_build, "median_ms", lambda *_: next(measured))
    built = build(folder, "best")
    assert built.manifest.precision == kept
    assert f"{max(times) / min(times):.2f} times" in built.in_words()


def test_best_is_refused_where_one_file_cannot_give_both(folder: Path, within: Use) -> None:
    within("11.4.0.106")
    with pytest.raises(BuildError, match="edgefer bench --engine"):
        build(folder, "best")


def test_a_model_that_answers_nan_itself_is_told_so(folder: Path, within: Use) -> None:
    tiny_onnx(folder / "face.onnx", weight=float("nan"))
    within("10.3.0.26")
    with pytest.raises(BuildError, match="itself answers nan"):
        build(folder)


def test_a_crash_between_the_renames_leaves_nothing_that_loads(
    folder: Path, within: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    within("10.3.0.26")
    build(folder, "fp32")
    true_replace = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if self.suffix == ".json":
            raise OSError(5, "Input/output error")
        return true_replace(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(OutputError, match="Input/output error"):
        build(folder, "fp16", max_batch=4)
    assert left(folder) == {"face.onnx", "face.plan", "face.plan.json"}
    with pytest.raises(PlanMismatch):
        open_engine(EngineConfig(model=str(folder / "face.plan")))
    manifest_path(folder / "face.plan").unlink()
    with pytest.raises(ModelError):
        open_engine(EngineConfig(model=str(folder / "face.plan")))


def test_a_timing_cache_is_kept_and_used_again(folder: Path, within: Use) -> None:
    within("10.3.0.26")
    (build(folder), build(folder))
    cache = folder.parent / "models" / "cache" / "timing-10.3.0.26-5.3.cache"
    assert cache.read_bytes() == b"cache 2"


def test_a_timing_cache_that_tensorrt_cannot_use_is_left_out(folder: Path, within: Use) -> None:
    within("8.2.1.8")
    cache = folder / "my.cache"
    cache.write_bytes(b"of another GPU")
    build(folder, timing_cache=cache)
    assert cache.read_bytes() == b"cache 1"


def test_a_cache_that_cannot_be_kept_is_an_error_only_where_it_was_asked_for(
    folder: Path, within: Use, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    within("10.3.0.26")
    with pytest.raises(OutputError, match="timing cache"):
        build(folder, timing_cache=folder / "face.onnx" / "my.cache")
    monkeypatch.setenv("EDGEFER_MODELS", str(folder / "face.onnx"))
    build(folder)
    assert "timing cache is not kept" in caplog.text


def test_a_stale_plan_is_built_again_with_its_own_options(folder: Path, within: Use) -> None:
    plan = folder / "face.plan"
    within("8.6.1.6")
    build(folder, "fp32", max_batch=3, workspace_bytes=64 << 20)
    assert not rebuild_if_stale(plan)
    within("10.3.0.26")
    assert rebuild_if_stale(plan)
    manifest = read_manifest(plan)
    assert (manifest.tensorrt, manifest.precision) == ("10.3.0.26", "fp32")
    assert (manifest.profile.most, manifest.workspace_bytes) == (3, 64 << 20)
    assert not rebuild_if_stale(plan)
    tiny_onnx(folder / "face.onnx", weight=0.25)
    assert rebuild_if_stale(plan)
    plan.write_bytes(plan.read_bytes()[:50])
    assert rebuild_if_stale(plan)
    manifest_path(plan).unlink()
    assert rebuild_if_stale(plan)
    assert not rebuild_if_stale(plan)


def test_a_stale_plan_without_its_onnx_is_left_to_be_refused(folder: Path, within: Use) -> None:
    within("8.6.1.6")
    build(folder)
    (folder / "face.onnx").unlink()
    within("10.3.0.26")
    assert not rebuild_if_stale(folder / "face.plan")


def test_the_default_never_rebuilds(folder: Path, within: Use) -> None:
    within("8.6.1.6")
    build(folder)
    within("10.3.0.26")
    with pytest.raises(PlanMismatch):
        open_engine(EngineConfig(model=str(folder / "face.plan")))


def meminfo(path: Path, **mib: int) -> Path:
    file = path / "meminfo"
    file.write_text("".join(f"{name}:  {size * 1024} kB\n" for name, size in mib.items()))
    return file


def test_too_little_memory_is_told_before_a_build(tmp_path: Path) -> None:
    little = meminfo(tmp_path, MemTotal=3956, MemAvailable=600, SwapTotal=0, SwapFree=0)
    with pytest.raises(BuildError, match=r"600 MiB.*swapon.*--workspace 128MiB"):
        check_memory(10 << 20, 256 << 20, little)
    swap = meminfo(tmp_path, MemTotal=3956, MemAvailable=600, SwapTotal=4096, SwapFree=4096)
    assert check_memory(10 << 20, 256 << 20, swap) == ""
    nano = meminfo(tmp_path, MemTotal=3956, MemAvailable=3000, SwapTotal=0, SwapFree=0)
    assert "no swap" in check_memory(10 << 20, 256 << 20, nano)
    assert check_memory(10 << 20, 256 << 20, tmp_path / "absent") == ""


def test_a_plan_that_cannot_be_written_is_told_before_a_build(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        check_disk(tmp_path, 1)
    with pytest.raises(OutputError, match="no folder"):
        check_disk(tmp_path / "absent" / "face.plan", 1)
    with pytest.raises(OutputError, match="MiB left"):
        check_disk(tmp_path / "face.plan", 1 << 50)


def test_the_fixture_batch_is_the_same_always_and_of_different_faces() -> None:
    spec = ModelSpec("any", EXPRESSIONS, Preprocessing(32, 32))
    first = fixture(spec).copy()
    assert first.shape == (trt_agreement.FACES, 3, 32, 32)
    fixture.cache_clear()
    np.testing.assert_array_equal(first, fixture(spec))
    assert len(np.unique(first.reshape(len(first), -1), axis=0)) == len(first)
    assert first.std(axis=(1, 2, 3)).min() > 0.1


def test_agreement_counts_labels_and_probabilities() -> None:
    rng = np.random.default_rng(1)
    answers = rng.standard_normal((trt_agreement.FACES, 7)).astype(np.float32)

    def agreement(change: float, rows: slice) -> Agreement:
        changed = answers.copy()
        changed[rows, 0] += np.float32(change)
        parts = iter(np.split(changed, 4))
        return compare(lambda _: next(parts), lambda _: answers, SPEC, "fp16", 8)

    assert agreement(0, slice(0)) == Agreement(32, 1.0, 0.0, BOUNDS["fp16"])
    assert agreement(0.001, slice(None)).holds
    far = agreement(50, slice(0, 4))
    assert not far.holds
    assert far.dp > 0.9
    broken = agreement(float("nan"), slice(0, 1))
    assert not broken.holds
    assert "nan" in str(broken)


@pytest.mark.parametrize(
    ("top1", "dp", "holds"),
    [(1.0, 0.05, True), (1.0, 0.051, False), (0.95, 0.0, True), (0.94, 0.0, False)],
)
def test_either_bound_alone_refuses(top1: float, dp: float, holds: bool) -> None:
    assert Agreement(32, top1, dp, BOUNDS["fp16"]).holds == holds


def test_what_the_builder_asks_of_each_tensorrt_exists_there(
    folder: Path, within: Use, shared: Path
) -> None:
    """Against the names in the real bindings; test_trt_bindings.py has those themselves."""
    census = json.loads((shared / "tools" / "trt_api_census.json").read_text())
    for version, real in (("8.2.1.8", "8.2.1"), ("8.6.1.6", "8.6.1"), ("10.3.0.26", "10.3.0"),
                          ("10.13.3.9", "10.13.3.9"), ("11.4.0.106", "11.4.0.106")):  # fmt: skip
        within(version)
        runtime.used.clear()
        build(folder, "fp32")
        asked = {(kind, name) for kind, name in runtime.used if kind in census[real]}
        assert ("Builder", "build_serialized_network") in asked
        assert [(kind, name) for kind, name in asked if name not in census[real][kind]] == []


# --- real child processes from here on


def test_a_build_runs_in_children_and_tells_its_progress(
    folder: Path, double: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("10.3.0.26")
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_CC", "8.7")
    rows: list[tuple[str, str]] = []
    order = Order(folder / "face.onnx", folder / "face.plan")
    built = compile_plan(order, lambda _, severity, row: rows.append((severity, row)))
    assert ("INFO", "[MemUsageChange] Init builder kernel library") in rows
    assert built.manifest.compute_capability == "8.7"
    assert left(folder) == {"face.onnx", "face.plan", "face.plan.json"}
    open_engine(EngineConfig(model=str(folder / "face.plan"))).close()


def test_the_builder_runs_under_the_python_of_the_nano(
    folder: Path, double: Use, python_of: Callable[[str], str]
) -> None:
    double("8.2.1.8")
    python = python_of("3.6")
    assert probe(python).python.startswith("3.6.")
    built = build(folder, python=python)
    assert built.manifest.tensorrt == "8.2.1.8"
    assert built.kept.agreement.holds


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("killed", r"signal 9.*OOM killer.*MiB of swap.*workspace was 256MiB.*swapon"),
        ("crash", r"signal 11 \(SIGSEGV\)"),
        ("none", r"gave no plan.*\n  error: .*Could not find any implementation"),
    ],
)
def test_a_builder_that_fails_is_explained_and_leaves_nothing(
    fault: str, told: str, folder: Path, double: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("8.2.1.8")
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_BUILD", fault)
    with pytest.raises(BuildError, match=told):
        build(folder)
    assert left(folder) == {"face.onnx"}


def test_a_silent_builder_is_watched_and_given_up_where_it_has_a_limit(
    double: Use, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("10.3.0.26")
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_BUILD", "hang")
    monkeypatch.setattr(trt_child, "TICK", 0.01)
    ticks: list[str] = []
    request = {"do": "build", "onnx": str(folder / "face.onnx"), "creation_flags": [],
               "builder_flags": [], "workspace_bytes": 1, "face": [3, 8, 8],
               "batches": [1, 1, 1], "cache_in": "", "plan": ""}  # fmt: skip
    with pytest.raises(BuildError, match="no answer in 1 s"):
        trt_child.ask(sys.executable, request, lambda _, kind, __: ticks.append(kind), limit=1)
    assert ticks.count("") > 2


def test_a_full_disk_while_building_is_told_and_leaves_nothing(
    folder: Path, double: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    double("10.3.0.26")
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a tmpfs cannot be mounted here (run as root)")
    try:
        (disk / "filler").write_bytes(bytes(64 << 10))
        monkeypatch.setattr(trt_build, "check_disk", lambda *_: None)
        with pytest.raises(OutputError, match="No space left"):
            build(folder, plan=disk / "face.plan")
        assert left(disk) == {"filler"}
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_without_tensorrt_the_remedies_are_named(folder: Path) -> None:
    with pytest.raises(NotInstalled, match=r"JetPack.*edgefer\[tensorrt\].*docker/compile.sh"):
        build(folder)
    with pytest.raises(NotInstalled, match=r"cannot start .*absent.*/usr/bin/python3"):
        build(folder, python=str(folder / "absent"))
    assert left(folder) == {"face.onnx"}


def test_without_a_gpu_no_build_is_begun(
    folder: Path, within: Use, monkeypatch: pytest.MonkeyPatch, calls: Callable[[], list[str]]
) -> None:
    within("10.3.0.26")
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE_FAULT", "no-device")
    with pytest.raises(NotInstalled, match="no CUDA-capable device"):
        build(folder)
    assert calls() == []
    assert probe(sys.executable).here == Here(tensorrt="10.3.0.26", cuda=None)
    cuda._initialised.clear()


def test_bindings_without_their_libraries_are_told_apart(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "libnvinfer.so.8: cannot open shared object file: No such file or directory"
    facts = {"python": "3.6.9", "tensorrt_fault": fault}
    monkeypatch.setattr(trt_child, "ask", lambda *_, **__: facts)
    with pytest.raises(NotInstalled, match=r"not its libraries.*--runtime nvidia"):
        build(folder)
