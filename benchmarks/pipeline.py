"""The pipeline against one loop over the same detector and classifier.

    python -m benchmarks.pipeline [--rounds 7] [--frames 300] [--detector auto]

The loop is what most programs do: read, detect, classify, again. Both sides see the same clip
held in memory, one thread inside each library, and take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from contextlib import closing

import cv2

from benchmarks.claims import Claim, in_turns, report
from edgefer.bench.clip import Clip, Replay, load_clip
from edgefer.classifier import Classifier
from edgefer.cli.bench import CLIP
from edgefer.config import DetectorConfig, EngineConfig
from edgefer.data import Detected
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.pipeline import default_workers, run
from edgefer.protocols import Detector
from edgefer.timing import clock, percentile


def loop(clip: Clip, detector: Detector, classifier: Classifier, frames: int) -> list[float]:
    """Seconds of each turn of the plain loop."""
    source = Replay(clip, frames)
    seconds: list[float] = []
    while True:
        began = clock()
        frame = source.read()
        if frame is None:
            return seconds
        classifier.classify(Detected(frame, detector.detect(frame.image_bgr)))
        seconds.append(clock() - began)


async def pipeline(
    clip: Clip, detector: Detector, classifier: Classifier, frames: int
) -> tuple[float, list[float]]:
    """Frames a second, and seconds from capture to publication of each."""
    began = clock()
    ages = [reading.age async for reading in run(Replay(clip, frames), detector, classifier)]
    return frames / (clock() - began), ages


def main(rounds: int = 9, frames: int = 300, detector: str = "auto") -> None:
    cv2.setNumThreads(1)
    clip = load_clip(CLIP, 60)
    with closing(open_detector(DetectorConfig(name=detector))) as finder, \
            closing(open_engine(EngineConfig())) as engine:  # fmt: skip
        classifier = Classifier(engine)
        latency: dict[str, list[float]] = {"loop": [], "pipeline": []}

        def plain() -> float:
            seconds = loop(clip, finder, classifier, frames)
            latency["loop"].append(percentile(seconds, 50))
            return frames / sum(seconds)

        def parallel() -> float:
            fps, ages = asyncio.run(pipeline(clip, finder, classifier, frames))
            latency["pipeline"].append(percentile(ages, 50))
            return fps

        fps = in_turns({"loop": plain, "pipeline": parallel}, rounds)
        how = (
            f"{finder.name}, {engine.spec.name}, {engine.runtime}, {default_workers()} workers; "
            f"{rounds} rounds of {frames} frames each in turns, one round discarded; "
            f"loop {statistics.median(fps['loop']):.1f} FPS, "
            f"pipeline {statistics.median(fps['pipeline']):.1f} FPS"
        )
        pairs = zip(fps["pipeline"], fps["loop"], strict=True)
        ages = zip(latency["pipeline"][1:], latency["loop"][1:], strict=True)
        report(
            "pipeline",
            Claim(f"pipeline / loop with {finder.name}, FPS", ">= 1.85", "x",
                  tuple(a / b for a, b in pairs), how),
            Claim(f"pipeline / loop with {finder.name}, p50 latency", "<= 1.15", "x",
                  tuple(a / b for a, b in ages), how),
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--detector", choices=["auto", "yunet", "haar"], default="auto")
    main(**vars(parser.parse_args()))
