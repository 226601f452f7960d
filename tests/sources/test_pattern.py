from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgefer.sources.pattern import Pattern, frame_number


@pytest.mark.parametrize("n", [0, 1, 255, 256, 5_000, 2**24 - 1])
@pytest.mark.parametrize(("width", "height"), [(640, 480), (128, 96), (333, 251)])
def test_a_pattern_says_its_number(n: int, width: int, height: int) -> None:
    picture = Pattern(width, height).draw(n)
    assert picture.shape == (height, width, 3)
    assert frame_number(picture) == n


@pytest.mark.parametrize("n", [0, 77, 123_456])
def test_the_number_survives_noise_jpeg_and_resizing(n: int) -> None:
    picture = Pattern(640, 480).draw(n)
    noise = np.random.default_rng(n).normal(0, 30, picture.shape)
    noisy = (picture + noise).clip(0, 255).astype(np.uint8)
    done, packed = cv2.imencode(".jpg", noisy, (cv2.IMWRITE_JPEG_QUALITY, 20))
    assert done
    decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR)
    assert frame_number(decoded) == n  # type: ignore[arg-type]
    assert frame_number(cv2.resize(decoded, (200, 130))) == n  # type: ignore[arg-type]


def test_a_picture_without_a_number_is_told_apart() -> None:
    for value in (0, 127, 255):
        with pytest.raises(ValueError, match="no frame number"):
            frame_number(np.full((480, 640, 3), value, np.uint8))
    one, other = (Pattern(160, 120).draw(n) for n in (1, 6))
    one[:45] = other[:45]  # torn between number and check
    with pytest.raises(ValueError, match="no frame number"):
        frame_number(one)


def test_the_gradient_moves() -> None:
    one, other = (Pattern(160, 120).draw(n)[60:] for n in (0, 1))
    assert not np.array_equal(one, other)
