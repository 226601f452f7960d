"""A camera that gives more frames than two stages can take: how old is what comes out?

    python -m benchmarks.overload [--rounds 5] [--frames 100] [--seconds 3]

The stages of `benchmarks.exclusive`, 12.8 and 55.6 ms on a device each, can take 18 frames a second
of the camera's 30. A frame's age is held against the time that its own stages took. It cannot be
1: the newest picture is 0 to 33 ms old when it is taken, so half of that is in the median.

The same as the daemon has it, with models that its cameras share: there the age is held against
what the stages take by themselves, as a stage's time holds the wait for others, and everything
against the same without pacing, in the same round.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import Claim, in_turns, report
from benchmarks.exclusive import CLASSIFICATION, DETECTION, Waiting
from edgefer.bench.clip import PacedReplay, load_clip
from edgefer.classifier import Classifier
from edgefer.data import Box, Face, Image
from edgefer.engines.shared import TakingTurns, share
from edgefer.pipeline import run
from edgefer.protocols import Detector
from edgefer.spec import EXPRESSIONS
from edgefer.timing import Tally, clock, percentile
from edgefer.workers import Classifying

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


class Scene(NamedTuple):
    """Cameras that share a detector and an engine; each device takes one call at a time."""

    name: str
    cameras: int
    workers: int
    """Of each camera."""
    detection: float = DETECTION
    call: float = 0.9 * CLASSIFICATION
    face: float = 0.1 * CLASSIFICATION
    """Seconds; batches pay where a call costs much and a face in it little."""

    @property
    def least(self) -> float:
        """Seconds that a frame takes which waits for nothing, in a batch with all others'."""
        return self.detection + self.call + self.cameras * self.face


SCENES = (
    Scene("one camera, 2 workers", 1, 2),
    Scene("one camera, 4 workers", 1, 4),
    Scene("the same where batches do not pay", 1, 4, call=0.1 * CLASSIFICATION,
          face=0.9 * CLASSIFICATION),
    Scene("2 cameras", 2, 2),
    Scene("4 cameras", 4, 2),
    Scene("one camera, slow detector", 1, 2, 0.05, 0.004, 0.001),
    Scene("2 cameras, slow detector", 2, 2, 0.05, 0.004, 0.001),
    Scene("2 cameras, fast stages", 2, 2, 0.001, 0.001, 0.0002),
)  # fmt: skip
GOALS = {
    "one camera, 2 workers": "<= 0.75",
    "the same where batches do not pay": "<= 0.5",
    "one camera, slow detector": "<= 0.75",
    "2 cameras, slow detector": "<= 0.65",
}
"""Of the age, paced / not; elsewhere it may not be more, within what it differs by itself."""


