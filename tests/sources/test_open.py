from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edgefer.addresses import SCHEMES
from edgefer.config import SourceConfig
from edgefer.errors import ConfigError, SourceError, UnknownName
from edgefer.sources import check_source, open_source
from edgefer.sources.images import Images
from edgefer.sources.live import LiveSource
from edgefer.sources.synthetic import DemoSource, PatternSource
from edgefer.sources.video import VideoFile
from tests.sources.test_images import draw
from tests.sources.test_video import record

WAIT = SourceConfig(wait=True)  # opens no camera before the first read


def opened(url: object, config: SourceConfig = WAIT) -> type:
    source = open_source(str(url), config)
    source.close()
    return type(source)


def test_each_kind_of_url_opens_its_source(tmp_path: Path) -> None:
    video = record(tmp_path / "a clip.mp4", "mp4v")
    image = draw(tmp_path / "shot.png")
    assert opened("demo://") is DemoSource
    assert opened("test://?frames=3") is PatternSource
    assert opened(video) is opened(f"file://{video}".replace(" ", "%20")) is VideoFile
    assert opened(image) is opened(tmp_path) is opened(tmp_path / "*.png") is Images
    assert opened("v4l2:///dev/video0") is opened("rtsp://camera/stream") is LiveSource


def test_a_synthetic_source_with_a_pace_is_live() -> None:
    assert opened("demo://?fps=30") is opened("test://?live=1") is LiveSource


def test_an_unknown_scheme_gets_the_nearest_known_one() -> None:
    with pytest.raises(UnknownName) as unknown:
        open_source("rstp://camera/stream", WAIT)
    assert unknown.value.nearest == "rtsp"
    assert unknown.value.known == SCHEMES


def test_a_synthetic_url_is_checked_before_a_child_is_started() -> None:
    with pytest.raises(UnknownName) as unknown:
        open_source("demo://?fsp=30", WAIT)
    assert unknown.value.nearest == "fps"


def test_a_name_with_glob_characters_that_exists_is_meant_literally(tmp_path: Path) -> None:
    assert opened(draw(tmp_path / "face[1].png")) is Images
    assert opened(record(tmp_path / "clip[1].mp4", "mp4v")) is VideoFile


def test_a_path_that_does_not_exist_is_no_source() -> None:
    with pytest.raises(SourceError, match="No such file"):
        open_source("no/such/clip.mp4", WAIT)


@pytest.mark.parametrize("url", ["csi://front", "gst:", "gst: ! "])
def test_a_pipeline_that_cannot_be_meant_is_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefer.sources.gstreamer.check_installed", lambda: None)
    with pytest.raises(ConfigError):
        open_source(url, WAIT)


def test_importing_the_opener_loads_neither_opencv_nor_a_source() -> None:
    program = (
        "import sys, edgefer.sources; print(*{'cv2', 'edgefer.sources.live'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == [], done.stderr
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "url", ["demo://?sed=1", "test://?width=1", "gst:", "7", "/dev/video0", "", "http://host/"]
)
def test_what_cannot_be_meant_is_told_without_opening_it(url: str) -> None:
    with pytest.raises(ConfigError):
        check_source(url, SourceConfig())


@pytest.mark.parametrize(
    "url", ["demo://", "test://?live=1", "absent.mp4", "v4l2:///dev/video9", "rtsp://192.0.2.1/x"]
)
def test_what_is_only_absent_may_come_yet(url: str) -> None:
    check_source(url, SourceConfig())
