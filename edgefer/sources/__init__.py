"""Where frames come from: one opener, one source for each kind of URL."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from urllib.parse import unquote

from edgefer.addresses import SCHEMES, scheme, with_password, without_password
from edgefer.config import SourceConfig
from edgefer.credentials import read_secret
from edgefer.errors import ConfigError, UnknownName
from edgefer.protocols import Source

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".pgm", ".ppm")

log = logging.getLogger(__name__)


def open_source(url: str, config: SourceConfig) -> Source:
    """The source that `url` means, opened; the caller closes it.

    Cameras, streams, and `demo://` or `test://` with `fps=` or `live=1` are live and run in a child
    process; files, images and the others wait to be read and lose no frame.

    Raises UnknownName for an unknown scheme, ConfigError for a URL that cannot be meant,
    NotInstalled, and SourceError where nothing can be read; a live source with `config.wait`
    starts without its camera instead.
    """
    match scheme(url):
        case "demo" | "test":
            from edgefer.sources import synthetic
            from edgefer.sources.live import LiveSource

            options = synthetic.parse(url)
            if options.from_camera:
                return LiveSource(url, config)
            if isinstance(options, synthetic.DemoOptions):
                return synthetic.DemoSource(options)
            return synthetic.PatternSource(options)
        case "v4l2" | "rtsp" | "rtsps":
            from edgefer.sources.live import LiveSource

            return LiveSource(url, config)
        case "csi" | "gst":
            from edgefer.sources import gstreamer
            from edgefer.sources.live import LiveSource

            gstreamer.check_installed()
            log.info("gst-launch-1.0 -q %s", without_password(gstreamer.pipeline(url, config)))
            return LiveSource(url, config)
        case "file":
            return _open_path(unquote(url.removeprefix("file://")))
        case "":
            return _open_path(url)
        case other:
            raise UnknownName("kind of source", other, SCHEMES)


def check_source(url: str, config: SourceConfig) -> None:
    """Raise the ConfigError or NotInstalled of `open_source`, as far as they show without opening
    anything; a camera or a file may still be absent."""
    match scheme(url):
        case "demo" | "test":
            from edgefer.sources import synthetic

            synthetic.parse(url)
        case "csi" | "gst":
            from edgefer.sources import gstreamer

            gstreamer.check_installed()
            gstreamer.pipeline(url, config)
        case "file":
            _check_path(unquote(url.removeprefix("file://")))
        case "":
            _check_path(url)
        case kind if kind not in SCHEMES:
            raise UnknownName("kind of source", kind, SCHEMES)


def camera_url(source: SourceConfig) -> str:
    """`source.url` with the password that `source.password` names, read now, for `open_source`.

    Raises ConfigError where the secret cannot be read, or the URL has no place for it.
    """
    if not source.password:
        return source.url
    secret = read_secret("source.password", source.password)
    return with_password("source.password", source.url, secret.reveal())


def _check_path(text: str) -> None:
    if not text:
        raise ConfigError("the source is empty; give a path or a URL such as demo://")
    if text.isdecimal() or text.startswith("/dev/"):
        device = f"/dev/video{text}" if text.isdecimal() else text
        raise ConfigError(f"a camera is given as v4l2://{device}, not as {text}")


def _open_path(text: str) -> Source:
    """A path is taken literally where it exists, so that a name may hold glob characters."""
    _check_path(text)
    path = Path(os.path.expanduser(text))
    pattern = not path.exists() and any(mark in text for mark in "*?[")
    if pattern or path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        from edgefer.sources import images

        return images.Images(images.find(path))
    from edgefer.sources.video import VideoFile

    return VideoFile(path)
