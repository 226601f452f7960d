from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.data import Box, Face, Image, Landmarks
from edgefer.preprocessing import align, normalise, placement, planes, tensor, warp
from edgefer.spec import Plane, Preprocessing

PLAIN = Preprocessing(64, 64, mean=(0, 0, 0), std=(1, 1, 1))
POINTS = ((19.8, 24.3), (44.2, 24.3), (32.0, 37.8), (22.0, 49.0), (42.0, 49.0))
ALIGNED = Preprocessing(64, 64, mean=(0, 0, 0), std=(1, 1, 1), landmarks=POINTS)


def picture(height: int, width: int, seed: int = 0, grain: int = 8) -> Image:
    """Coloured blobs of `grain` pixels, so that a shift shows."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height // grain + 1, width // grain + 1, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def test_a_whole_small_picture_is_enlarged_as_resize_does() -> None:
    image = picture(48, 48)
    out = tensor(image, [Face(Box(0, 0, 48, 48), 1.0)], PLAIN)
    wanted = cv2.resize(image, (64, 64), interpolation=cv2.INTER_LINEAR)[..., ::-1] / 255
    # warpAffine interpolates in steps of 1/32 pixel.
    assert np.abs(out[0].transpose(1, 2, 0) - wanted).max() < 0.04
    assert np.abs(out[0].transpose(1, 2, 0) - wanted).mean() < 0.004


def test_a_large_face_is_averaged_not_picked() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255  # at a tenth of the size every stripe is half black, half white
    out = tensor(stripes, [Face(Box(0, 0, 640, 640), 1.0)], PLAIN)
    assert np.abs(out - 0.5).max() < 0.02


@pytest.mark.parametrize("side", [100, 130, 191, 300])
def test_shrinking_does_not_shift(side: int) -> None:
    image = picture(400, 400, seed=side, grain=20)
    box = Box(37, 53, 37 + side, 53 + side)
    out = tensor(image, [Face(box, 1.0)], PLAIN)[0].transpose(1, 2, 0)
    part = image[53 : 53 + side, 37 : 37 + side]
    wanted = cv2.resize(part, (64, 64), interpolation=cv2.INTER_AREA)[..., ::-1] / 255
    off = np.abs(out - wanted).mean()
    assert off < 0.01
    assert np.abs(out - np.roll(wanted, 1, axis=1)).mean() > 3 * off


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 7])
def test_shrinking_averages_as_opencv_does_to_the_last_digit(factor: int) -> None:
    noise = np.random.default_rng(factor).integers(0, 256, (16 * factor, 16 * factor, 3), np.uint8)
    small = cv2.resize(noise, (16, 16), interpolation=cv2.INTER_AREA)
    same = np.array(
        [[1 / factor, 0, 1 / (2 * factor) - 0.5], [0, 1 / factor, 1 / (2 * factor) - 0.5]]
    )
    out = np.empty((16, 16, 3), np.uint8)
    warp(noise, same, out)
    np.testing.assert_array_equal(out, small)


def test_beyond_the_edge_the_edge_repeats() -> None:
    image = np.full((50, 50, 3), 200, np.uint8)
    for box in (Box(-30, -30, 20, 20), Box(30, 30, 90, 90), Box(-500, -500, -400, -400)):
        out = tensor(image, [Face(box, 1.0)], PLAIN)
        assert np.allclose(out, 200 / 255, atol=1e-6)


def test_a_box_that_is_not_square_is_not_distorted() -> None:
    affine = placement(Face(Box(10, 0, 30, 40), 1.0), PLAIN)
    assert affine[0, 0] == affine[1, 1] == 64 / 40
    wide = Preprocessing(64, 64, margin=0.25)
    assert placement(Face(Box(0, 0, 40, 40), 1.0), wide)[0, 0] == 64 / 50


@given(
    angle=st.floats(-math.pi, math.pi),
    scale=st.floats(0.05, 20),
    dx=st.floats(-2000, 2000),
    dy=st.floats(-2000, 2000),
)
def test_alignment_finds_the_similarity_that_was_applied(
    angle: float, scale: float, dx: float, dy: float
) -> None:
    turn = scale * complex(math.cos(angle), math.sin(angle))
    moved = [complex(x, y) * turn + complex(dx, dy) for x, y in POINTS]
    found: Landmarks = tuple((z.real, z.imag) for z in moved)  # type: ignore[assignment]
    affine = align(found, POINTS)
    back = np.array([affine @ (x, y, 1) for x, y in found])
    assert np.allclose(back, POINTS, atol=1e-5)


def test_a_turned_face_comes_out_upright() -> None:
    upright = picture(200, 200, seed=3)
    eyes: Landmarks = tuple((x + 60, y + 60) for x, y in POINTS)  # type: ignore[assignment]
    straight = tensor(upright, [Face(Box(60, 60, 124, 124), 1.0, eyes)], ALIGNED)
    turn = cv2.getRotationMatrix2D((100, 100), 25, 1)
    turned = np.asarray(cv2.warpAffine(upright, turn, (200, 200)), np.uint8)
    points: Landmarks = tuple(map(tuple, [turn @ (x, y, 1) for x, y in eyes]))  # type: ignore
    again = tensor(turned, [Face(Box(60, 60, 124, 124), 1.0, points)], ALIGNED)
    assert np.abs(straight - again).mean() < 0.02


def test_five_landmarks_on_one_spot_do_not_break() -> None:
    spot: Landmarks = ((9, 9), (9, 9), (9, 9), (9, 9), (9, 9))
    assert np.isfinite(tensor(picture(40, 40), [Face(Box(0, 0, 9, 9), 1, spot)], ALIGNED)).all()


@pytest.mark.parametrize(("colour", "first"), [("rgb", 30), ("bgr", 10)])
def test_channels_come_in_the_order_the_spec_names(colour: str, first: int) -> None:
    crops = np.empty((1, 4, 4, 3), np.uint8)
    crops[...] = (10, 20, 30)
    out = normalise(crops, Preprocessing(4, 4, colour=colour, mean=(0, 0, 0), std=(1, 1, 1)))  # type: ignore[arg-type]
    assert out[0, 0, 0, 0] * 255 == pytest.approx(first)


def test_grey_is_the_same_in_three_channels_as_in_one() -> None:
    crops = picture(16, 16)[None]
    one = normalise(crops, Preprocessing(16, 16, 1, "grey", (0.5,), (0.25,)))
    three = normalise(crops, Preprocessing(16, 16, 3, "grey", (0.5,) * 3, (0.25,) * 3))
    assert one.shape == (1, 1, 16, 16)
    for channel in range(3):
        np.testing.assert_array_equal(three[:, channel], one[:, 0])


def test_normalised_golden_values() -> None:
    crops = np.array([0, 51, 128, 255], np.uint8).repeat(3).reshape(1, 2, 2, 3)
    out = normalise(crops, Preprocessing(2, 2, mean=(0.5,) * 3, std=(0.25,) * 3))
    # (x / 255 - 0.5) / 0.25 by hand
    assert np.allclose(out[0, 0].ravel(), [-2.0, -1.2, 0.0078431, 2.0], atol=1e-6)


def steps(*names: Plane, size: int = 48) -> Preprocessing:
    """Grey planes with pixels in 0..1."""
    n = len(names)
    return Preprocessing(size, size, n, "grey", (0.0,) * n, (1.0,) * n, planes=names)


def test_equalising_spreads_two_greys_over_the_whole_range() -> None:
    dull = np.full((8, 8), 100, np.uint8)
    dull[:, 4:] = 101
    (flat,) = planes(dull, ["equalised"])
    # The lowest grey goes to 0, the rest to 255 * (share at or below it).
    assert flat[:, :4].max() == 0
    assert flat[:, 4:].min() == 255


def test_clahe_raises_contrast_less_than_equalising_does() -> None:
    dull = np.random.default_rng(0).normal(120, 10, (48, 48)).clip(0, 255).astype(np.uint8)
    grey, clahe, equalised = planes(dull, ["grey", "clahe", "equalised"])
    assert grey is dull
    assert grey.std() < clahe.std() < equalised.std()


def test_edges_are_those_of_the_plane_before() -> None:
    faint = np.full((32, 32), 120, np.uint8)
    faint[:, 16:] = 130  # a step that Canny's threshold passes over until it is equalised
    assert not planes(faint, ["edges"])[0].any()
    assert not planes(faint, ["equalised", "grey", "edges"])[2].any()
    _, edges = planes(faint, ["equalised", "edges"])
    assert set(np.unique(edges)) == {0, 255}
    columns = np.flatnonzero(edges.any(axis=0))
    assert set(columns) <= {15, 16}
    assert len(columns)


def test_planes_of_each_face_are_made_from_that_face_alone() -> None:
    image = picture(120, 120, seed=5)
    image[:, 60:] //= 4  # a histogram of both faces together would be another one
    faces = [Face(Box(4, 4, 52, 52), 1.0), Face(Box(66, 60, 114, 108), 1.0)]
    how = steps("equalised", "clahe", "edges", "grey")
    both = tensor(image, faces, how)
    assert both.shape == (2, 4, 48, 48)
    for i, face in enumerate(faces):
        np.testing.assert_array_equal(both[i : i + 1], tensor(image, [face], how))


def test_the_tensor_holds_the_planes_that_training_makes_of_the_whole_picture() -> None:
    grey = np.ascontiguousarray(picture(48, 48, seed=2)[..., 0])
    how = steps("clahe", "edges", "grey")
    crops = np.repeat(grey[None, ..., None], 3, axis=3)
    out = normalise(crops, how)
    assert how.planes is not None
    for channel, plane in enumerate(planes(grey, how.planes)):
        np.testing.assert_allclose(out[0, channel] * 255, plane, atol=1e-4)


def test_half_and_half_is_scaling_to_minus_one_and_one() -> None:
    crops = np.array([0, 255], np.uint8).repeat(6).reshape(1, 2, 2, 3)
    out = normalise(crops, Preprocessing(2, 2, 1, "grey", (0.5,), (0.5,)))
    assert out.ravel().tolist() == [-1, -1, 1, 1]


def test_grey_channels_with_their_own_mean_are_not_copies() -> None:
    crops = np.full((1, 2, 2, 3), 51, np.uint8)
    out = normalise(crops, Preprocessing(2, 2, 3, "grey", (0.0, 0.2, 0.2), (1.0, 1.0, 0.5)))
    assert np.allclose(out[0, :, 0, 0], [0.2, 0.0, 0.0])
    out = normalise(crops, Preprocessing(2, 2, 3, "grey", (0.0, 0.1, 0.1), (1.0, 1.0, 0.5)))
    assert np.allclose(out[0, :, 0, 0], [0.2, 0.1, 0.2])


@pytest.mark.parametrize("size", [48, 64, 120])
def test_up_to_120_px_the_clip_of_clahe_is_its_floor(size: int) -> None:
    grey = np.random.default_rng(1).normal(120, 20, (size, size)).clip(0, 255).astype(np.uint8)
    floor = cv2.createCLAHE(0.01, (8, 8)).apply(grey)
    np.testing.assert_array_equal(planes(grey, ["clahe"])[0], floor)
