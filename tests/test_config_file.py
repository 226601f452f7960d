from __future__ import annotations

import dataclasses
import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.config import CameraConfig, Config, EngineConfig, SourceConfig
from edgefer.config_file import (
    CAMERAS,
    EXAMPLE,
    check_mode,
    from_mapping,
    load_config,
    to_mapping,
    to_schema,
    to_toml,
)
from edgefer.errors import ConfigError, UnknownName
from edgefer.files import read_toml


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "edgefer.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refusal(folder: Path, text: str) -> str:
    """What load_config says about the file, from its line on."""
    path = written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    return said.removeprefix(str(path))


def test_the_printed_default_reads_back_equal(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, to_toml(Config()))) == Config()


def test_the_printed_example_of_a_camera_can_be_read(tmp_path: Path) -> None:
    shown = "".join(f"# {line}\n" for line in EXAMPLE.splitlines())
    assert shown in to_toml(Config())
    text = to_toml(Config()).replace(shown, EXAMPLE)
    (door,) = load_config(written(tmp_path, text)).cameras
    assert (door.name, door.source.password) == ("door", "door")


@given(text=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_any_text_survives_the_file(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = Config(engine=EngineConfig(model=text))
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


def test_a_camera_may_do_without_the_password_of_source(tmp_path: Path) -> None:
    text = '[source]\npassword = "all"\n[[camera]]\nname = "a"\npassword = ""\n'
    (camera,) = load_config(written(tmp_path, text)).cameras
    assert camera.source.password == ""


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "[source]\nfps = 15")).source.fps == 15


@pytest.mark.parametrize("key", ["jsonl.path", "mqtt.host", "webhook.url", "http.token"])
def test_an_empty_string_is_allowed_where_it_means_none(key: str, tmp_path: Path) -> None:
    section, name = key.split(".")
    assert load_config(written(tmp_path, f"[{section}]\n{name} = ''")) == Config()


def test_an_unknown_key_names_the_nearest_the_file_and_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, "# faces\n[detector]\nmin_scroe = 0.5\n")
    with pytest.raises(UnknownName) as caught:
        load_config(path)
    assert caught.value.nearest == "min_score"
    assert str(caught.value).startswith(f"{path}:3: ")


def test_an_unknown_section_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        load_config(written(tmp_path, "[detectors]\n"))
    assert caught.value.nearest == "detector"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[pipeline]\nworkers = -1", 2, ["pipeline.workers", "-1", "0 to 256"]),
        ("pipeline.workers = 1.5", 1, ["pipeline.workers", "1.5", "a whole number"]),
        ("[pipeline]\n\nworkers = true", 3, ["True", "a whole number"]),
        ("[source]\nfps = 'fast'", 2, ["source.fps", "'fast'", "a number"]),
        ("[source]\nfps = nan", 2, ["source.fps", "nan", "0.1 to 1000"]),
        ("[source]\nwait = 1", 2, ["source.wait", "true or false"]),
        ("[source]\nurl = ''", 2, ["source.url", "demo://"]),
        ("[source]\nurl = 'rstp://host/1'", 2, ["source.url", "'rstp'", "mean 'rtsp'"]),
        ("[engine]\nthreads = 0", 2, ["engine.threads is 0; it takes 1 to 64"]),
        ("[detector]\nmin_score = 1.5", 2, ["detector.min_score", "0 to 1"]),
        ("[detector]\nname = 'yunnet'", 2, ["detector.name", "mean 'yunet'"]),
        ("\nsource = 3", 2, ["source", "[source]"]),
        ("[[engine]]\nthreads = 1", 1, ["engine", "[engine]"]),
        ("[http]\nport = 80\nhost = '0.0.0.0'", 3, ["http.host", "'0.0.0.0'", "http.token"]),
        ("[http]\nhost = 'edge.lan'", 2, ["http.host", "'edge.lan'", "localhost"]),
        ("[source]\npassword = 'door'", 2, ["source.password", "rtsp://user@host"]),
        ("[[camera]]", 1, ["camera #1", "name is missing", "letters"]),
        ("[[camera]]\nname = ''", 2, ["camera #1", "''", "letters"]),
        ('[[camera]]\nname = "door\\n"', 2, ["camera #1", "letters"]),
        ("[[camera]]\nname = 'front door'", 2, ["camera #1", "'front door'", "letters"]),
        ("[[camera]]\nname = 3", 2, ["camera #1", "3", "letters"]),
        ("[[camera]]\nname = 'availability'", 2, ["availability", "MQTT"]),
        ("[[camera]]\nname = 'a'\n[[camera]]\nname = 'a'", 4, ["camera #2", "'a'"]),
        ("[[camera]]\nname = 'a'\n[[camera]]\nname = 'b'\nfps = 0", 5, ['camera "b".fps', "0.1"]),
        ("[[camera]]\nname = 'a'\n[[camera]]\nfps = 9\nnmae = 'b'", 3, ["camera #2", "missing"]),
        ("[[camera]]\nname = 'a'\nfpss = 9", 3, ['[camera "a"]', "mean 'fps'"]),
        ("[[camera]]\nname = 'a'\nurl = 'rstp://a'", 3, ['camera "a".url', "mean 'rtsp'"]),
        ("[source]\nurl = 'rstp://a'\n[[camera]]\nname = 'a'", 3, ['camera "a".url']),
        ("[camera]\nname = 'a'", 1, ["camera", "[[camera]]"]),
        ("camera = ['a']", 1, ["camera", "[[camera]]"]),
    ],
)
def test_a_value_that_cannot_be_meant_is_named_with_its_line_and_what_is_allowed(
    text: str, line: int, words: list[str], tmp_path: Path
) -> None:
    said = refusal(tmp_path, text)
    assert said.startswith(f":{line}: ")
    assert all(word in said for word in words), said


