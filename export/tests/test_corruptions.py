from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.data import Box, Face
from edgefer.preprocessing import tensor
from edgefer.spec import Preprocessing
from edgefer_export.evaluate import tensors
from edgefer_export.evaluate.corruptions import (
    CORRUPTIONS,
    EYES,
    Corruption,
    blurred,
    brighter,
    contrast,
    covered,
    jpeg,
    noisy,
    turned,
)

GREY = Preprocessing(48, 48, channels=1, colour="grey", mean=(0.0,), std=(1.0,))


def plain(value: int, n: int = 2, side: int = 48) -> NDArray[np.uint8]:
    return np.full((n, side, side), value, np.uint8)


def textured(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(60, 190, (3, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_every_corruption_changes_pictures_alike_each_time(corruption: Corruption) -> None:
    for before in (textured(), np.repeat(textured()[..., None], 3, axis=3)):
        kept = before.copy()
        once, again = (tensors(corruption.change(before), GREY, corruption.scale) for _ in range(2))
        np.testing.assert_array_equal(before, kept)
        np.testing.assert_array_equal(once, again)
        assert np.abs(once - tensors(before, GREY)).mean() > 0.01


def test_names_are_told_apart() -> None:
    assert len({c.name for c in CORRUPTIONS}) == len(CORRUPTIONS)


def test_brightness_moves_all_and_stops_at_black_and_white() -> None:
    assert (brighter(plain(100), 50) == 150).all()
    assert (brighter(plain(230), 50) == 255).all()
    assert (brighter(plain(30), -50) == 0).all()


def test_contrast_is_about_each_pictures_own_mean() -> None:
    before = np.stack((plain(50, 1)[0], plain(200, 1)[0]))
    before[:, ::2] += 20
    after = contrast(before, 0.5)
    np.testing.assert_allclose(after.mean(axis=(1, 2)), before.mean(axis=(1, 2)), atol=0.5)
    np.testing.assert_allclose(after.std(axis=(1, 2)), before.std(axis=(1, 2)) / 2, atol=0.5)


@pytest.mark.parametrize("side", [48, 96])
def test_a_dot_is_blurred_in_proportion_to_the_picture(side: int) -> None:
    dot = plain(0, 1, side)
    dot[0, side // 2, side // 2] = 255
    spread = blurred(dot, 1.0)[0].astype(np.float64)
    weights = spread.sum(axis=0) / spread.sum()
    at = np.arange(side) - side // 2
    assert float((weights * at**2).sum()) == pytest.approx((side / 48) ** 2, rel=0.25)


def test_noise_is_as_strong_as_it_says_and_differs_between_pictures() -> None:
    after = noisy(plain(128), 10.0).astype(np.float64)
    assert after.std() == pytest.approx(10, rel=0.03)
    assert after.mean() == pytest.approx(128, abs=0.5)
    assert (after[0] != after[1]).mean() > 0.9


def test_less_quality_is_more_harm() -> None:
    before = textured()
    harm = [np.abs(jpeg(before, q).astype(int) - before).mean() for q in (95, 50, 20)]
    assert 0 < harm[0] < harm[1] < harm[2]


def test_positive_degrees_turn_anticlockwise_about_the_middle() -> None:
    before = plain(0, 1)
    before[0, 23:25, 40:42] = 255  # right of the middle
    left, right = (np.argwhere(turned(before, degrees)[0] > 100) for degrees in (15.0, -15.0))
    assert left[:, 0].mean() == pytest.approx(23.5 - 17 * np.sin(np.radians(15)), abs=0.7)
    assert right[:, 0].mean() == pytest.approx(23.5 + 17 * np.sin(np.radians(15)), abs=0.7)


def test_a_band_is_covered_and_nothing_else() -> None:
    before = textured()
    after = covered(before, EYES)
    rows = (after == 128).all(axis=(0, 2))
    assert np.flatnonzero(rows).tolist() == list(range(13, 23))
    np.testing.assert_array_equal(after[:, ~rows], before[:, ~rows])


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.2])
def test_a_crop_scale_is_a_detectors_box_of_that_size(scale: float) -> None:
    """The same tensor as the device makes of a face whose box is off by that much."""
    image = np.random.default_rng(1).integers(0, 256, (1, 48, 48, 3), dtype=np.uint8)
    out = 24 * (scale - 1)
    face = Face(Box(-out, -out, 48 + out, 48 + out), score=1.0)
    how = Preprocessing(64, 64)
    np.testing.assert_array_equal(tensors(image, how, scale), tensor(image[0], [face], how))


def test_margin_and_landmarks_of_the_model_do_not_move_whole_pictures() -> None:
    five = tuple((float(i), float(i)) for i in range(5))
    loose = Preprocessing(48, 48, margin=0.3, landmarks=five)
    np.testing.assert_array_equal(
        tensors(textured(), loose), tensors(textured(), Preprocessing(48, 48))
    )


def test_a_smaller_box_shows_less_and_a_larger_one_repeats_the_edge() -> None:
    before = plain(0, 1)
    before[0, 12:36, 12:36] = 255
    assert tensors(before, GREY, 0.5)[0, 0, 1:-1, 1:-1].min() == 1
    assert tensors(before, GREY, 2.0)[0, 0, :11].max() == 0
    assert tensors(255 - before, GREY, 2.0)[0, 0, :11].min() == 1
