"""Augmentation of whole batches: one affine warp, light, colour, a patch erased; blending."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edgefer.settings import setting


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far each random change may go; all zero changes nothing but the size."""

    flip: float = setting(0.5, "probability of a mirror image", least=0, most=1)
    rotation: float = setting(15.0, "degrees to either side", least=0, most=180)
    shear: float = setting(0.0, "degrees to either side", least=0, most=45)
    zoom: float = setting(0.15, "scale 1 - zoom to 1 + zoom", least=0, most=0.9)
    shift: float = setting(0.08, "of the image's side, each way", least=0, most=1)
    light: float = setting(
        0.25, "contrast 1 - light to 1 + light, and half as much brightness", least=0, most=1
    )
    colour: float = setting(0.0, "each channel alone by 1 - colour to 1 + colour", least=0, most=1)
    erase: float = setting(
        0.3, "probability that a patch of 10 to 40 % of the side turns grey", least=0, most=1
    )


NONE = Augmentation(0, 0, 0, 0, 0, 0, 0, 0)


def augment(pixels: Tensor, size: int, how: Augmentation, rng: torch.Generator) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C, size, size) float32 in 0..1, each picture changed on its own.

    With `NONE` this is bilinear interpolation with half-pixel centres: what
    `cv2.resize(..., INTER_LINEAR)` does when it enlarges.
    """
    n, channels = pixels.shape[:2]
    device = pixels.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=rng) * (high - low) + low

    angle = torch.deg2rad(uniform(-how.rotation, how.rotation))
    shear = torch.deg2rad(uniform(-how.shear, how.shear)) if how.shear else torch.zeros(n)
    scale = 1 / uniform(1 - how.zoom, 1 + how.zoom)
    mirror = torch.where(torch.rand(n, generator=rng) < how.flip, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * scale * mirror
    theta[:, 0, 1] = -torch.sin(angle + shear) * scale
    theta[:, 1, 0] = torch.sin(angle) * scale * mirror
    theta[:, 1, 1] = torch.cos(angle + shear) * scale
    theta[:, 0, 2] = uniform(-2 * how.shift, 2 * how.shift)
    theta[:, 1, 2] = uniform(-2 * how.shift, 2 * how.shift)
    grid = functional.affine_grid(theta.to(device), [n, channels, size, size], align_corners=False)
    out = functional.grid_sample(
        pixels.float() / 255, grid, padding_mode="border", align_corners=False
    )

    contrast = uniform(1 - how.light, 1 + how.light).view(n, 1, 1, 1)
    brightness = uniform(-how.light / 2, how.light / 2).view(n, 1, 1, 1)
    if how.colour:
        contrast = contrast * (
            1 + how.colour * (2 * torch.rand(n, channels, 1, 1, generator=rng) - 1)
        )
    out = ((out - 0.5) * contrast.to(device) + 0.5 + brightness.to(device)).clamp_(0, 1)

    side = uniform(0.1, 0.4) * (torch.rand(n, generator=rng) < how.erase)
    left, top = uniform(0, 1) * (1 - side), uniform(0, 1) * (1 - side)
    at = (torch.arange(size) + 0.5) / size
    inside_x = (at >= left[:, None]) & (at < (left + side)[:, None])  # (N, size)
    inside_y = (at >= top[:, None]) & (at < (top + side)[:, None])
    patch = (inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)
    return out.masked_fill_(patch.to(device), 0.5)


def blend(
    x: Tensor, targets: Tensor, mixup: float, cutmix: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A batch mixed with itself in another order, and its targets, (N, K), in the same shares.

    Either whole pictures (mixup, Zhang et al. 2018) or a patch of them (cutmix, Yun et al.
    2019); where both alphas are above 0, one of the two by chance for each batch.
    """
    if mixup == 0 == cutmix:
        return x, targets
    whole = cutmix == 0 or (mixup > 0 and float(torch.rand((), generator=rng)) < 0.5)
    share = beta(mixup if whole else cutmix, rng)
    order = torch.randperm(len(x), generator=rng).to(x.device)
    if whole:
        x = share * x + (1 - share) * x[order]
    else:
        height, width = x.shape[2:]
        cut_h, cut_w = (round(side * (1 - share) ** 0.5) for side in (height, width))
        top = int(torch.randint(height - cut_h + 1, (), generator=rng))
        left = int(torch.randint(width - cut_w + 1, (), generator=rng))
        patch = (..., slice(top, top + cut_h), slice(left, left + cut_w))
        x = x.clone()
        x[patch] = x[order][patch]
        share = 1 - cut_h * cut_w / (height * width)
    return x, share * targets + (1 - share) * targets[order]


def beta(alpha: float, rng: torch.Generator) -> float:
    """A draw from Beta(alpha, alpha), alpha above 0; Johnk 1964.

    torch's own Beta takes no generator, and a resumed run must draw the same again.
    """
    while True:
        a, b = (torch.rand(2, generator=rng, dtype=torch.float64) ** (1 / alpha)).tolist()
        if 0 < a + b <= 1:
            return float(a / (a + b))
