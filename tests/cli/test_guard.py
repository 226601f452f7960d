from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.cli.guard import check_apart, inputs_of
from edgefer.errors import ConfigError
from tests.models import tiny_onnx


@pytest.mark.parametrize("name", ["in", "./sub/../in", "hard", "soft"])
def test_a_file_is_the_same_under_any_of_its_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    Path("in").touch()
    Path("hard").hardlink_to("in")
    Path("soft").symlink_to("in")
    with pytest.raises(ConfigError, match="reads it"):
        check_apart([Path(name)], [tmp_path / "in"])


def test_two_outputs_that_are_not_there_yet_are_told_apart_by_where_they_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to(tmp_path)
    check_apart([Path("a"), None, Path("b"), None], [])
    with pytest.raises(ConfigError, match="two outputs"):
        check_apart([Path("a"), Path("link/a")], [])


def test_of_a_source_its_files_are_read_and_of_a_drawn_one_none(tmp_path: Path) -> None:
    for name in ("a b.png", "b.PNG", "note.txt"):
        (tmp_path / name).touch()
    pictures = {tmp_path / "a b.png", tmp_path / "b.PNG"}

    def read(url: str) -> set[Path]:
        return {path for path in inputs_of(url, (), None) if path.is_relative_to(tmp_path)}

    assert read(str(tmp_path)) == pictures
    assert read(f"{tmp_path}/?*.[pP][nN][gG]") == pictures
    assert read(f"file://{tmp_path}/a%20b.png") == {tmp_path / "a b.png"}
    for url in ("demo://", "", f"{tmp_path}/absent.mp4", "v4l2:///dev/video0"):
        assert read(url) == set()


def test_of_a_model_its_description_is_read_too_and_of_a_plan_its_manifest(tmp_path: Path) -> None:
    onnx, plan = tiny_onnx(tmp_path / "m.onnx"), tmp_path / "m.plan"
    plan.touch()
    read = set(inputs_of("demo://", (f"openvino:{onnx}", str(plan)), tmp_path / "c.toml"))
    names = {"m.onnx", "m.onnx.toml", "m.plan", "m.plan.toml", "m.plan.json", "c.toml"}
    assert {path.name for path in read if path.is_relative_to(tmp_path)} == names