def test_what_is_no_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in refusal(tmp_path, "[source]\nurl demo\n")


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 5000 + "]" * 5000])
def test_a_value_that_no_parser_can_hold_is_refused(value: str, tmp_path: Path) -> None:
    refusal(tmp_path, f"[engine]\nthreads = {value}\n")


@pytest.mark.parametrize(
    "text",
    [
        "[mqtt]\npassword = 1234",
        "[mqtt]\npassword = ['1234']",
        "[[mqtt]]\npassword = '1234'",
        "mqtt = 'password=1234'",
        "[source]\nurl = ['rtsp://me:1234@host/1']",
        "[source]\nurl = 'rtsp://me:1234@host/1'\npassword = '1234'",
        "[source]\nurl = 'rtsp://host/1'\npassword = '1234'",
        "[source]\npasword = '1234'",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_quoted(text: str, tmp_path: Path) -> None:
    assert "1234" not in refusal(tmp_path, text)


def test_files_that_cannot_be_read_say_so(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "binary.toml"):
        with pytest.raises(ConfigError, match=path.name):
            load_config(path)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "Localhost"])
def test_loopback_needs_no_token(host: str, tmp_path: Path) -> None:
    assert load_config(written(tmp_path, f"[http]\nhost = '{host}'")).http.host == host


@pytest.mark.parametrize("more", ["token = 'page'", "port = 0"])
def test_other_hosts_are_allowed_with_a_token_or_without_a_port(more: str, tmp_path: Path) -> None:
    load_config(written(tmp_path, f"[http]\nhost = '0.0.0.0'\n{more}"))


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o444])
def test_a_file_that_others_only_read_is_taken(mode: int, tmp_path: Path) -> None:
    check_mode(written(tmp_path, to_toml(Config()), mode))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o664, 0o666])
def test_a_file_that_others_may_write_is_refused(mode: int, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"mode {mode:o}.*chmod go-w"):
        check_mode(written(tmp_path, "", mode))


