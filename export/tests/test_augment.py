from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from edgefer_export.augment import NONE, Augmentation, augment, beta, blend

GREY = np.random.default_rng(1).integers(0, 256, (3, 48, 48), dtype=np.uint8)
BATCH = torch.from_numpy(GREY).unsqueeze(1)


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("size", [48, 64, 100])
def test_no_augmentation_is_bilinear_enlarging_as_opencv_does_it(size: int) -> None:
    out = augment(BATCH, size, NONE, rng())
    assert out.shape == (3, 1, size, size)
    for ours, image in zip(out.numpy(), GREY, strict=True):
        theirs = cv2.resize(image.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
        np.testing.assert_allclose(ours[0], theirs / 255, atol=1e-3)


def test_a_certain_flip_is_the_mirror_image() -> None:
    out = augment(BATCH, 48, replace(NONE, flip=1.0), rng())
    np.testing.assert_allclose(out[:, 0].numpy(), GREY[:, :, ::-1] / 255, atol=1e-3)


def test_the_same_generator_gives_the_same_pictures_and_another_does_not() -> None:
    first, again, other = (augment(BATCH, 48, Augmentation(), rng(s)) for s in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pixels_stay_between_0_and_1() -> None:
    out = augment(BATCH, 64, Augmentation(light=1.0), rng())
    assert out.min() >= 0
    assert out.max() <= 1


def test_an_erased_patch_covers_at_most_two_fifths_of_the_side() -> None:
    black = torch.zeros(64, 1, 48, 48, dtype=torch.uint8)
    out = augment(black, 50, replace(NONE, erase=1.0), rng())[:, 0]
    for picture in out:
        columns, rows = picture.amax(0) > 0, picture.amax(1) > 0
        assert 4 <= int(columns.sum()) <= 21
        assert 4 <= int(rows.sum()) <= 21
        assert bool((picture[rows][:, columns] == 0.5).all())


def test_shear_moves_rows_sideways_and_leaves_the_middle_row() -> None:
    picture = torch.zeros(64, 1, 49, 49, dtype=torch.uint8)
    picture[..., 24] = 255  # an upright line
    out = augment(picture, 49, replace(NONE, shear=20.0), rng())[:, 0]
    at = (out * torch.arange(49.0)).sum(2) / out.sum(2)  # (N, 49): where each row has the line
    np.testing.assert_allclose(at[:, 24].numpy(), 24, atol=0.1)
    leaning = (at[:, 40] - at[:, 8]) / 32
    assert float(leaning.abs().max()) <= np.tan(np.deg2rad(20)) * 1.1
    assert float(leaning.std()) > 0.05


def test_colour_changes_channels_apart_and_light_together() -> None:
    flat = torch.full((8, 3, 32, 32), 200, dtype=torch.uint8)
    for how, apart in ((replace(NONE, colour=0.5), True), (replace(NONE, light=0.5), False)):
        means = augment(flat, 32, how, rng()).mean((2, 3))  # (N, 3)
        assert bool((means.std(1) > 0.005).all()) == apart


def test_beta_has_its_mean_and_variance() -> None:
    for alpha in (0.2, 1.0, 2.0):
        generator = rng()
        draws = np.array([beta(alpha, generator) for _ in range(4000)])
        assert draws.mean() == pytest.approx(0.5, abs=0.02)
        assert draws.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.08)


def test_mixup_blends_pictures_and_targets_in_the_same_shares() -> None:
    targets = torch.eye(4)
    pictures = targets.view(4, 4, 1, 1).expand(-1, -1, 8, 8)  # channel k is 1 where class k is
    x, mixed = blend(pictures, targets, mixup=1.0, cutmix=0.0, rng=rng(1))
    assert torch.allclose(x[:, :, 0, 0], mixed)
    assert torch.allclose(mixed.sum(1), torch.ones(4))
    assert not torch.equal(mixed, targets)


def test_cutmix_exchanges_a_patch_whose_area_is_the_share_of_its_target() -> None:
    targets = torch.eye(4)
    pictures = targets.view(4, 4, 1, 1).expand(-1, -1, 20, 20)
    x, mixed = blend(pictures, targets, mixup=0.0, cutmix=1.0, rng=rng(1))
    assert set(x.flatten().tolist()) == {0.0, 1.0}
    assert torch.allclose(x.mean((2, 3)), mixed)
    assert not torch.equal(mixed, targets)


def test_without_alphas_a_batch_is_left_alone() -> None:
    pictures, targets = torch.rand(2, 1, 4, 4), torch.eye(2)
    x, same = blend(pictures, targets, 0.0, 0.0, rng())
    assert x is pictures
    assert same is targets
