"""Faces that are followed, or taken from a picture that did not change: how much faster, how right?

    python -m benchmarks.following [--rounds 7] [--frames 240] [--detector auto]

Three drawn people move about (demo://), forth and back, stamped as by a camera of 30 frames a
second and carried as fast as it goes. What a frame that is not searched says is held against what
detection finds in the same frame: by overlap (IoU), and by the share of the same most probable
expression of the frame alone. A face that was found and not followed counts as 0 in both.

The motion gate sees that clip, and one picture of it that repeats with the noise of a sensor.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.claims import Claim, in_turns, report
from edgefer.bench.clip import Clip, Replay, load_clip
from edgefer.classifier import Classifier
from edgefer.config import DetectorConfig, EngineConfig, PipelineConfig, TrackingConfig
from edgefer.data import Expression, Face, Frame, Look, Reading, StageTimes
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.following import Following
from edgefer.pipeline import run
from edgefer.protocols import Detector
from edgefer.timing import clock, ratio
from edgefer.workers import default_workers

PEOPLE = "demo://?seed=1&start=380"
CLIP_FRAMES = 90
FPS = 30.0
EVERY = (1, 2, 3, 5)
STILL = 0.002
"""The share of the pixels that the configuration's own text gives as an example."""
NOISE = 5.0
"""Standard deviation of the still clip's noise, grey levels: a sensor in a dim room."""


class Camera(Replay):
    """The clip forth and back, without a leap; its frames bear a camera's times."""

    def __init__(self, clip: Clip, frames: int) -> None:
        super().__init__(there_and_back(clip), frames)

    def read(self) -> Frame | None:
        frame = super().read()
        return frame and Frame(frame.image_bgr, frame.sequence, frame.sequence / FPS)


def there_and_back(clip: Clip) -> Clip:
    return Clip(clip.url, clip.images + clip.images[-2:0:-1], clip.sha256)


def still(clip: Clip) -> Clip:
    """The clip's first picture, again and again, with the noise of a sensor."""
    rng = np.random.default_rng(0)
    first = clip.images[0].astype(np.float32)
    noisy = (first + rng.normal(0, NOISE, first.shape) for _ in range(8))
    images = tuple(np.clip(image, 0, 255).astype(np.uint8) for image in noisy)
    return Clip(clip.url, images, clip.sha256)


@dataclass(frozen=True, slots=True)
class Run:
    """One run over a clip."""

    fps: float
    looks: Counter[Look]
    readings: list[Reading]

    @property
    def skipped(self) -> float:
        """Share of the frames that were not searched."""
        return 1 - self.looks["detect"] / len(self.readings)


def carried(clip: Clip, frames: int, models: tuple[Detector, Classifier], **how: float) -> Run:
    """`how`: settings of [pipeline]."""

    async def carry() -> Run:
        config = PipelineConfig(**how)  # type: ignore[arg-type]  # they differ in type
        one = Following(config, TrackingConfig(), workers=default_workers(), live=False)
        began = clock()
        readings = run(Camera(clip, frames), *models, following=one)
        async with aclosing(readings):
            found = [reading async for reading in readings]
        return Run(frames / (clock() - began), one.looks, found)

    return asyncio.run(carry())


def agreement(found: Run, followed: Run) -> tuple[float, float]:
    """Mean overlap with the faces that detection finds, and the share of the same expression; of
    the frames that were not searched."""
    overlaps, same = [], []
    for right, told in zip(found.readings, followed.readings, strict=True):
        if told.look == "detect":
            continue
        for face, expression in zip(right.faces, right.expressions, strict=True):
            overlap, nearest = _nearest(face, told)
            overlaps.append(overlap)
            same.append(nearest is not None and nearest.label == expression.label)
    return ratio(sum(overlaps), len(overlaps)), ratio(sum(same), len(same))


def _nearest(face: Face, told: Reading) -> tuple[float, Expression | None]:
    pairs = zip(told.faces, told.expressions, strict=True)
    overlaps = [(one.box.iou(face.box), expression) for one, expression in pairs]
    best = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
    return best if best[0] > 0 else (0.0, None)


def gate_us(clip: Clip, frames: int) -> float:
    """Processor time of a decision by the gate, beyond that of one without it."""
    spent = {}
    for share in (0.0, STILL):
        config = PipelineConfig(still=share)
        one = Following(config, TrackingConfig(hits=1), workers=1, live=False)
        source, spent[share] = Camera(clip, frames), 0.0
        while (frame := source.read()) is not None:
            began = time.process_time()
            plan = one.plan(frame)
            spent[share] += time.process_time() - began
            one.seen(plan, _nobody(frame, plan.look))
    return (spent[STILL] - spent[0.0]) / frames * 1e6


