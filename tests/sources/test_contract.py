"""Every kind of source that can be opened here keeps the contract."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.config import SourceConfig
from edgefer.sources import open_source
from tests.contracts import check_source


def video(folder: Path) -> str:
    path = folder / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 30, (64, 48))
    for n in range(8):
        writer.write(np.full((48, 64, 3), 20 * n, np.uint8))
    writer.release()
    return str(path)


def images(folder: Path) -> str:
    for n in range(8):
        cv2.imwrite(str(folder / f"{n}.png"), np.full((48, 64, 3), 20 * n, np.uint8))
    return str(folder)


@pytest.mark.parametrize(
    "url", ["demo://?frames=8", "test://?frames=8", "test://?fps=200", "demo://?fps=100"]
)
def test_drawn_sources(url: str) -> None:
    check_source(open_source(url, SourceConfig(url=url)), at_least=5)


@pytest.mark.parametrize("make", [video, images])
def test_files(make: object, tmp_path: Path) -> None:
    url = make(tmp_path)  # type: ignore[operator]
    check_source(open_source(url, SourceConfig(url=url)), at_least=5)
