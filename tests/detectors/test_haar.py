"""Haar: what it finds, what it needs, and that threads do not meet inside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.config import DetectorConfig
from edgefer.data import Image
from edgefer.detectors import haar as room
from edgefer.detectors.haar import Haar
from edgefer.detectors.yunet import YuNet
from edgefer.errors import ModelError, NotInstalled, SourceError
from edgefer.protocols import Detector
from tests.detectors.faces import ONE_FACE, TWELVE_FACES, picture


@pytest.fixture(scope="module")
def haar() -> Haar:
    return Haar(DetectorConfig(size=320))


def test_haar_is_a_detector_that_threads_may_share(haar: Haar) -> None:
    assert isinstance(haar, Detector)
    assert haar.name == "haar 320"
    assert haar.exclusive is False


@pytest.mark.parametrize("name", ONE_FACE)
def test_portrait_has_one_face_where_yunet_sees_it(haar: Haar, shared: Path, name: str) -> None:
    image = picture(shared, name)
    (face,) = haar.detect(image)
    (seen,) = YuNet(shared / "models" / "yunet_s_dynamic.onnx", DetectorConfig()).detect(image)
    # A cascade's square reaches from the brow to the chin and beyond the cheeks.
    assert face.box.iou(seen.box) > 0.5
    assert face.score == 1.0
    assert face.landmarks is None


def test_most_faces_of_a_group_are_found(shared: Path) -> None:
    faces = Haar(DetectorConfig(size=640)).detect(picture(shared, TWELVE_FACES))
    assert 10 <= len(faces) <= 12


def test_black_picture_has_no_face(haar: Haar) -> None:
    assert haar.detect(np.zeros((480, 640, 3), np.uint8)) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1000, 3)])
def test_picture_smaller_than_the_cascade_has_no_face(haar: Haar, shape: tuple[int, int]) -> None:
    assert haar.detect(np.zeros((*shape, 3), np.uint8)) == ()


def test_min_face_counts_pixels_of_the_full_frame(haar: Haar, shared: Path) -> None:
    image = picture(shared, "astronaut.png")
    (face,) = haar.detect(image)
    just_too_large = int(face.box.width) + 40
    assert Haar(DetectorConfig(min_face=just_too_large)).detect(image) == ()


def test_max_faces_keeps_the_first(shared: Path) -> None:
    image = picture(shared, TWELVE_FACES)
    everyone = Haar(DetectorConfig(size=640)).detect(image)
    assert Haar(DetectorConfig(size=640, max_faces=2)).detect(image) == everyone[:2]


def test_threads_share_a_detector(haar: Haar, shared: Path) -> None:
    images = [picture(shared, name) for name in (*ONE_FACE, TWELVE_FACES)] * 3
    alone = [haar.detect(image) for image in images[:3]] * 3
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(haar.detect, images)) == alone


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.int32)])
def test_what_is_no_picture_is_refused(haar: Haar, image: Image) -> None:
    with pytest.raises(SourceError, match=r"detectors take \(H, W, 3\) uint8"):
        haar.detect(image)


def test_close_may_be_called_twice() -> None:
    detector = Haar(DetectorConfig())
    detector.close()
    detector.close()


def test_opencv_without_the_classifier_names_both_ways_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(NotInstalled, match=r"opencv-python-headless<5.*edgefer pull yunet"):
        Haar(DetectorConfig())


def test_opencv_without_its_data_folder_is_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "data")
    with pytest.raises(NotInstalled, match="opencv-python-headless<5"):
        Haar(DetectorConfig())


def test_opencv_without_the_file_is_told_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cv2.data.haarcascades", f"{tmp_path}/")
    with pytest.raises(NotInstalled, match="opencv-python-headless<5"):
        Haar(DetectorConfig())


def test_damaged_cascade_is_not_called_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / room.CASCADE).write_text("<?xml version='1.0'?><opencv_storage/>")
    monkeypatch.setattr("cv2.data.haarcascades", f"{tmp_path}/")
    with pytest.raises(ModelError, match=room.CASCADE):
        Haar(DetectorConfig())