class Stages(Waiting):
    """A detector and an engine with the costs of a scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:
        time.sleep(self._scene.detection)
        height, width = image_bgr.shape[:2]
        return (Face(Box(0, 0, width, height), 1.0),)

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        time.sleep(self._scene.call + self._scene.face * len(batch))
        return np.zeros((len(batch), len(EXPRESSIONS)), np.float32)


class Unpaced:
    """Shared stages that do not tell when they will be free."""

    name, exclusive = "emulated", False

    def __init__(self, detector: Detector, classifier: Classifying) -> None:
        self.detect, self.classify = detector.detect, classifier.classify

    def close(self) -> None:
        """Nothing is held."""


class Seen(NamedTuple):
    """Of all cameras of a scene."""

    fps: float
    age: float
    """Seconds, the median."""


def sharing(scene: Scene, seconds: float, *, paced: bool) -> Seen:
    """All cameras of a scene side by side; the first half second is not counted."""
    ages: list[float] = []
    detector, classifier = TakingTurns(Stages(scene)), Classifier(share(Stages(scene)))
    unpaced = Unpaced(detector, classifier)
    clip = load_clip("test://?width=128&height=96", 8)

    async def carry(camera: int, begin: float) -> None:
        await asyncio.sleep(camera / scene.cameras / FPS)  # no two give a frame at the same time
        source = PacedReplay(clip, FPS)
        stages = (detector, classifier) if paced else (unpaced, unpaced)
        async with aclosing(run(source, *stages, workers=scene.workers)) as readings:
            async for reading in readings:
                if reading.published > begin + seconds:
                    break
                if reading.published > begin:
                    ages.append(reading.age)

    async def all_of_them() -> None:
        begin = clock() + 0.5
        await asyncio.gather(*(carry(n, begin) for n in range(scene.cameras)))

    asyncio.run(all_of_them())
    return Seen(len(ages) / seconds, percentile(ages, 50))


class Sharing:
    """A scene, paced and not, in the rounds of `in_turns`."""

    def __init__(self, scene: Scene, seconds: float) -> None:
        self.scene, self._seconds = scene, seconds
        self._paced: list[Seen] = []
        self._unpaced: list[Seen] = []

    def once(self) -> float:
        """A round; the total's ratio."""
        self._paced.append(sharing(self.scene, self._seconds, paced=True))
        self._unpaced.append(sharing(self.scene, self._seconds, paced=False))
        return self._paced[-1].fps / self._unpaced[-1].fps

    def claims(self, rates: tuple[float, ...], how: str) -> list[Claim]:
        scene, paced, unpaced = self.scene, self._paced[1:], self._unpaced[1:]
        name = f"shared, {scene.name}"
        detection, call, face = (
            f"{1000 * cost:.1f}" for cost in (scene.detection, scene.call, scene.face)
        )
        how = (
            f"stages emulated by waiting, {detection} ms in turns and {call} ms a call with {face} "
            f"a face; {scene.workers} workers a camera of {FPS:g} FPS; {how}; medians: "
        )
        fps, ages = self._medians(lambda seen: seen.fps), self._medians(lambda seen: seen.age)
        times = tuple(seen.age / scene.least for seen in paced)
        ratios = tuple(a.age / b.age for a, b in zip(paced, unpaced, strict=True))
        found = [
            Claim(f"{name}, paced / not: total FPS", ">= 0.97", "x", rates,
                  f"{how}{fps[0]:.1f} against {fps[1]:.1f} FPS"),
            Claim(f"{name}, paced / not: p50 age", GOALS.get(scene.name, "<= 1.05"), "x", ratios,
                  f"{how}{1000 * ages[0]:.0f} against {1000 * ages[1]:.0f} ms"),
        ]  # fmt: skip
        # Of a shorter sum, half of the camera's period alone is more than a quarter.
        if scene.cameras == 1 and scene.name in GOALS and scene.least > 2 / FPS:
            found.append(Claim(f"{name}: p50 age / the sum of the stages", "<= 1.25", "x", times,
                               f"{how}{1000 * ages[0]:.0f} ms"))  # fmt: skip
        return found

    def _medians(self, of: Callable[[Seen], float]) -> tuple[float, float]:
        """Paced, and not."""
        paced, unpaced = (
            percentile([of(seen) for seen in way[1:]], 50) for way in (self._paced, self._unpaced)
        )
        return paced, unpaced


def main(rounds: int = 5, frames: int = 100, seconds: float = 3.0) -> None:
    series = {workers: Series(frames, workers) for workers in (2, 4)}
    shared = {scene.name: Sharing(scene, seconds) for scene in SCENES}
    cases = {str(n): one.once for n, one in series.items()}
    found = in_turns(cases | {name: one.once for name, one in shared.items()}, rounds)
    how = (
        f"stages emulated by waiting, {DETECTION * 1000:.1f} and {CLASSIFICATION * 1000:.1f} ms, "
        f"exclusive; a camera of {FPS:g} FPS; {rounds} rounds of {frames} frames, {WARM_UP} before "
        "them and one round discarded"
    )
    claims = []
    for n, own in series.items():
        claims += [
            Claim(f"overloaded, {n} workers: p50 age / the sum of the stages", "<= 1.25", "x",
                  found[str(n)], how),
            Claim(f"overloaded, {n} workers: total / min(stage), FPS", ">= 0.95", "",
                  own.shares(), how),
        ]  # fmt: skip
    how = f"{rounds} rounds of {seconds:g} s in turns, one round discarded"
    for name, one in shared.items():
        claims += one.claims(found[name], how)
    report("overload", *claims)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=3.0)
    main(**vars(parser.parse_args()))
