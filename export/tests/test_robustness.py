from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.spec import ModelSpec, Preprocessing
from edgefer_export.data import Split
from edgefer_export.evaluate import measure_robustness, probabilities
from edgefer_export.evaluate.corruptions import CORRUPTIONS
from edgefer_export.evaluate.robustness import Variant, worst_framing
from edgefer_export.evaluate.tables import framing_line

GREY = Preprocessing(48, 48, channels=1, colour="grey", mean=(0.0,), std=(1.0,))


class Mean:
    """Says "light" of what is brighter than 100 on the whole."""

    exclusive = False
    runtime = "a stand-in"
    spec = ModelSpec("mean", ("dark", "light"), GREY)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        light = 255 * batch.mean(axis=(1, 2, 3)) > 100
        return np.stack((~light, light), axis=1).astype(np.float32)

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def split() -> Split:
    """Forty pictures, half of grey 60, half of grey 140; the last label is wrong."""
    light = np.arange(40) % 2
    images = np.repeat((60 + 80 * light).astype(np.uint8), 48 * 48).reshape(-1, 48, 48)
    labels = light.astype(np.int64)
    labels[-1] = 0
    return Split("test", images, labels, expressions=("dark", "light"))


def test_changes_are_against_the_same_rows_unchanged(split: Split) -> None:
    engine = Mean()
    heard: list[str] = []
    found = {
        v.name: v
        for v in measure_robustness(
            engine, split, probabilities(engine, split), resamples=200, progress=heard.append
        )
    }
    assert heard == [c.name for c in CORRUPTIONS] == list(found)
    # 140 - 50 is dark: nineteen light ones are lost, the wrongly labelled one is won.
    darker = found["brightness -50"]
    assert darker.accuracy == pytest.approx(21 / 40)
    assert darker.change == pytest.approx((-19 + 1) / 40)
    assert darker.interval is not None
    assert darker.interval.low < darker.change < darker.interval.high
    for same in ("contrast x0.5", "blur 1 px", "crop x0.85", "crop x1.15", "rotation +15"):
        assert found[same].change == 0
        assert found[same].accuracy == pytest.approx(39 / 40)
        assert found[same].interval == (0, 0)


def test_the_largest_fall_is_looked_for_where_detectors_frame() -> None:
    def variant(name: str, scale: float, change: float) -> Variant:
        return Variant(name, "", scale, 0.5, change, None)

    some = [
        variant("blur", 1.0, -0.5),
        variant("crop x0.8", 0.8, -0.4),
        variant("crop x0.85", 0.85, -0.02),
        variant("crop x1.15", 1.15, -0.031),
    ]
    worst = worst_framing(some)
    assert worst is not None
    assert worst.name == "crop x1.15"
    assert "-3.1 points, crop x1.15" in framing_line(some)
    assert worst_framing(some[:2]) is None
    assert "unavailable" in framing_line(some[:2])
