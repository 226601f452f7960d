"""A camera that gives more frames than two stages can take: how old is what comes out?

    python -m benchmarks.overload [--rounds 5] [--frames 100]

The stages of `benchmarks.exclusive`, 12.8 and 55.6 ms on a device each, can take 18 frames a second
of the camera's 30. A frame's age is held against the time that its own stages took. It cannot be
1: the newest picture is 0 to 33 ms old when it is taken, so half of that is in the median.
"""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from functools import partial

from benchmarks.claims import Claim, in_turns, report
from benchmarks.exclusive import CLASSIFICATION, DETECTION, Waiting
from edgefer.bench.clip import PacedReplay, load_clip
from edgefer.classifier import Classifier
from edgefer.pipeline import run
from edgefer.timing import Tally

FPS = 30.0
WARM_UP = 10
"""Frames of each run that are not counted."""


def overloaded(frames: int, workers: int) -> Tally:
    """What came out of a camera, after the first frames."""

    async def carry() -> Tally:
        tally, stages, seen = Tally(), Waiting(), 0
        source = PacedReplay(load_clip("test://?width=128&height=96", 8), FPS)
        async with aclosing(run(source, stages, Classifier(stages), workers=workers)) as readings:
            async for reading in readings:
                seen += 1
                if seen > WARM_UP:
                    tally.add(reading)
                if seen == WARM_UP + frames:
                    break
        return tally

    return asyncio.run(carry())


class Series:
    """The runs with so many workers."""

    def __init__(self, frames: int, workers: int) -> None:
        self._run = partial(overloaded, frames, workers)
        self._tallies: list[Tally] = []

    def once(self) -> float:
        """A round; the median age over the sum of the stages."""
        self._tallies.append(self._run())
        return older(self._tallies[-1])

    def shares(self) -> tuple[float, ...]:
        """Of each counted round: total FPS over the slower stage's own."""
        rates = [tally.rates() for tally in self._tallies[1:]]
        return tuple(rate.total / min(rate.detection, rate.classification) for rate in rates)


def older(tally: Tally) -> float:
    """The median age, in times of what the stages took."""
    return tally.percentiles((50,))["age"]["p50"] / 1000 / sum(tally.mean_seconds())


def main(rounds: int = 5, frames: int = 100) -> None:
    series = {workers: Series(frames, workers) for workers in (2, 4)}
    found = in_turns({str(n): one.once for n, one in series.items()}, rounds)
    how = (
        f"stages emulated by waiting, {DETECTION * 1000:.1f} and {CLASSIFICATION * 1000:.1f} ms, "
        f"exclusive; a camera of {FPS:g} FPS; {rounds} rounds of {frames} frames, {WARM_UP} before "
        "them and one round discarded"
    )
    claims = []
    for n, one in series.items():
        claims += [
            Claim(f"overloaded, {n} workers: p50 age / the sum of the stages", "<= 1.25", "x",
                  found[str(n)], how),
            Claim(f"overloaded, {n} workers: total / min(stage), FPS", ">= 0.95", "",
                  one.shares(), how),
        ]  # fmt: skip
    report("overload", *claims)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=100)
    main(**vars(parser.parse_args()))
