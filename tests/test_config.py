from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.config import (
    SECTIONS,
    CameraConfig,
    Config,
    SourceConfig,
    from_mapping,
    load_config,
    to_mapping,
    to_toml,
)
from edgefer.errors import ConfigError, UnknownName


def written(folder: Path, text: str) -> Path:
    path = folder / "edgefer.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_printed_default_reads_back_equal(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, to_toml(Config()))) == Config()


@given(url=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_any_text_survives_the_file(url: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = Config(source=SourceConfig(url=url))
    path = written(tmp_path_factory.mktemp("config"), to_toml(config))
    assert load_config(path) == config


def test_cameras_survive_the_file(tmp_path: Path) -> None:
    source = SourceConfig(url="test://", fps=15)
    door = dataclasses.replace(source, url="rtsp://me@host/1", password="door", wait=True)
    config = Config(source=source, camera=(CameraConfig("door", door), CameraConfig("a-2", source)))
    assert load_config(written(tmp_path, to_toml(config))) == config
    assert from_mapping(json.loads(json.dumps(to_mapping(config)))) == config


def test_a_camera_takes_from_source_what_it_leaves_out(tmp_path: Path) -> None:
    text = """
        [[camera]]
        name = "door"
        url = "v4l2:///dev/video2"
        [source]
        fps = 5
        [[camera]]
        name = "yard"
        fps = 10
    """
    door, yard = load_config(written(tmp_path, text)).cameras
    assert (door.name, door.source.url, door.source.fps) == ("door", "v4l2:///dev/video2", 5)
    assert (yard.name, yard.source.url, yard.source.fps) == ("yard", "demo://", 10)


def test_without_tables_source_is_the_one_camera() -> None:
    source = SourceConfig(url="test://")
    assert Config(source=source).cameras == (CameraConfig("camera", source),)


@pytest.mark.parametrize(
    "text",
    [
        "[[camera]]",
        "[[camera]]\nname = ''",
        "[[camera]]\nname = 'front door'",
        "[[camera]]\nname = 3",
        "[[camera]]\nname = 'availability'",
        "[[camera]]\nname = 'a'\n[[camera]]\nname = 'a'",
        "[[camera]]\nname = 'a'\nfps = 0",
        "[camera]\nname = 'a'",
        "camera = ['a']",
    ],
)
def test_a_camera_that_cannot_be_meant_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="camera"):
        load_config(written(tmp_path, text))


def test_every_setting_is_documented() -> None:
    for kind in SECTIONS.values():
        assert kind.__doc__
        assert all(spec.metadata["doc"] for spec in dataclasses.fields(kind))


def test_an_unknown_key_names_the_nearest_and_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[detector]\nmin_scroe = 0.5\n")
    with pytest.raises(UnknownName) as caught:
        load_config(path)
    assert caught.value.nearest == "min_score"
    assert str(path) in str(caught.value)


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        load_config(written(tmp_path, "[detectors]\n"))
    assert caught.value.nearest == "detector"


@pytest.mark.parametrize(
    "text",
    [
        "[pipeline]\nworkers = -1",
        "[pipeline]\nworkers = 1.5",
        "[pipeline]\nworkers = true",
        "[source]\nfps = 'fast'",
        "[source]\nwait = 1",
        "[source]\nurl = ''",
        "[engine]\nthreads = 100000",
        "[detector]\nmin_score = 1.5",
        "[detector]\nname = 'yunnet'",
        "source = 3",
        "not toml",
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_config(written(tmp_path, text))


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "[source]\nfps = 15")).source.fps == 15


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "binary.toml"):
        with pytest.raises(ConfigError, match=path.name):
            load_config(path)
