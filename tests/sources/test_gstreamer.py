"""Pipelines; most tests run gst-launch-1.0 for real."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import SourceConfig
from edgefer.errors import NotInstalled, SourceError
from edgefer.sources import gstreamer, open_source
from edgefer.sources.live import LiveSource
from tests.sources.test_live import child_of, gone

needs_gstreamer = pytest.mark.skipif(
    shutil.which("gst-launch-1.0") is None, reason=f"sudo apt install {gstreamer.PACKAGES}"
)
# A width whose rows GStreamer pads: 322 x 3 bytes are not a multiple of 4.
CONFIG = SourceConfig(width=322, height=240, backoff=0.01)


@needs_gstreamer
def test_a_pipelines_pictures_arrive_whole_and_in_the_configured_size() -> None:
    blue = "gst:videotestsrc is-live=true pattern=blue ! video/x-raw,width=640,height=480"
    source = open_source(blue, CONFIG)
    try:
        for _ in range(3):
            frame = source.read()
            assert frame is not None
            assert frame.image_bgr.shape == (240, 322, 3)
            assert np.abs(frame.image_bgr.astype(int) - (255, 0, 0)).max() <= 4
    finally:
        source.close()


@needs_gstreamer
def test_a_pipeline_that_is_slower_than_asked_for_is_no_fault() -> None:
    config = SourceConfig(width=64, height=48, fps=30, timeout=20)
    slow = open_source("gst:videotestsrc is-live=true ! video/x-raw,framerate=3/1", config)
    assert isinstance(slow, LiveSource)
    try:
        frames = [slow.read() for _ in range(4)]
        assert all(frames)
        assert slow.reconnects == 0
    finally:
        slow.close()


@needs_gstreamer
def test_a_pipeline_that_ends_by_itself_ends_the_source() -> None:
    source = open_source("gst:videotestsrc num-buffers=5", CONFIG)
    frame = source.read()
    assert frame is not None
    while frame := source.read():
        assert frame.sequence < 5
    source.close()


@needs_gstreamer
def test_a_pipeline_that_cannot_run_is_shown_with_gstreamers_own_words() -> None:
    with pytest.raises(
        SourceError, match=r'gst-launch-1\.0 nosuch !.*no element "nosuch"'
    ) as caught:
        open_source("gst:nosuch", CONFIG)
    assert "! fakesink. It said: " in str(caught.value)


@needs_gstreamer
def test_a_pipeline_that_cannot_run_does_not_show_its_password() -> None:
    with pytest.raises(SourceError) as caught:
        open_source("gst:nosuch location=rtsp://me:1234@host/1 ! decodebin", CONFIG)
    assert "1234" not in str(caught.value)


@needs_gstreamer
def test_close_ends_gstreamer_as_well_even_while_it_writes_nothing() -> None:
    source = open_source("gst:videotestsrc is-live=true ! video/x-raw,framerate=1/100", CONFIG)
    assert isinstance(source, LiveSource)
    child = child_of(source)
    (launched,) = Path(f"/proc/{child}/task/{child}/children").read_text().split()
    assert "gst-launch" in Path(f"/proc/{launched}/cmdline").read_text()
    source.close()
    assert gone(int(launched))


@needs_gstreamer
@pytest.mark.skipif(
    Path("/dev/nvhost-ctrl").exists(), reason="a Jetson has nvarguscamerasrc; run this elsewhere"
)
def test_csi_without_argus_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match="nvarguscamerasrc"):
        open_source("csi://0", CONFIG)


def test_gstreamer_that_is_missing_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(NotInstalled, match=r"gstreamer1\.0-tools"):
        open_source("csi://0", CONFIG)


def test_the_csi_pipeline_asks_the_sensor_for_size_and_rate() -> None:
    config = SourceConfig(width=1280, height=720, fps=29.97)
    text = gstreamer.pipeline("csi://1", config)
    assert text.startswith(
        "nvarguscamerasrc sensor-id=1 ! "
        "video/x-raw(memory:NVMM),width=1280,height=720,framerate=2997/100 ! "
    )
    assert text.endswith("! video/x-raw,format=BGR,width=1280,height=720")


def test_the_pipeline_is_logged_for_whoever_wants_to_try_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gstreamer, "check_installed", lambda: None)
    with caplog.at_level("INFO", logger="edgefer.sources"):
        url = "gst:rtspsrc location=rtsp://me:pw@cam ! decodebin !"
        open_source(url, SourceConfig(wait=True)).close()
    assert "rtspsrc location=rtsp://***@cam ! decodebin ! videoconvert" in caplog.text
