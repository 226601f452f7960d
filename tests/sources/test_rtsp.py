"""A network camera, served by GStreamer's own RTSP server in a process of Debian's Python."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import SourceConfig
from edgefer.errors import SourceError
from edgefer.sources import open_source
from edgefer.sources.live import LiveSource, log
from tests.brokers import until
from tests.sources.test_live import Warned

SERVER = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_service("0")
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    "( videotestsrc is-live=true pattern=blue ! "
    "video/x-raw,format=I420,width=320,height=240,framerate=15/1 ! "
    "jpegenc ! rtpjpegpay name=pay0 )"
)
server.get_mount_points().add_factory("/cam", factory)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""
PACKAGES = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good"


@pytest.fixture
def camera() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server's process, and its port."""
    if not Path("/usr/bin/python3").exists():
        pytest.skip(f"sudo apt install {PACKAGES}")
    command = ["/usr/bin/python3", "-c", SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        assert p.stdout is not None
        port = p.stdout.readline()
        if not port:
            pytest.skip(f"sudo apt install {PACKAGES}")
        yield p, int(port)
        p.kill()


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


def test_a_stream_is_read_and_its_loss_is_noticed(
    camera: tuple[subprocess.Popen[str], int], warned: Warned
) -> None:
    server, port = camera
    source = open_source(f"rtsp://127.0.0.1:{port}/cam", SourceConfig(backoff=0.05))
    assert isinstance(source, LiveSource)
    try:
        for _ in range(5):
            frame = source.read()
            assert frame is not None
            assert frame.image_bgr.shape == (240, 320, 3)
            blue = frame.image_bgr.reshape(-1, 3).mean(axis=0)
            assert np.abs(blue - (255, 0, 0)).max() < 32  # JPEG, and its range of luma
        server.kill()
        reader = threading.Thread(target=lambda: [*iter(source.read, None)])
        reader.start()
        assert warned.event.wait(30)
        assert "gives no more pictures" in warned.messages[0]
        source.close()
        reader.join(1)
    finally:
        source.close()


def test_a_server_that_stops_without_a_word_is_noticed_and_found_again(
    camera: tuple[subprocess.Popen[str], int], warned: Warned
) -> None:
    server, port = camera
    config = SourceConfig(timeout=2, backoff=0.05, backoff_max=0.1, stale=0)
    source = open_source(f"rtsp://127.0.0.1:{port}/cam", config)
    assert isinstance(source, LiveSource)
    try:
        assert source.read() is not None
        server.send_signal(signal.SIGSTOP)  # its connections stay open
        reader = threading.Thread(target=lambda: [*iter(source.read, None)])
        reader.start()
        assert warned.event.wait(30)
        assert "no frame for 2 s" in warned.messages[0]
        server.send_signal(signal.SIGCONT)
        until(lambda: source.reconnects == 1, seconds=45)
        source.close()
        reader.join(5)
    finally:
        source.close()


def test_a_path_the_server_lacks_is_told_in_ffmpegs_words(
    camera: tuple[subprocess.Popen[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCV_FFMPEG_LOGLEVEL", "-8")  # as once a video file was opened
    _, port = camera
    with pytest.raises(SourceError, match=r"gives no video.*404"):
        open_source(f"rtsp://127.0.0.1:{port}/nothing", SourceConfig())
