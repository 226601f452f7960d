"""A camera's names under Linux: /dev/videoN, and the links that udev keeps to it.

The number is given in the order in which cameras appear, so one that was plugged out and in,
or that comes first after a boot, has another. A link stays with its camera (by-id), or with
the socket it is plugged into (by-path).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from edgefer.errors import ConfigError, SourceError

LINKS = (Path("/dev/v4l/by-id"), Path("/dev/v4l/by-path"))
"""The better name first."""


def node(url: str) -> Path:
    """The device that a v4l2:// URL means now: ask anew at each opening.

    Raises ConfigError where it names none, SourceError where there is no device, or none that
    this user may open.
    """
    path = Path(url.removeprefix("v4l2://"))
    if not path.is_absolute():
        raise ConfigError("this names no device; write v4l2:///dev/video0, with three slashes")
    try:
        kind = path.stat().st_mode
    except OSError as exc:
        missing = "does not exist" if isinstance(exc, FileNotFoundError) else exc.strerror
        raise SourceError(f"{path} {missing}. {found()}") from exc
    if not stat.S_ISCHR(kind):
        raise SourceError(f"{path} is no device; a video file is given without v4l2://")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(
            f"{path} may not be opened by this user. Add the user to the video group: "
            "sudo usermod -aG video USER, then log in again"
        )
    return path.resolve()


def found() -> str:
    """The cameras that are here, in words."""
    names = sorted(Path("/dev").glob("video*")) + sorted(Path("/dev/v4l/by-id").glob("*"))
    return f"Cameras here: {', '.join(map(str, names)) or 'none; is it plugged in?'}"


def advice(url: str, folders: tuple[Path, ...] = LINKS) -> str:
    """For the log, the other name of an opened v4l2:// camera: of a link, the node that it leads
    to today; of a node, the link that will find the same camera. "" where there is none."""
    if not url.startswith("v4l2://"):
        return ""
    path = Path(url.removeprefix("v4l2://"))
    device = path.resolve()
    if path != device:
        return f", today {device}"
    links = (link for folder in folders for link in sorted(folder.glob("*")))
    lasting = next((link for link in links if link.resolve() == device), None)
    return f"; a name that lasts is {lasting}" if lasting else ""
