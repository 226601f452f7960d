from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.errors import SourceError
from edgefer.protocols import Source
from edgefer.sources.images import Images, find


def draw(path: Path, width: int = 8, height: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), 200, np.uint8))
    return path


def test_a_folder_gives_its_images_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "2.PNG", "1b.jpg", "1a.jpg"):
        draw(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    draw(tmp_path / "deeper" / "0.png")
    names = [path.name for path in find(tmp_path)]
    assert names == ["1a.jpg", "1b.jpg", "2.PNG", "9.png", "10.png"]


def test_a_glob_reaches_into_folders_in_natural_order(tmp_path: Path) -> None:
    for name in ("run10/1.png", "run9/1.png", "run9/1.jpg"):
        draw(tmp_path / name)
    assert find(tmp_path / "run*" / "*.png") == (
        tmp_path / "run9" / "1.png",
        tmp_path / "run10" / "1.png",
    )


def test_images_of_different_sizes_come_as_they_are_then_the_source_ends(tmp_path: Path) -> None:
    source = Images([draw(tmp_path / "a.png", 8, 6), draw(tmp_path / "b.png", 20, 10)])
    assert isinstance(source, Source)
    assert not source.live
    frames = [source.read(), source.read()]
    assert [f and (f.sequence, f.image_bgr.shape) for f in frames] == [
        (0, (6, 8, 3)),
        (1, (10, 20, 3)),
    ]
    assert source.read() is None


def test_a_grey_image_comes_with_three_channels(tmp_path: Path) -> None:
    assert cv2.imwrite(str(tmp_path / "grey.png"), np.zeros((5, 5), np.uint8))
    frame = Images([tmp_path / "grey.png"]).read()
    assert frame is not None
    assert frame.image_bgr.shape == (5, 5, 3)


def test_an_unreadable_image_is_named_and_the_next_one_still_comes(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"no image")
    (tmp_path / "2.png").write_bytes(b"")
    draw(tmp_path / "3.png")
    source = Images(find(tmp_path))
    with pytest.raises(SourceError, match=r"1\.png.*damaged"):
        source.read()
    with pytest.raises(SourceError, match=r"2\.png.*0 bytes"):
        source.read()
    frame = source.read()
    assert frame is not None
    assert frame.sequence == 2


def test_an_image_that_vanished_is_named(tmp_path: Path) -> None:
    source = Images([tmp_path / "gone.png"])
    with pytest.raises(SourceError, match=r"gone\.png.*No such file"):
        source.read()


@pytest.mark.parametrize("what", ["", "*.png", "missing.png"])
def test_where_there_is_no_image_it_is_said_at_once(tmp_path: Path, what: str) -> None:
    with pytest.raises(SourceError, match=str(tmp_path)):
        find(tmp_path / what)


def test_a_closed_source_gives_nothing(tmp_path: Path) -> None:
    source = Images([draw(tmp_path / "a.png")])
    source.close()
    source.close()
    assert source.read() is None


def test_a_jpeg_that_is_cut_off_is_refused_not_half_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = tmp_path / "whole.jpg"
    assert cv2.imwrite(str(whole), rng.integers(0, 255, (200, 300, 3), np.uint8))
    data = whole.read_bytes()
    cut, padded = tmp_path / "cut.jpg", tmp_path / "padded.jpg"
    cut.write_bytes(data[: len(data) // 2])
    padded.write_bytes(data + bytes(500))
    with pytest.raises(SourceError, match="cut off"):
        Images([cut]).read()
    for path in (whole, padded):
        assert Images([path]).read() is not None


def test_a_picture_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    upright = tmp_path / "upright.jpg"
    assert cv2.imwrite(str(upright), np.full((40, 60, 3), 90, np.uint8))
    data = upright.read_bytes()
    # One EXIF entry: tag 0x0112, orientation, is 6: turned by a quarter.
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + bytes(4)
    block = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    turned = tmp_path / "turned.jpg"
    turned.write_bytes(data[:2] + block + data[2:])
    frame = Images([turned]).read()
    assert frame is not None
    assert frame.image_bgr.shape == (60, 40, 3)