def _nobody(frame: Frame, look: Look) -> Reading:
    height, width = frame.image_bgr.shape[:2]
    at, times = frame.captured, StageTimes(0.0, 0.0, 0.0)
    return Reading(frame.sequence, at, at, (width, height), (), (), times, look=look)


class Case:
    """One way to carry one clip, and its runs."""

    def __init__(self, clip: Clip, **how: float) -> None:
        self._clip, self._how = clip, how
        self._runs: list[Run] = []

    def once(self, frames: int, models: tuple[Detector, Classifier]) -> float:
        """A round; its total FPS."""
        self._runs.append(carried(self._clip, frames, models, **self._how))
        return self._runs[-1].fps

    @property
    def runs(self) -> tuple[Run, ...]:
        """Without the discarded round's."""
        return tuple(self._runs[1:])

    @property
    def skipped(self) -> tuple[float, ...]:
        return tuple(one.skipped for one in self.runs)


def main(rounds: int = 7, frames: int = 240, detector: str = "auto") -> None:
    clip = load_clip(PEOPLE, CLIP_FRAMES)
    quiet = still(clip)
    with closing(open_detector(DetectorConfig(name=detector))) as finder, \
            closing(open_engine(EngineConfig())) as engine:  # fmt: skip
        models = finder, Classifier(engine)
        cases = {f"every {n}": Case(clip, detect_every=n) for n in EVERY}
        cases["moving, gate"] = Case(clip, still=STILL)
        cases["still, no gate"] = Case(quiet)
        cases["still, gate"] = Case(quiet, still=STILL)
        turns: dict[str, Callable[[], float]] = {
            name: partial(case.once, frames, models) for name, case in cases.items()
        }
        found = in_turns(turns | {"gate": partial(gate_us, clip, frames)}, rounds)
        how = (
            f"{finder.name}, {engine.spec.name}, {engine.runtime}, {default_workers()} workers; "
            f"{PEOPLE}, {CLIP_FRAMES} frames forth and back; {rounds} rounds of {frames} frames "
            "in turns, one round discarded"
        )
        made = claims(found, cases, how)
        medians = {claim.name: claim.median for claim in made}
        skipped = {name: case.skipped[0] for name, case in cases.items()}
        report("following", *made, how=how, medians=medians, skipped=skipped)


def claims(
    found: Mapping[str, tuple[float, ...]], cases: Mapping[str, Case], how: str
) -> list[Claim]:
    """From the rounds."""

    def over(top: str, bottom: str) -> tuple[float, ...]:
        return tuple(a / b for a, b in zip(found[top], found[bottom], strict=True))

    made = []
    goals = {2: (1.1, 0.8, 0.9), 3: (1.15, 0.75, 0.9), 5: (1.2, 0.7, 0.85)}
    for n, (faster, overlap, same) in goals.items():
        case = cases[f"every {n}"]
        rounds = zip(cases["every 1"].runs, case.runs, strict=True)
        overlaps, sames = zip(*(agreement(right, told) for right, told in rounds), strict=True)
        name, told = f"searched every {n} frames", f"{how}; {case.skipped[0]:.0%} were not searched"
        made += [
            Claim(f"{name} / each: total FPS", f">= {faster}", "x",
                  over(f"every {n}", "every 1"), told),
            Claim(f"{name}: IoU with what detection finds", f">= {overlap}", "", overlaps, told),
            Claim(f"{name}: the same expression", f">= {same}", "", sames, told),
        ]  # fmt: skip
    noisy = f"{how}; the still clip's noise is {NOISE:g} grey levels"
    return [
        *made,
        Claim("motion gate, still clip: share not searched", ">= 0.9", "",
              cases["still, gate"].skipped, noisy),
        Claim("motion gate, moving clip: share not searched", "<= 0.1", "",
              cases["moving, gate"].skipped, how),
        Claim("motion gate / none, still clip: total FPS", ">= 1.2", "x",
              over("still, gate", "still, no gate"), noisy),
        Claim("motion gate / none, moving clip: total FPS", ">= 0.95", "x",
              over("moving, gate", "every 1"), how),
        Claim("motion gate's own cost", "<= 100", "us CPU a frame", found["gate"],
              f"{how}; of 640x480; a decision with the gate less one without"),
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--detector", choices=["auto", "yunet", "haar"], default="auto")
    main(**vars(parser.parse_args()))
