"""The configuration's file: read, checked, printed, described, and its mode looked at.

An error says file, line, key, value, what is allowed, and the nearest name:

    edgefer.toml:12: engine.threads is 0; it takes 1 to 64
    edgefer.toml:40: unknown key in [camera "door"] 'fpss'. Did you mean 'fps'? Known: name, ...
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from edgefer.addresses import check_place, check_scheme, has_password, listening_address
from edgefer.config import SECTIONS, CameraConfig, Config, SourceConfig
from edgefer.errors import ConfigError, UnknownName
from edgefer.files import read_toml_text
from edgefer.settings import faults, section_schema, section_toml, toml_value
from edgefer.toml_lines import Keys, line_of

CAMERA_NAME = r"^[A-Za-z0-9_-]{1,64}$"
CAMERA_KEYS = ("name", *(spec.name for spec in dataclasses.fields(SourceConfig)))

CAMERAS = """\
Several cameras: a table for each, with a name and any key of [source], which gives what a
table leaves out. Without any, there is one camera, called camera, made of [source]."""

EXAMPLE = """\
[[camera]]
name = "door"
url = "rtsp://viewer@192.0.2.10/stream"
password = "door"
"""

Fault = tuple[Keys, ConfigError]

_FOR_CAMERAS = "; or, where it belongs to user@host, name its place with the key password instead"
_BETTER = {
    "source": _FOR_CAMERAS,
    "camera": _FOR_CAMERAS,
    "webhook": "; or, where the service takes a bearer token, name its place with the key token "
    "instead",
}
"""Section -> where a password is better kept than in its URL."""


def load_config(path: Path) -> Config:
    """Read and check a file; raises ConfigError, or UnknownName with the nearest known key."""
    text, tables = read_toml_text(path)
    for keys, error in _faults(tables):
        error.args = (f"{_place(path, text, keys)}: {error}",)
        raise error
    return _built(tables)


def from_mapping(tables: Mapping[str, Any]) -> Config:
    """A checked Config from parsed TOML. Raises ConfigError for the first thing that is wrong."""
    for _, error in _faults(tables):
        raise error
    return _built(tables)


def to_mapping(config: Config) -> dict[str, Any]:
    """What `from_mapping` makes the same Config of: plain tables, fit for TOML or JSON."""
    tables: dict[str, Any] = {name: dataclasses.asdict(getattr(config, name)) for name in SECTIONS}
    tables["camera"] = [
        {"name": camera.name}
        | {
            key: value
            for key, value in dataclasses.asdict(camera.source).items()
            if value != tables["source"][key]
        }
        for camera in config.camera
    ]
    return tables


def to_toml(config: Config) -> str:
    """The file that gives this Config, each key with its documentation: it reads back equal."""
    lines = []
    for name in SECTIONS:
        lines += [*section_toml(getattr(config, name), name), ""]
    lines += [f"# {line}" for line in (CAMERAS + "\n" + EXAMPLE).splitlines()]
    for table in to_mapping(config)["camera"]:
        lines += ["", "[[camera]]", *(f"{key} = {toml_value(v)}" for key, v in table.items())]
    return "\n".join(lines) + "\n"


def to_schema() -> dict[str, Any]:
    """The JSON Schema of the whole file, for editors. What two keys demand of each other, such
    as different names of cameras, is not in it: load_config checks it."""
    camera = section_schema(SourceConfig)
    for key in camera["properties"].values():
        del key["default"]  # [source] has it
    name = {
        "type": "string",
        "description": "what tells it from the others, in topics and metrics",
        "pattern": CAMERA_NAME,
        "not": {"const": "availability"},
    }
    camera |= {"properties": {"name": name, **camera["properties"]}, "required": ["name"]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "edgefer.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **{name: section_schema(kind) for name, kind in SECTIONS.items()},
            "camera": {"type": "array", "description": CAMERAS, "items": camera},
        },
    }


def place(path: Path, keys: Keys) -> str:
    """ "FILE:LINE" of these keys, or of the table around them; "FILE" where neither is in it."""
    return _place(path, read_toml_text(path)[0], keys)


def check_mode(path: Path) -> None:
    """Refuse what is no file, one that somebody else may write, or one that shows everybody a
    password.

    Who writes the file decides where results go and which programs run. Raises ConfigError
    with the remedy; a password is never quoted.
    """
    try:
        status = path.stat()
    except OSError as exc:
        raise ConfigError(f"cannot read {path}: {exc.strerror}") from exc
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise ConfigError(f"{path} is {kind}; give the TOML file itself")
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{path} belongs to user {status.st_uid}, who can change it; it must belong to root, "
            f"or to user {os.geteuid()}, who runs this: chown root {path}"
        )
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"other users may write {path} (mode {mode:o}), and so decide where results go. "
            f"Close it: chmod go-w {path}"
        )
    if mode & stat.S_IROTH:
        text, tables = read_toml_text(path)
        for keys, value in _strings(tables):
            if has_password(value):
                raise ConfigError(
                    f"{_place(path, text, keys)}: {_named(keys, tables)} has a password in it, and "
                    f"every user can read the file (mode {mode:o}). Close it: chmod o= "
                    f"{path}{_BETTER.get(str(keys[0]), '')}"
                )


def _built(tables: Mapping[str, Any]) -> Config:
    sections = {name: kind(**tables.get(name, {})) for name, kind in SECTIONS.items()}
    source = sections["source"]
    cameras = tuple(
        CameraConfig(
            table["name"],
            dataclasses.replace(source, **{k: v for k, v in table.items() if k != "name"}),
        )
        for table in tables.get("camera", ())
    )
    return Config(**sections, camera=cameras)


def _faults(tables: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong, key for key; and where no key is, what contradicts another."""
    sound = True
    for fault in _single_faults(tables):
        sound = False
        yield fault
    if sound:
        yield from _contradictions(_built(tables))


