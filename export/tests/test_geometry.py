from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgefer.config import DetectorConfig
from edgefer.data import Box, Face, Image, Landmarks
from edgefer.detectors.haar import Haar
from edgefer.detectors.yunet import YuNet
from edgefer.errors import ConfigError
from edgefer_export.data import Split, load_splits
from edgefer_export.geometry import (
    CANVAS,
    CORNER,
    ENLARGED,
    MIN_SCORE,
    frontal,
    measure,
    sample,
    surrounded,
    to_toml,
)
from edgefer_export.recipe import load_recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LEVEL: Landmarks = ((120.0, 130.0), (200.0, 130.0), (160.0, 170.0), (130.0, 210.0), (190.0, 210.0))


class Finds:
    """A detector that finds the same face in every picture."""

    name = "stand-in"
    exclusive = False

    def __init__(self, *faces: Face) -> None:
        self.faces = faces

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        assert image_bgr.shape == (CANVAS, CANVAS, 3)
        return self.faces

    def close(self) -> None:
        """Nothing is open."""


def test_what_is_found_comes_out_in_pixels_of_the_tensor(public: Split) -> None:
    box = Box(CORNER, CORNER, CORNER + ENLARGED, CORNER + ENLARGED)
    half = Box(CORNER, CORNER, CORNER + ENLARGED / 2, CORNER + ENLARGED / 2)
    smaller = Face(Box(0, 0, 10, 10), 1.0)
    found = measure(public, 64, Finds(Face(box, 0.9, LEVEL)), Finds(smaller, Face(half, 1.0)))
    assert (found.rows, found.frontal) == (len(public), len(public))
    assert found.by_landmarks.margin == pytest.approx(0)
    assert found.by_box.margin == pytest.approx(1)
    assert found.by_box.centre == (0.25, 0.25)
    # (120 + 0.5 - 64) / 192 of 64 px, less half a pixel; its mirror image is (200, 130).
    right_eye, left_eye = found.landmarks[:2]
    assert right_eye[0] == pytest.approx(31.5 - (200 - 120) / 192 * 32, abs=0.01)
    assert right_eye[0] + left_eye[0] == pytest.approx(63)
    assert right_eye[1] == pytest.approx((130 + 0.5 - 64) / 192 * 64 - 0.5, abs=0.01)


def test_turned_and_tilted_faces_do_not_count() -> None:
    def moved(index: int, dx: float, dy: float) -> Face:
        points = [list(point) for point in LEVEL]
        points[index][0] += dx
        points[index][1] += dy
        a, b, c, d, e = ((x, y) for x, y in points)
        return Face(Box(0, 0, 1, 1), 1.0, (a, b, c, d, e))

    assert frontal(moved(0, 0, 0))
    assert not frontal(moved(2, 20, 0))  # the nose a quarter of the eye distance aside
    assert not frontal(moved(1, 0, 20))  # 14 degrees
    assert not frontal(moved(1, -160, 0))  # the eyes changed over
    assert not frontal(Face(Box(0, 0, 1, 1), 1.0))


def test_pictures_without_faces_are_refused(public: Split) -> None:
    with pytest.raises(ConfigError, match="frontal face in 0"):
        measure(public, 64, Finds(), Finds())


def test_the_table_reads_back_as_a_recipes_preprocessing(public: Split) -> None:
    box = Box(100, 100, 200, 200)
    found = measure(public, 64, Finds(Face(box, 0.9, LEVEL)), Finds(Face(box, 1.0)))
    table = tomllib.loads(to_toml(found, "a command"))["preprocessing"]
    assert table["margin"] == pytest.approx(found.by_box.margin, abs=1e-3)
    assert tuple(map(tuple, table["landmarks"])) == found.landmarks


def test_the_picture_stands_in_the_middle_of_grey() -> None:
    canvas = surrounded(np.full((48, 48), 200, np.uint8))
    assert canvas[0, 0].tolist() == [128] * 3
    inside = canvas[CORNER : CORNER + ENLARGED, CORNER : CORNER + ENLARGED]
    assert inside.min() == 200
    assert int((canvas == 200).sum()) == 3 * ENLARGED**2


def test_the_recipes_landmarks_are_where_yunet_sees_them(shared: Path) -> None:
    """On 60 pictures; the recipe's figures are from thousands."""
    config = DetectorConfig(size=CANVAS, min_score=MIN_SCORE)
    yunet = YuNet(shared / "models" / "yunet_s_dynamic.onnx", config)
    train = load_splits(shared / "data" / "fer2013_train_public.npz")["train"].faces()
    found = measure(sample(train, 60, seed=1), 64, yunet, Haar(config))
    how = load_recipe("lightweight").input()
    assert how.landmarks is not None
    assert found.frontal >= 20
    assert np.abs(np.array(found.landmarks) - np.array(how.landmarks)).max() < 2
    assert found.by_box.margin == pytest.approx(how.margin, abs=0.08)
