"""The names of cameras. There is no camera here: /dev/null and /dev/zero stand for devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefer.errors import ConfigError, SourceError
from edgefer.sources import devices

NULL, ZERO = Path("/dev/null"), Path("/dev/zero")


def relink(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def test_a_link_leads_to_whatever_it_points_to_at_each_opening(tmp_path: Path) -> None:
    link = tmp_path / "usb-camera-index0"
    for target in (NULL, ZERO, NULL):
        relink(link, target)
        assert devices.node(f"v4l2://{link}") == target
    link.unlink()
    with pytest.raises(SourceError, match=rf"{link} does not exist.*Cameras here"):
        devices.node(f"v4l2://{link}")


def test_the_log_tells_what_a_link_is_today_and_which_link_a_number_has(tmp_path: Path) -> None:
    by_id, by_path = tmp_path / "by-id", tmp_path / "by-path"
    folders = (by_id, by_path)
    assert devices.advice("v4l2:///dev/null", folders) == ""  # without udev
    by_id.mkdir()
    by_path.mkdir()
    (by_path / "pci-usb-1").symlink_to(NULL)
    (by_path / "pci-usb-2").symlink_to(ZERO)
    assert devices.advice("v4l2:///dev/null", folders).endswith(f"is {by_path}/pci-usb-1")
    link = by_id / "usb-maker-camera-index0"
    link.symlink_to(NULL)
    assert devices.advice("v4l2:///dev/null", folders).endswith(f"is {link}")
    assert devices.advice("v4l2:///dev/zero", folders).endswith(f"is {by_path}/pci-usb-2")
    assert devices.advice(f"v4l2://{link}", folders) == ", today /dev/null"
    relink(link, ZERO)
    assert devices.advice(f"v4l2://{link}", folders) == ", today /dev/zero"
    assert devices.advice("rtsp://camera/1", folders) == ""


def test_a_url_with_two_slashes_names_no_device() -> None:
    with pytest.raises(ConfigError, match="three slashes"):
        devices.node("v4l2://video0")


def test_a_device_this_user_may_not_open_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may open everything
    with pytest.raises(SourceError, match="video group"):
        devices.node("v4l2:///dev/null")


def test_a_plain_file_is_no_device(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match="no device"):
        devices.node(f"v4l2://{tmp_path}/clip.mp4")