def _single_faults(tables: Mapping[str, Any]) -> Iterator[Fault]:
    for name, table in tables.items():
        if name == "camera":
            yield from _camera_faults(table)
        elif name not in SECTIONS:
            yield (name,), UnknownName("section", name, (*SECTIONS, "camera"))
        elif not isinstance(table, Mapping):
            yield (name,), ConfigError(f"{name} is no table; begin it with [{name}]")
        else:
            for key, error in faults(SECTIONS[name], table, name):
                yield (name, key), error


def _camera_faults(tables: object) -> Iterator[Fault]:
    if not isinstance(tables, (list, tuple)) or not all(isinstance(t, Mapping) for t in tables):
        yield ("camera",), ConfigError("camera is no list of tables; begin each with [[camera]]")
        return
    seen: set[str] = set()
    for n, table in enumerate(tables):
        name = table.get("name")
        here = _named(("camera", n), {"camera": tables})
        if (
            not isinstance(name, str)
            or not re.fullmatch(CAMERA_NAME, name)
            or name == "availability"
        ):
            given = f"name is {name!r}" if "name" in table else "name is missing"
            yield (
                ("camera", n, "name"),
                ConfigError(
                    f"camera #{n + 1}: {given}; it takes 1 to 64 letters, digits, - and _, and not "
                    "availability, which is an MQTT topic"
                ),
            )
        elif name in seen:
            yield (
                ("camera", n, "name"),
                ConfigError(
                    f"camera #{n + 1}: name is {name!r}, as of a camera before; it takes another"
                ),
            )
        else:
            seen.add(name)
        for key in table:
            if key not in CAMERA_KEYS:
                yield ("camera", n, key), UnknownName(f"key in [{here}]", key, CAMERA_KEYS)
        values = {key: table[key] for key in CAMERA_KEYS[1:] if key in table}
        for key, error in faults(SourceConfig, values, here):
            yield ("camera", n, key), error


def _contradictions(config: Config) -> Iterator[Fault]:
    sources: dict[Keys, tuple[str, SourceConfig]] = {
        ("camera", n): (f'camera "{camera.name}"', camera.source)
        for n, camera in enumerate(config.camera)
    }
    for keys, (name, source) in (sources or {("source",): ("source", config.source)}).items():
        try:
            check_scheme(f"{name}.url", source.url)
        except ConfigError as exc:
            yield (*keys, "url"), exc
        if source.password:
            try:
                check_place(f"{name}.password", source.url)
            except ConfigError as exc:
                yield (*keys, "password"), exc
    try:
        address = listening_address("http.host", config.http.host)
    except ConfigError as exc:
        yield ("http", "host"), exc
    else:
        asked = config.http.token or (config.web.pages and config.web.password)
        if config.http.port and not asked and not address.is_loopback:
            yield (
                ("http", "host"),
                ConfigError(
                    f"http.host is {config.http.host!r}, where other machines reach it, and "
                    "http.token is empty; name a token's place (or, with pages, that of "
                    "web.password), or listen on 127.0.0.1"
                ),
            )


def _place(path: Path, text: str, keys: Keys) -> str:
    line = line_of(text, keys)
    return f"{path}:{line}" if line else str(path)


def _named(keys: Keys, tables: Mapping[str, Any]) -> str:
    """The key in words: engine.threads, camera "door".fps, or camera #2.fps without a name."""
    if keys[0] == "camera" and len(keys) > 1 and isinstance(keys[1], int):
        table = tables["camera"][keys[1]]
        name = table.get("name") if isinstance(table, Mapping) else None
        known = isinstance(name, str) and re.fullmatch(CAMERA_NAME, name)
        keys = (f'camera "{name}"' if known else f"camera #{keys[1] + 1}", *keys[2:])
    return ".".join(str(key) for key in keys)


def _strings(value: object, keys: Keys = ()) -> Iterator[tuple[Keys, str]]:
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(inner, (*keys, key))
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _strings(inner, (*keys, n))
