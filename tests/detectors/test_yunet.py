"""YuNet: what it finds in real pictures, against OpenCV's own decoder."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.config import DetectorConfig
from edgefer.data import Box, Face, Image
from edgefer.detectors.yunet import YuNet
from edgefer.errors import ConfigError, InferenceError, ModelError, SourceError
from edgefer.protocols import Detector
from tests.detectors.faces import ONE_FACE, TWELVE_FACES, landmarks, picture


@pytest.fixture(scope="module")
def model(shared: Path) -> Path:
    return shared / "models" / "yunet_s_dynamic.onnx"


@pytest.fixture(scope="module")
def fixed_model(shared: Path) -> Path:
    """The same weights in a graph of 640x640."""
    return shared / "models" / "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="module")
def yunet(model: Path) -> YuNet:
    return YuNet(model, DetectorConfig(size=320))


def test_yunet_is_a_detector_that_threads_may_share(yunet: YuNet) -> None:
    assert isinstance(yunet, Detector)
    assert yunet.name == "yunet 320"
    assert yunet.exclusive is False


@pytest.mark.parametrize("name", ONE_FACE)
def test_portrait_has_one_face(yunet: YuNet, shared: Path, name: str) -> None:
    (face,) = yunet.detect(picture(shared, name))
    assert 0.9 < face.score <= 1


@pytest.mark.parametrize("size", [320, 640])
def test_group_has_twelve_faces_the_most_certain_first(
    model: Path, shared: Path, size: int
) -> None:
    faces = YuNet(model, DetectorConfig(size=size)).detect(picture(shared, TWELVE_FACES))
    assert len(faces) == 12
    scores = [face.score for face in faces]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", [*ONE_FACE, TWELVE_FACES])
def test_landmarks_lie_in_the_box_the_right_eye_at_the_left(
    yunet: YuNet, shared: Path, name: str
) -> None:
    for face in yunet.detect(picture(shared, name)):
        assert face.landmarks is not None
        right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
        for x, y in face.landmarks:
            assert face.box.x1 < x < face.box.x2
            assert face.box.y1 < y < face.box.y2


@pytest.mark.parametrize("size", [320, 640])
@pytest.mark.parametrize("name", [*ONE_FACE, TWELVE_FACES])
def test_boxes_landmarks_and_scores_are_those_of_opencv(
    model: Path, fixed_model: Path, shared: Path, name: str, size: int
) -> None:
    image = picture(shared, name)
    longer = max(image.shape[:2])
    w, h = (round(side * size / longer) for side in image.shape[1::-1])
    small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA) if longer > size else image
    config = DetectorConfig(size=size, min_face=1)
    faces = YuNet(model, config).detect(small)  # type: ignore[arg-type]  # see picture()
    height, width = small.shape[:2]
    oracle = cv2.FaceDetectorYN.create(str(fixed_model), "", (width, height), 0.7, 0.3)
    _, rows = oracle.detect(small)

    assert len(faces) == len(rows) > 0
    for row in rows.tolist():
        x, y, box_w, box_h, *points, score = row
        expected = Box(x, y, x + box_w, y + box_h)
        face = max(faces, key=lambda face: face.box.iou(expected))
        assert face.box.iou(expected) >= 0.9
        assert face.score == pytest.approx(score, abs=0.01)
        np.testing.assert_allclose(landmarks(face).ravel(), points, atol=1.0)


def test_detection_in_a_smaller_picture_gives_full_frame_pixels(model: Path, shared: Path) -> None:
    image = picture(shared, "astronaut.png")
    whole, shrunk = (
        YuNet(model, DetectorConfig(size=size)).detect(image)[0] for size in (512, 256)
    )
    assert whole.box.iou(shrunk.box) > 0.8
    np.testing.assert_allclose(landmarks(whole), landmarks(shrunk), atol=6)


def test_moved_face_moves_in_the_answer(yunet: YuNet, shared: Path) -> None:
    """Padding, unequal sides and a picture below the working size do not shift anything."""
    face = picture(shared, "astronaut.png")[40:300, 60:300]
    canvas = np.zeros((304, 320, 3), np.uint8)
    canvas[32 : 32 + 260, 64 : 64 + 240] = face  # whole strides, as the network is built
    (at_corner,), (moved,) = yunet.detect(face), yunet.detect(canvas)
    shift = landmarks(moved) - landmarks(at_corner)
    np.testing.assert_allclose(shift, np.broadcast_to((64, 32), (5, 2)), atol=4)


@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (33, 1000), (1000, 7)])
def test_black_picture_has_no_face(yunet: YuNet, shape: tuple[int, int]) -> None:
    assert yunet.detect(np.zeros((*shape, 3), np.uint8)) == ()


def test_picture_of_another_size_leaves_no_trace_in_the_next(model: Path, shared: Path) -> None:
    portrait, group = picture(shared, "grace_hopper.jpg"), picture(shared, TWELVE_FACES)
    reused = YuNet(model, DetectorConfig())
    first = reused.detect(portrait)
    reused.detect(group)
    assert reused.detect(portrait) == first
    assert reused.detect(np.zeros_like(portrait)) == ()


def test_strided_picture_is_read_as_its_copy(yunet: YuNet, shared: Path) -> None:
    mirrored: Image = picture(shared, "astronaut.png")[:, ::-1]
    assert yunet.detect(mirrored) == yunet.detect(mirrored.copy()) != ()


def test_threads_share_a_detector(yunet: YuNet, shared: Path) -> None:
    images = [picture(shared, name) for name in (*ONE_FACE, TWELVE_FACES)] * 8
    alone = [yunet.detect(image) for image in images[:3]] * 8
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(yunet.detect, images)) == alone


def test_picture_is_not_written_to(yunet: YuNet, shared: Path) -> None:
    image = picture(shared, "astronaut.png")
    image.flags.writeable = False
    before = image.copy()
    yunet.detect(image)
    np.testing.assert_array_equal(image, before)


def test_max_faces_keeps_the_most_certain(model: Path, shared: Path) -> None:
    image = picture(shared, TWELVE_FACES)
    everyone = YuNet(model, DetectorConfig()).detect(image)
    assert YuNet(model, DetectorConfig(max_faces=3)).detect(image) == everyone[:3]


def test_min_face_counts_pixels_of_the_full_frame(model: Path, shared: Path) -> None:
    image = picture(shared, TWELVE_FACES)
    side = sorted(_side(face) for face in YuNet(model, DetectorConfig()).detect(image))[6]
    least = int(np.ceil(side))
    kept = YuNet(model, DetectorConfig(min_face=least)).detect(image)
    assert 0 < len(kept) < 12
    assert min(_side(face) for face in kept) >= least


def test_min_score_is_the_least_score(model: Path, shared: Path) -> None:
    image = picture(shared, TWELVE_FACES)
    scores = [face.score for face in YuNet(model, DetectorConfig(min_score=0.05)).detect(image)]
    strict = YuNet(model, DetectorConfig(min_score=0.93)).detect(image)
    assert [face.score for face in strict] == [score for score in scores if score >= 0.93]


def _side(face: Face) -> float:
    return min(face.box.width, face.box.height)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        None,
    ],
    ids=["grey", "four channels", "float", "empty", "none"],
)
def test_what_is_no_picture_is_refused(yunet: YuNet, image: Image) -> None:
    with pytest.raises(SourceError, match=r"detectors take \(H, W, 3\) uint8"):
        yunet.detect(image)


def test_fixed_graph_finds_what_the_dynamic_one_finds(
    model: Path, fixed_model: Path, shared: Path
) -> None:
    config = DetectorConfig(size=640)
    for name in (*ONE_FACE, TWELVE_FACES):
        image = picture(shared, name)
        fixed, dynamic = (YuNet(path, config).detect(image) for path in (fixed_model, model))
        assert len(fixed) == len(dynamic) > 0
        for one in fixed:
            assert max(one.box.iou(other.box) for other in dynamic) > 0.95


def test_fixed_graph_refuses_another_size_and_names_its_own(fixed_model: Path) -> None:
    with pytest.raises(ConfigError, match=r"size is 320.*640x640.*edgefer pull yunet"):
        YuNet(fixed_model, DetectorConfig(size=320))


def test_model_that_is_no_yunet_is_refused(shared: Path) -> None:
    other = shared / "models" / "facial_expression_recognition_mobilefacenet_2022july_int8.onnx"
    with pytest.raises(ModelError, match="not a YuNet"):
        YuNet(other, DetectorConfig())


def test_closed_detector_says_so(model: Path) -> None:
    detector = YuNet(model, DetectorConfig())
    detector.close()
    detector.close()
    with pytest.raises(InferenceError, match="closed"):
        detector.detect(np.zeros((8, 8, 3), np.uint8))
