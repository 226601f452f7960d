from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from edgefer_export.augment import NONE, Augmentation, augment

GREY = np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [48, 64, 100])
def test_no_augmentation_is_bilinear_enlarging_as_opencv_does_it(size: int) -> None:
    out = augment(torch.from_numpy(GREY), size, NONE, rng())
    assert out.shape == (3, 1, size, size)
    for ours, image in zip(out.numpy(), GREY, strict=True):
        theirs = cv2.resize(image.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(ours[0], theirs / 255, atol=1e-3)


def test_a_certain_flip_is_the_mirror_image() -> None:
    out = augment(torch.from_numpy(GREY), 48, Augmentation(1, 0, 0, 0, 0, 0), rng())
    np.testing.assert_allclose(out[:, 0].numpy(), GREY[:, :, ::-1] / 255, atol=1e-3)


def test_the_same_generator_gives_the_same_pictures_and_another_does_not() -> None:
    images = torch.from_numpy(GREY)
    first, again, other = (augment(images, 48, Augmentation(), rng(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pixels_stay_between_0_and_1() -> None:
    out = augment(torch.from_numpy(GREY), 64, Augmentation(light=1.0), rng())
    assert out.min() >= 0
    assert out.max() <= 1


def test_an_erased_patch_covers_at_most_two_fifths_of_the_side() -> None:
    black = torch.zeros(64, 48, 48, dtype=torch.uint8)
    out = augment(black, 50, Augmentation(0, 0, 0, 0, 0, 1), rng())[:, 0]
    for picture in out:
        columns, rows = picture.amax(0) > 0, picture.amax(1) > 0
        assert 4 <= int(columns.sum()) <= 21
        assert 4 <= int(rows.sum()) <= 21
        assert bool((picture[rows][:, columns] == 0.5).all())
