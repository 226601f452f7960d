"""`edgefer compile` as a user calls it; on a double of TensorRT."""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefer.cli import main
from edgefer.cli.compile import Progress, size
from edgefer.config import PACKAGED_MODELS
from edgefer.engines.trt_rebuild import rebuild_if_stale
from edgefer.errors import ConfigError
from edgefer.manifest import manifest_path, read_manifest
from tests.models import tiny_onnx
from tests.tensorrt_double import PATH

MIB = 1 << 20


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model alone in its folder, and TensorRT's double for child processes."""
    monkeypatch.setenv("EDGEFER_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PYTHONPATH", PATH)
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "10.3.0.26")
    folder = tmp_path / "work"
    folder.mkdir()
    return tiny_onnx(folder / "face.onnx")


def here(*words: object) -> int:
    return main(["compile", *map(str, words), "--python", sys.executable])


def test_a_plan_lies_beside_its_model_with_its_manifest(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert here(model, "--max-batch", 4, "--workspace", "64MiB", "--precision", "fp32") == 0
    plan = model.with_suffix(".plan")
    manifest = read_manifest(plan)
    assert (manifest.precision, manifest.profile.most) == ("fp32", 4)
    assert (manifest.workspace_bytes, manifest.onnx) == (64 * MIB, "face.onnx")
    text = capsys.readouterr()
    assert f"{plan}: {plan.stat().st_size:,} bytes, fp32" in text.out
    assert "the same label for 100.0% of 32 faces" in text.out
    assert "building face.onnx" in text.err


def test_a_model_that_came_with_edgefer_gets_its_plan_in_the_model_folder(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert here("lightweight.onnx", "--max-batch", 2) == 0
    plan = model.parent.parent / "models" / "lightweight.plan"
    assert read_manifest(plan).profile.most == 2
    assert not (PACKAGED_MODELS / "lightweight.plan").exists()
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "8.6.1.6")
    assert rebuild_if_stale(plan, sys.executable)
    assert (read_manifest(plan).tensorrt, read_manifest(plan).profile.most) == ("8.6.1.6", 2)


def test_the_command_that_a_manifest_names_builds_the_same_again(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = model.parent / "other name.plan"
    assert here(model, "-o", plan, "--precision", "best", "--max-batch", 2) == 0
    before = read_manifest(plan)
    monkeypatch.setenv("EDGEFER_TRT_DOUBLE", "8.6.1.6")
    assert main(["inspect", str(plan), "--python", sys.executable]) == 5
    told = capsys.readouterr().out.strip().rpartition("edgefer compile ")[2]
    words = shlex.split(told)
    assert words[:3] == [str(plan.with_name("face.onnx")), "-o", str(plan)]
    assert here(*words) == 0
    after = read_manifest(plan)
    assert after.tensorrt == "8.6.1.6"
    assert (after.precision, after.profile) == (before.precision, before.profile)
    assert after.workspace_bytes == before.workspace_bytes


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--max-batch", "0"], 2),
        (["--max-batch", "100000"], 2),
        (["--workspace", "lots"], 2),
        (["--workspace", "12"], 2),
        (["-o", "face.onnx"], 2),
        (["-o", "absent/face.plan"], 7),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    model: Path, words: list[str], code: int
) -> None:
    assert here(model, *words) == code
    assert [path.name for path in model.parent.iterdir()] == ["face.onnx"]


def test_a_plan_is_not_compiled_again(model: Path) -> None:
    plan = model.with_suffix(".plan")
    plan.write_bytes(b"a plan")
    assert here(plan) == 2


def test_sizes_are_read_with_their_units() -> None:
    assert [size(text) for text in ("256MiB", "1GiB", "2048KiB", "1048576")] == [
        256 * MIB, 1024 * MIB, 2 * MIB, MIB,
    ]  # fmt: skip
    for text in ("", "MiB", "256 MB", "1MiB ", "-1MiB", "9" * 15 + "GiB", "١MiB"):
        with pytest.raises(ConfigError, match="256MiB"):
            size(text)


def test_without_tensorrt_the_exit_code_is_8_and_the_remedy_is_told(
    model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH")
    assert here(model) == 8
    told = capsys.readouterr().err
    for word in ("JetPack", "edgefer[tensorrt]", "docker/compile.sh"):
        assert word in told


def test_on_a_terminal_the_line_renews_itself_and_no_row_can_move_the_cursor(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    progress = Progress("face.onnx")
    progress(3.2, "INFO", "timing a\nlayer " + "x" * 100)
    progress(4.0, "", "")
    progress(5.0, "WARNING", "little memory")
    progress.end()
    lines = capsys.readouterr().err.split("\r\x1b[K")
    assert lines[1] == "face.onnx     3 s  timing a layer xxxxx"
    assert lines[2].startswith("face.onnx     4 s  timing a layer")
    assert "warning: little memory\n" in lines
    assert lines[-1] == ""


@pytest.fixture
def hanging(model: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`edgefer compile` in a process, and the child of it whose builder never ends."""
    # What starts in the background of a script has Ctrl-C ignored, and hands that on.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from edgefer.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ["compile", str(model), "--python", sys.executable]
    command = [sys.executable, "-c", program, *words]
    environment = {**os.environ, "EDGEFER_TRT_DOUBLE_BUILD": "hang"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "told to hang" in line:
                break
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            yield process, int(children.read_text())
        finally:
            process.kill()


def test_ctrl_c_leaves_nothing_behind(
    model: Path, hanging: tuple[subprocess.Popen[str], int]
) -> None:
    process, child = hanging
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    assert [path.name for path in model.parent.iterdir()] == ["face.onnx"]
    assert not Path(f"/proc/{child}").exists()


def test_a_builder_dies_with_its_parent_and_no_plan_is_there(
    model: Path, hanging: tuple[subprocess.Popen[str], int]
) -> None:
    process, child = hanging
    ended = os.pidfd_open(child)
    process.kill()
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    assert poll.poll(30_000), "the builder outlives its parent"
    os.close(ended)
    assert not model.with_suffix(".plan").exists()
    assert not manifest_path(model.with_suffix(".plan")).exists()
