from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edgefer.errors import SourceError, SourceLost
from edgefer.protocols import Source
from edgefer.sources import synthetic
from edgefer.sources.pattern import frame_number
from edgefer.sources.video import TruncatedVideo, VideoFile
from edgefer.timing import clock

FRAMES = 40


def record(path: Path, codec: str) -> Path:
    """Forty numbered pictures of 320x240."""
    fourcc = cv2.VideoWriter.fourcc(*codec)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, 30, (320, 240))
    assert writer.isOpened()
    for image in synthetic.pictures(f"test://?width=320&height=240&frames={FRAMES}"):
        writer.write(image)
    writer.release()
    return path


def read_numbers(source: Source, found: list[int]) -> None:
    """Add what the pictures say they are, to the end."""
    while frame := source.read():
        assert frame.sequence == len(found)
        found.append(frame_number(frame.image_bgr))


def test_every_frame_of_a_video_comes_once_and_in_order(tmp_path: Path) -> None:
    video = VideoFile(record(tmp_path / "clip.mp4", "mp4v"))
    assert isinstance(video, Source)
    assert not video.live
    found: list[int] = []
    read_numbers(video, found)
    assert found == list(range(FRAMES))
    assert video.read() is None  # and again
    video.close()


def test_captured_is_when_the_reading_of_the_frame_began(tmp_path: Path) -> None:
    video = VideoFile(record(tmp_path / "clip.mp4", "mp4v"))
    before = clock()
    frame = video.read()
    assert frame is not None
    assert before <= frame.captured <= clock()
    video.close()


def test_a_frame_keeps_its_pixels_when_the_next_one_is_read(tmp_path: Path) -> None:
    video = VideoFile(record(tmp_path / "clip.mp4", "mp4v"))
    first = video.read()
    assert first is not None
    while video.read():
        pass
    assert frame_number(first.image_bgr) == 0
    video.close()


@pytest.mark.parametrize(("name", "codec"), [("cut.avi", "MJPG"), ("cut.mkv", "mp4v")])
def test_a_video_cut_in_half_is_lost_after_its_last_good_frame(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = record(tmp_path / name, codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = VideoFile(path)
    good: list[int] = []
    with pytest.raises(TruncatedVideo) as lost:
        read_numbers(video, good)
    assert isinstance(lost.value, SourceLost)
    assert good == list(range(lost.value.read))
    assert 0 < lost.value.read < lost.value.promised == FRAMES
    assert video.read() is None
    video.close()


def test_an_mp4_without_its_index_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path / "cut.mp4", "mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError, match=r"cut\.mp4"):
        VideoFile(path)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("empty.mp4", b"", "0 bytes"),
        ("text.mp4", b"not a video\n" * 50, "cannot be read as a video"),
        ("missing.mp4", None, "No such file"),
        (".", None, "directory"),
    ],
)
def test_what_is_no_video_is_refused_with_its_cause(
    tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=why):
        VideoFile(tmp_path / name)


def test_ffmpeg_and_opencv_print_nothing_of_their_own(tmp_path: Path) -> None:
    """In a process of its own: FFmpeg's log level is set once, by whoever uses it first."""
    (tmp_path / "text.mp4").write_bytes(b"not a video\n" * 50)
    program = (
        "import sys, pathlib, edgefer.sources.video as v\n"
        "try: v.VideoFile(pathlib.Path(sys.argv[1]))\n"
        "except v.SourceError: print('refused')"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "text.mp4")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("refused\n", "")


def test_a_closed_video_gives_no_frame_and_closes_twice(tmp_path: Path) -> None:
    video = VideoFile(record(tmp_path / "clip.mp4", "mp4v"))
    video.close()
    video.close()
    assert video.read() is None
