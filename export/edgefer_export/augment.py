"""Augmentation of whole batches: one affine warp, light, and a patch erased."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from edgefer.config import setting


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far each random change may go; all zero changes nothing but the size."""

    flip: float = setting(0.5, "probability of a mirror image", least=0, most=1)
    rotation: float = setting(15.0, "degrees to either side", least=0, most=180)
    zoom: float = setting(0.15, "scale 1 - zoom to 1 + zoom", least=0, most=0.9)
    shift: float = setting(0.08, "of the image's side, each way", least=0, most=1)
    light: float = setting(
        0.25, "contrast 1 - light to 1 + light, and half as much brightness", least=0, most=1
    )
    erase: float = setting(
        0.3, "probability that a patch of 10 to 40 % of the side turns grey", least=0, most=1
    )


NONE = Augmentation(0, 0, 0, 0, 0, 0)


def augment(grey: Tensor, size: int, how: Augmentation, rng: torch.Generator) -> Tensor:
    """(N, H, W) uint8 -> (N, 1, size, size) float32 in 0..1, each image changed on its own.

    With `NONE` this is bilinear interpolation with half-pixel centres: what
    `cv2.resize(..., INTER_LINEAR)` does when it enlarges.
    """
    n = len(grey)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=rng) * (high - low) + low

    angle = torch.deg2rad(uniform(-how.rotation, how.rotation))
    scale = 1 / uniform(1 - how.zoom, 1 + how.zoom)
    mirror = torch.where(torch.rand(n, generator=rng) < how.flip, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = torch.cos(angle) * scale * mirror, -torch.sin(angle) * scale
    theta[:, 1, 0], theta[:, 1, 1] = torch.sin(angle) * scale * mirror, torch.cos(angle) * scale
    theta[:, 0, 2] = uniform(-2 * how.shift, 2 * how.shift)
    theta[:, 1, 2] = uniform(-2 * how.shift, 2 * how.shift)
    grid = functional.affine_grid(theta, [n, 1, size, size], align_corners=False)
    pixels = grey.unsqueeze(1).float() / 255
    out = functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)

    contrast = uniform(1 - how.light, 1 + how.light).view(n, 1, 1, 1)
    brightness = uniform(-how.light / 2, how.light / 2).view(n, 1, 1, 1)
    out = ((out - 0.5) * contrast + 0.5 + brightness).clamp_(0, 1)

    side = uniform(0.1, 0.4) * (torch.rand(n, generator=rng) < how.erase)
    left, top = uniform(0, 1) * (1 - side), uniform(0, 1) * (1 - side)
    at = (torch.arange(size) + 0.5) / size
    inside_x = (at >= left[:, None]) & (at < (left + side)[:, None])  # (N, size)
    inside_y = (at >= top[:, None]) & (at < (top + side)[:, None])
    return out.masked_fill_((inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1), 0.5)
