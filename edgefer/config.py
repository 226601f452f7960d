"""The configuration: frozen records, every setting spelled once.

Each field below, and in outputs.py, is a key of the file, its default, and its one-line
documentation; the command line's options and `edgefer config show` are made from the same fields.
config_file.py reads and writes the file.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from pathlib import Path

from edgefer.credentials import PLACE
from edgefer.outputs import HttpConfig, JsonlConfig, MqttConfig, WebConfig, WebhookConfig
from edgefer.settings import setting

PACKAGED_MODELS = Path(__file__).parent / "models"
"""Models that come with edgefer: the fallback for a name that the model folder lacks."""


def model_folder() -> Path:
    """Where pulled models lie: $EDGEFER_MODELS, or ~/.local/share/edgefer/models."""
    if named := os.environ.get("EDGEFER_MODELS"):
        return Path(named)
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.path.expanduser(data)) / "edgefer" / "models"


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Where frames come from."""

    url: str = setting(
        "demo://",
        "demo://, a video file, an image, a folder or glob of images, v4l2:///dev/video0, "
        "rtsp://host/path, csi://0, gst:PIPELINE or test://",
    )
    password: str = setting(
        "",
        "where the password is that belongs to the user in rtsp://user@host/path: " + PLACE,
        secret=True,
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
    stale: float = setting(
        10.0,
        "seconds of a black, even or frozen picture after which a camera is reopened, once; 0 "
        "never looks",
        least=0,
        most=86400,
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
        "a path, or a name in the model folder ($EDGEFER_MODELS, or ~/.local/share/edgefer/models);"
        " openvino:MODEL and openvino-bf16:MODEL run it on OpenVINO",
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
    detect_every: int = setting(
        1,
        "frames from one search for faces to the next, which are followed in between; 0: as many "
        "as a camera's pace demands",
        least=0,
        most=1000,
        flag="--detect-every",
    )
    still: float = setting(
        0.0,
        "share of the pixels, 0 to 1, up to which a picture is the same as the one searched last, "
        "and not searched; such as 0.002; 0: all are searched",
        least=0,
        most=1,
        flag="--still",
    )
    deadline: float = setting(
        0.0,
        "seconds after its capture at which a live frame is too old to be published; 0: never",
        least=0,
        most=3600,
        flag="--deadline",
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
class DaemonConfig:
    """How the service watches itself."""

    patience: float = setting(
        10.0,
        "seconds without progress after which a part counts as stuck",
        least=0.1,
        most=3600,
    )
    restarts: int = setting(
        5,
        "times in `window` that a part is started again before the process ends",
        least=0,
        most=1000,
    )
    window: float = setting(600.0, "seconds that restarts are counted for", least=1, most=86400)
    log: str = setting(
        "auto",
        "json, text (key=value), or auto: text on a terminal, json elsewhere",
        choices=("auto", "json", "text"),
    )
    rates: float = setting(
        60.0, "seconds between two lines of rates in the log", least=1, most=86400
    )


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One of several cameras."""

    name: str
    """Letters, digits, - and _: part of MQTT topics and of metrics."""
    source: SourceConfig


ALONE = "camera"
"""What the one camera is called where the file has no [[camera]]."""


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file."""

    source: SourceConfig = field(default_factory=SourceConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    events: EventsConfig = field(default_factory=EventsConfig)
    jsonl: JsonlConfig = field(default_factory=JsonlConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    webhook: WebhookConfig = field(default_factory=WebhookConfig)
    http: HttpConfig = field(default_factory=HttpConfig)
    web: WebConfig = field(default_factory=WebConfig)
    daemon: DaemonConfig = field(default_factory=DaemonConfig)
    camera: tuple[CameraConfig, ...] = ()
    """The [[camera]] tables; `cameras` is what to open."""

    @property
    def cameras(self) -> tuple[CameraConfig, ...]:
        """Every camera to open, at least one: those of the [[camera]] tables, or [source]."""
        return self.camera or (CameraConfig(ALONE, self.source),)


SECTIONS: dict[str, type] = {
    spec.name: spec.default_factory  # type: ignore[misc]
    for spec in dataclasses.fields(Config)
    if spec.name != "camera"
}
"""The record of each section, in the file's order."""
