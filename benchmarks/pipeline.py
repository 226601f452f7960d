"""The pipeline against one loop over the same detector and classifier.

    python -m benchmarks.pipeline [--rounds 21] [--frames 300] [--detector auto]

The loop is what most programs do: read, detect, classify, again. Both sides see the same clip
held in memory, one thread inside each library, and take turns. No stage of theirs owns a device, so
the ceiling is the loop's rate on every core; efficiency is the share of it that is reached. What
the machine itself allows is measured beside them: two processes, each with the plain loop.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import statistics
from contextlib import closing
from multiprocessing.connection import Connection

import cv2

from benchmarks.claims import Claim, in_turns, report
from edgefer.bench.clip import Clip, Replay, load_clip
from edgefer.classifier import Classifier
from edgefer.cli.bench import CLIP
from edgefer.config import DetectorConfig, EngineConfig
from edgefer.data import Detected
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.pipeline import run
from edgefer.protocols import Detector
from edgefer.timing import clock, percentile
from edgefer.workers import default_workers


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


class Twins:
    """Two child processes that run the plain loop, each on its own, when asked to."""

    def __init__(self, detector: str, frames: int) -> None:
        ours, theirs = zip(*(multiprocessing.Pipe() for _ in range(2)), strict=True)
        context = multiprocessing.get_context("spawn")
        self._pipes = ours
        self._children = [
            context.Process(target=_twin, args=(pipe, detector, frames), daemon=True)
            for pipe in theirs
        ]
        for child in self._children:
            child.start()

    def run(self) -> float:
        """Frames a second of both together."""
        for pipe in self._pipes:
            pipe.send(True)
        return float(sum(pipe.recv() for pipe in self._pipes))

    def close(self) -> None:
        for child in self._children:
            child.kill()
            child.join()


def _twin(pipe: Connection, name: str, frames: int) -> None:
    cv2.setNumThreads(1)
    clip = load_clip(CLIP, 60)
    detector = open_detector(DetectorConfig(name=name))
    classifier = Classifier(open_engine(EngineConfig()))
    while pipe.recv():
        pipe.send(frames / sum(loop(clip, detector, classifier, frames)))


def main(rounds: int = 21, frames: int = 300, detector: str = "auto") -> None:
    cv2.setNumThreads(1)
    clip = load_clip(CLIP, 60)
    with closing(open_detector(DetectorConfig(name=detector))) as finder, \
            closing(open_engine(EngineConfig())) as engine, \
            closing(Twins(detector, frames)) as twins:  # fmt: skip
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

        fps = in_turns({"loop": plain, "pipeline": parallel, "twins": twins.run}, rounds)
        how = (
            f"{finder.name}, {engine.spec.name}, {engine.runtime}, {default_workers()} workers; "
            f"{rounds} rounds of {frames} frames each in turns, one round discarded; "
            f"loop {statistics.median(fps['loop']):.1f} FPS, "
            f"pipeline {statistics.median(fps['pipeline']):.1f} FPS, "
            f"two processes {statistics.median(fps['twins']):.1f} FPS"
        )

        def over(top: str, bottom: str) -> tuple[float, ...]:
            return tuple(a / b for a, b in zip(fps[top], fps[bottom], strict=True))

        cores = default_workers()
        ages = zip(latency["pipeline"][1:], latency["loop"][1:], strict=True)
        report(
            "pipeline",
            Claim(f"pipeline / loop with {finder.name}, FPS", ">= 1.9", "x",
                  over("pipeline", "loop"), how),
            Claim(f"efficiency: pipeline / ({cores} cores x loop) with {finder.name}, FPS",
                  ">= 0.95", "", tuple(x / cores for x in over("pipeline", "loop")), how),
            Claim(f"the machine: two processes / (2 x loop) with {finder.name}, FPS", ">= 0.95", "",
                  tuple(x / 2 for x in over("twins", "loop")), how),
            Claim(f"pipeline / two processes with {finder.name}, FPS", ">= 0.95", "x",
                  over("pipeline", "twins"), how),
            Claim(f"pipeline / loop with {finder.name}, p50 latency", "<= 1.1", "x",
                  tuple(a / b for a, b in ages), how),
        )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--detector", choices=["auto", "yunet", "haar"], default="auto")
    main(**vars(parser.parse_args()))
