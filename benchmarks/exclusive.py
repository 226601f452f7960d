"""Two stages that own a device each: how near does the pipeline come to the slower one?

    python -m benchmarks.exclusive [--rounds 5] [--frames 100]

The stages wait as long as the 2024 paper's take on a Jetson Nano (12.8 ms to detect, 55.6 ms
to classify: 78 and 18 FPS), one frame at a time: an emulation, for no such device is here. One
loop reaches 14.6 FPS with them; 18.0 is the most that any structure can.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import Claim, in_turns, report
from edgefer.classifier import Classifier
from edgefer.config import SourceConfig
from edgefer.data import Box, Face, Image
from edgefer.pipeline import run
from edgefer.sources import open_source
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing
from edgefer.timing import Tally

DETECTION, CLASSIFICATION = 1 / 78, 1 / 18
"""Seconds; the paper's Table 1, row "Proposed"."""


class Waiting:
    """A detector and an engine that keep their devices busy and the cores idle."""

    name, runtime, exclusive = "emulated", "emulated", True
    spec = ModelSpec("emulated", EXPRESSIONS, Preprocessing(64, 64))

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        time.sleep(DETECTION)
        return (Face(Box(0, 0, image_bgr.shape[1], image_bgr.shape[0]), 1.0),)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        time.sleep(CLASSIFICATION)
        return np.zeros((len(batch), len(EXPRESSIONS)), np.float32)

    def close(self) -> None:
        """Nothing is held."""


async def share_of_the_slower_stage(frames: int, workers: int) -> float:
    """Total FPS over the slower stage's own FPS, both measured in the same run."""
    tally = Tally()
    stages = Waiting()
    url = f"test://?frames={frames}&width=128&height=96"
    source = open_source(url, SourceConfig(url=url))
    async for reading in run(source, stages, Classifier(stages), workers=workers):
        tally.add(reading)
    rates = tally.rates()
    return rates.total / min(rates.detection, rates.classification)


def main(rounds: int = 5, frames: int = 100, workers: int = 2) -> None:
    cases = {"pipeline": lambda: asyncio.run(share_of_the_slower_stage(frames, workers))}
    shares = in_turns(cases, rounds)["pipeline"]
    how = (
        f"stages emulated by waiting, {DETECTION * 1000:.1f} and {CLASSIFICATION * 1000:.1f} ms, "
        f"exclusive; {workers} workers; {rounds} rounds of {frames} frames, one round discarded"
    )
    report("exclusive", Claim("total / min(stage), FPS", ">= 0.98", "", shares, how))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    main(**vars(parser.parse_args()))