def test_what_is_no_file_is_refused_as_such_before_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, kind in ((tmp_path, "a directory"), (pipe, "no regular file")):
        with pytest.raises(ConfigError, match=f"is {kind}") as caught:
            check_mode(path)
        assert "chmod" not in str(caught.value)


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "")
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigError, match="chown root"):
        check_mode(path)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[source]\nurl = 'rtsp://me:1234@host/1'", 2, "source.url"),
        ("[[camera]]\nname = 'a'\nurl = 'rtsp://me:1234@host/1'", 3, 'camera "a".url'),
        ("[[camera]]\nurl = 'rtsp://me:1234@host/1'", 2, "camera #1.url"),
        ("camera = ['rtsp://me:1234@host/1']", 1, "camera #1"),
        ("[webhook]\n\nurl = 'https://me:1234@host/'", 3, "webhook.url"),
        ("[webhook]\nurl = 'https://host/?token=1234'", 2, "webhook.url"),
        ("[source]\nurl = 'rtsp://host/1?user=me&password=1234'", 2, "source.url"),
        ("[source]\nurl = 'gst:rtspsrc user-pw=1234 ! decodebin'", 2, "source.url"),
        ("[source]\nurl = 'gst:rtspsrc location=rtsp://me:1234@host/ ! fakesink'", 2, "source.url"),
    ],
)
def test_a_password_that_everybody_may_read_is_refused_and_not_quoted(
    text: str, line: int, key: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text, 0o644)
    with pytest.raises(ConfigError, match="chmod o=") as caught:
        check_mode(path)
    assert str(caught.value).startswith(f"{path}:{line}: {key} ")
    assert "1234" not in str(caught.value)
    path.chmod(0o640)
    check_mode(path)


@pytest.mark.parametrize(
    ("text", "advised"),
    [
        ("[source]\nurl = 'rtsp://me:1234@host/1'", ["password"]),
        ("[[camera]]\nurl = 'rtsp://me:1234@host/1'", ["password"]),
        ("[webhook]\nurl = 'https://me:1234@host/'", ["token"]),
        ("[mqtt]\nhost = 'mqtt://me:1234@host'", []),
    ],
)
def test_the_key_that_is_advised_for_a_password_is_one_of_its_section(
    text: str, advised: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_mode(written(tmp_path, text, 0o644))
    assert re.findall(r"the key (\w+)", str(caught.value)) == advised


def test_a_file_that_is_not_there_has_no_mode(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        check_mode(tmp_path / "absent.toml")


def described(folder: Path, text: str) -> None:
    """Raises jsonschema.ValidationError where the file does not fit its schema."""
    jsonschema.Draft202012Validator(to_schema()).validate(read_toml(written(folder, text)))


def test_the_schema_is_one_and_takes_the_printed_files(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(to_schema())
    json.dumps(to_schema(), allow_nan=False)
    described(tmp_path, "")
    described(tmp_path, to_toml(Config()))
    door = CameraConfig("door", SourceConfig(url="rtsp://me@host/1", password="door", fps=5))
    described(tmp_path, to_toml(Config(camera=(door,))))


@pytest.mark.parametrize(
    "text",
    [
        "[engine]\nthreads = 0",
        "[engine]\nthreads = 65",
        "[engine]\nthreads = 1.5",
        "[engine]\nthreads = true",
        "[engine]\nthread = 1",
        "[engines]",
        "[detector]\nname = 'yunnet'",
        "[source]\nurl = ''",
        "[source]\nwait = 1",
        "source = 3",
        "[camera]\nname = 'a'",
        "[[camera]]\nfps = 3",
        "[[camera]]\nname = 'front door'",
        "[[camera]]\nname = 'availability'",
        "[[camera]]\nname = 'a'\nfps = 0",
        "[[camera]]\nname = 'a'\nfpss = 1",
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load_config(written(tmp_path, text))
    with pytest.raises(jsonschema.ValidationError):
        described(tmp_path, text)


def test_the_schema_tells_defaults_and_what_they_mean() -> None:
    threads = to_schema()["properties"]["engine"]["properties"]["threads"]
    assert (threads["type"], threads["default"]) == ("integer", 1)
    assert (threads["minimum"], threads["maximum"]) == (1, 64)
    assert "threads inside the runtime" in threads["description"]
    assert to_schema()["properties"]["camera"]["description"] == CAMERAS
