from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import ConfigError, OutputError
from edgefer_export import charts
from edgefer_export.calibration import Reliability


def picture(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


def coloured(image: NDArray[np.uint8], hex_rgb: str) -> int:
    """Pixels of exactly that colour."""
    rgb = [int(hex_rgb[i : i + 2], 16) for i in (1, 3, 5)]
    return int((image == rgb[::-1]).all(axis=2).sum())


def test_every_series_is_drawn_in_its_colour(tmp_path: Path) -> None:
    path = tmp_path / "lines.png"
    some = {"train": ([1, 2, 3], [0.2, float("nan"), 0.5]), "public": ([1, 2], [0.1, 0.3])}
    charts.lines(path, "t", "epoch", "accuracy (%)", some, "digest 0123456789ab")
    image = picture(path)
    assert coloured(image, charts.COLOURS[0]) > 20
    assert coloured(image, charts.COLOURS[1]) > 20
    assert coloured(image, charts.COLOURS[2]) == 0


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        charts.lines(tmp_path / name, "t", "x", "y", {"s": ([1, 2], [3, 4])}, "f")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        charts.lines(tmp_path / "a.png", "t", "x", "y", {"train": ([], [])})


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        charts.lines(tmp_path / "no" / "a.png", "t", "x", "y", {"s": ([1], [1])})


def test_confusion_is_coloured_by_the_share_of_the_row(tmp_path: Path) -> None:
    """A full row is as dark with 2 rows as with 2,000, and a label without rows stays pale."""
    charts.confusion(tmp_path / "few.png", "t", ("a", "b"), [[2, 0], [0, 2]])
    charts.confusion(tmp_path / "many.png", "t", ("a", "b"), [[2000, 0], [0, 2000]])
    charts.confusion(tmp_path / "none.png", "t", ("a", "b"), [[2, 0], [0, 0]])
    darkest = "#08306b"  # matplotlib's "Blues" at 1
    few, many, none = (coloured(picture(p), darkest) for p in sorted(tmp_path.iterdir()))
    assert many > 10_000
    assert few == pytest.approx(many, rel=0.1)
    assert none < 0.6 * many


def test_too_sure_and_not_sure_enough_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "reliability.png"
    timid = Reliability((3, 4), (0.3, 0.8), (0.5, 0.9))
    bold = Reliability((0, 4), (float("nan"), 0.9), (float("nan"), 0.5))
    charts.reliability(path, "t", {"timid": timid, "bold": bold})
    image = picture(path)
    left, right = np.array_split(image[200:], 2, axis=1)  # below the legend
    assert coloured(left, charts.COLOURS[4]) > 500
    assert coloured(right, charts.COLOURS[4]) == 0
    assert coloured(right, "#f0b48a") > 500


def test_no_global_state_of_matplotlib_is_used() -> None:
    assert "matplotlib.pyplot" not in sys.modules
