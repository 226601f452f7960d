"""The configuration: TOML in, frozen records out, every setting spelled once.

Each field below is a key of the file, its default, and its one-line documentation; the
command line's options and `edgefer config show` are made from the same fields.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefer.errors import ConfigError, UnknownName
from edgefer.files import read_toml

PACKAGED_MODELS = Path(__file__).parent / "models"
"""Models that come with edgefer: the fallback for a name that the model folder lacks."""


def model_folder() -> Path:
    """Where pulled models lie: $EDGEFER_MODELS, or ~/.local/share/edgefer/models."""
    if named := os.environ.get("EDGEFER_MODELS"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "edgefer" / "models"


def setting(
    default: Any,  # Any: a field's default may have each field's own type
    doc: str,
    *,
    least: float | None = None,
    most: float | None = None,
    choices: tuple[str, ...] = (),
    flag: str = "",
) -> Any:
    """A documented field, its bounds, and its option on the command line where it has one."""
    return field(
        default=default,
        metadata={"doc": doc, "least": least, "most": most, "choices": choices, "flag": flag},
    )


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Where frames come from."""

    url: str = setting(
        "demo://",
        "demo://, a video file, an image, a folder or glob of images, v4l2:///dev/video0, "
        "rtsp://host/path, csi://0, gst:PIPELINE or test://",
    )
    width: int = setting(640, "pixels asked of a camera", least=16, most=7680, flag="--width")
    height: int = setting(480, "pixels asked of a camera", least=16, most=4320, flag="--height")
    fps: float = setting(
        30.0, "frames a second asked of a camera", least=0.1, most=1000, flag="--fps"
    )
    timeout: float = setting(
        5.0,
        "seconds without a frame after which a camera is reopened; the first frame gets 10",
        least=0.05,
        most=3600,
        flag="--timeout",
    )
    backoff: float = setting(
        0.5, "seconds before the first reopening; doubles with each failure", least=0.01, most=3600
    )
    backoff_max: float = setting(30.0, "seconds between reopenings at most", least=0.01, most=3600)
    wait: bool = setting(False, "wait for a camera that is absent at the start", flag="--wait")


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """What finds faces."""

    name: str = setting(
        "auto",
        "yunet, haar, or auto: yunet where its file is in the model folder",
        choices=("auto", "yunet", "haar"),
        flag="--detector",
    )
    size: int = setting(
        320,
        "longer side in pixels at which detection works; pictures are never scaled up",
        least=64,
        most=4096,
        flag="--detector-size",
    )
    min_score: float = setting(
        0.7, "least confidence of a face (yunet)", least=0, most=1, flag="--min-score"
    )
    min_face: int = setting(
        24, "least side of a face, pixels of the full frame", least=1, flag="--min-face"
    )
    max_faces: int = setting(
        32, "the most certain faces of a frame that are kept", least=1, flag="--max-faces"
    )


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What classifies faces."""

    model: str = setting(
        "lightweight.onnx",
        "a path, or a name in the model folder ($EDGEFER_MODELS, or ~/.local/share/edgefer/models)",
        flag="--engine",
    )
    threads: int = setting(
        1,
        "threads inside the runtime, the detector's too; more than 1 competes with the workers",
        least=1,
        most=64,
        flag="--threads",
    )
    device: str = setting(
        "auto",
        "where an ONNX model runs: cpu; cuda, or an error; auto: cuda where it works, and a word "
        "in the log where it does not",
        choices=("auto", "cpu", "cuda"),
        flag="--device",
    )
    python: str = setting(
        "auto",
        "the Python that has TensorRT, run as a process of its own, such as /usr/bin/python3; "
        "auto: this one, without a process, where it can import tensorrt, else /usr/bin/python3",
    )
    timeout: float = setting(
        5.0,
        "seconds without an answer after which TensorRT's process is killed and started again",
        least=0.05,
        most=3600,
    )
    restarts: int = setting(
        5, "times in ten minutes that TensorRT's process is started again", least=0, most=1000
    )
    graphs: bool = setting(
        False, "run a plan's batch sizes as CUDA graphs; never measured on a real GPU yet"
    )
    rebuild: str = setting(
        "never",
        "if-stale: at the start, compile a plan that does not fit this device again from the ONNX "
        "file beside it, which takes minutes",
        choices=("never", "if-stale"),
    )
    trust: bool = setting(
        False,
        "load a plan that has no manifest; NAME.plan.toml describes it, and nothing vouches for it",
        flag="--trust",
    )


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """How frames are carried."""

    workers: int = setting(
        0,
        "frames carried at once; 0 is one for each core this process may use",
        least=0,
        most=256,
        flag="--workers",
    )


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """Which face is the same face as before."""

    min_iou: float = setting(
        0.3, "least overlap of a face with where its track is expected", least=0.01, most=1
    )
    hits: int = setting(3, "detections in a row after which a track counts", least=1, most=1000)
    misses: int = setting(
        30, "detections without the face after which its track ends", least=1, most=100000
    )
    seconds: float = setting(
        1.0, "seconds without the face after which its track ends", least=0.01, most=3600
    )


@dataclass(frozen=True, slots=True)
class EventsConfig:
    """When a tracked face is worth a message."""

    half_life: float = setting(
        0.4, "seconds in which an old expression loses half its weight; 0: none", least=0, most=60
    )
    margin: float = setting(
        0.15, "by how much a new expression's probability must lead the old one's", least=0, most=1
    )
    hold: float = setting(0.5, "seconds for which it must lead so", least=0, most=60)
    min_probability: float = setting(
        0.4, "least probability, smoothed, of a new expression", least=0, most=1
    )
    per_track: int = setting(
        20, "changes of expression told in any minute, of one face", least=1, most=1000000
    )
    overall: int = setting(
        120, "appearances and changes told in any minute, of all faces", least=1, most=1000000
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file."""

    source: SourceConfig = field(default_factory=SourceConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)


