from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.addresses import check_scheme, has_password, scheme, with_password, without_password
from edgefer.config import SourceConfig
from edgefer.errors import ConfigError, UnknownName
from edgefer.sources import camera_url


def test_schemes_are_told_from_paths() -> None:
    assert [scheme(url) for url in ("RTSP://x", "gst:a ! b", "a:b.mp4", "/x.mp4", "gst.mp4")] == [
        "rtsp",
        "gst",
        "",
        "",
        "",
    ]


def test_a_misspelt_scheme_names_the_nearest() -> None:
    for url in ("demo://", "gst:a ! b", "clip.mp4", "RTSPS://host"):
        check_scheme("source.url", url)
    with pytest.raises(UnknownName) as caught:
        check_scheme("source.url", "rstp://host")
    assert caught.value.nearest == "rtsp"


def test_a_password_is_not_logged() -> None:
    assert without_password("rtsp://me:secret@cam/1?x=1") == "rtsp://***@cam/1?x=1"
    assert without_password("rtsp://me:p@ss@cam/1@2") == "rtsp://***@cam/1@2"
    assert without_password("rtsp://cam/1") == "rtsp://cam/1"


@given(password=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1))
def test_any_password_stays_between_the_user_and_the_host(password: str) -> None:
    url = with_password("source.password", "rtsp://me@host/1", password)
    assert has_password(url)
    assert without_password(url) == "rtsp://***@host/1"


def test_a_password_in_a_pipeline_is_found() -> None:
    assert has_password("gst:rtspsrc location=rtsp://me:secret@host/1 ! decodebin")
    assert not has_password("rtsp://me@host/1 rtsp://host:554/a@b v4l2:///dev/video0")


def test_a_camera_gets_the_password_that_its_source_names(tmp_path: Path) -> None:
    path = tmp_path / "door"
    path.write_text("p@ss/w:rd\n")
    path.chmod(0o600)
    source = SourceConfig(url="rtsp://me@host/1", password=str(path))
    assert camera_url(source) == "rtsp://me:p%40ss%2Fw%3Ard@host/1"
    assert camera_url(SourceConfig(url="demo://")) == "demo://"


@pytest.mark.parametrize("url", ["rtsp://host/1", "rtsp://me:old@host/1", "demo://"])
def test_a_password_without_a_place_in_the_url_is_refused(url: str, tmp_path: Path) -> None:
    path = tmp_path / "door"
    path.write_text("horse")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"source\.password") as caught:
        camera_url(SourceConfig(url=url, password=str(path)))
    assert "horse" not in str(caught.value)
    assert "old" not in str(caught.value)