def load_config(path: Path) -> Config:
    """Read and check a file; raises ConfigError, or UnknownName with the nearest known key."""
    tables = read_toml(path)
    try:
        return from_mapping(tables)
    except UnknownName as exc:
        exc.args = (f"{path}: {exc}",)
        raise
    except ConfigError as exc:
        raise ConfigError(f"{path}: {exc}") from exc


def from_mapping(tables: Mapping[str, Any]) -> Config:
    """A checked Config from parsed TOML."""
    sections = {f.name: f.default_factory for f in dataclasses.fields(Config)}
    chosen = {}
    for name, table in tables.items():
        if name not in sections:
            raise UnknownName("section", name, sections)
        if not isinstance(table, Mapping):
            raise ConfigError(f"{name} is {table!r}; write it as a table, [{name}]")
        chosen[name] = build_section(sections[name], table, name)  # type: ignore[arg-type]
    return Config(**chosen)


def build_section(kind: type, values: Mapping[str, Any], name: str) -> Any:
    """One section's record from its values, types and bounds checked."""
    known = {f.name: f for f in dataclasses.fields(kind)}
    for key, value in values.items():
        if key not in known:
            raise UnknownName(f"key in [{name}]", key, known)
        _check(f"{name}.{key}", value, known[key])
    return kind(**values)


def _check(key: str, value: object, spec: dataclasses.Field[Any]) -> None:
    wanted = type(spec.default)
    fits = isinstance(value, (int, float)) if wanted is float else isinstance(value, wanted)
    if not fits or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{key} is {value!r}; it takes {_NAMES[wanted]}")
    if value == "":
        raise ConfigError(f"{key} is empty; leave it out for its default, {spec.default!r}")
    least, most, choices = (spec.metadata[k] for k in ("least", "most", "choices"))
    if least is not None and not (least <= value <= (math.inf if most is None else most)):  # type: ignore[operator]
        bounds = f"{least:g} or more" if most is None else f"{least:g} to {most:g}"
        raise ConfigError(f"{key} is {value}; it takes {bounds}")
    if choices and value not in choices:
        raise UnknownName(key, str(value), choices)


_NAMES = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}


def to_toml(config: Config) -> str:
    """The file that gives this Config, each key with its documentation: it reads back equal."""
    lines = []
    for section in dataclasses.fields(config):
        record = getattr(config, section.name)
        lines += [f"# {type(record).__doc__}", f"[{section.name}]"]
        for key in dataclasses.fields(record):
            value = getattr(record, key.name)
            lines += [f"# {key.metadata['doc']}", f"{key.name} = {_toml_value(value)}"]
        lines.append("")
    return "\n".join(lines)


def _toml_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's too; only DEL must be escaped in TOML alone.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
