"""What carrying a frame costs by itself: processor time a frame, with stages that do nothing.

    python -m benchmarks.handover [--rounds 9] [--frames 20000]

Three ways in turns: a plain loop over the same stages, the workers with their ordered point,
and the whole pipeline with its mailbox and the event loop that takes the readings.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import Claim, in_turns, report
from edgefer.classifier import Classifier
from edgefer.data import Detected, Face, Frame, Image, Reading, StageTimes
from edgefer.pipeline import run
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing
from edgefer.timing import clock
from edgefer.workers import Workers

BLANK = np.zeros((8, 8, 3), np.uint8)


class Nothing:
    """All stages at once: a source of the same blank picture, a detector that never looks at
    it, and an engine that is never asked, since there is no face."""

    name, runtime, exclusive, live = "nothing", "nothing", False, False
    spec = ModelSpec("nothing", EXPRESSIONS, Preprocessing(8, 8))

    def __init__(self, frames: int) -> None:
        self._frames, self._next = frames, 0

    def read(self) -> Frame | None:
        n = self._next
        self._next += 1
        return Frame(BLANK, n, clock()) if n < self._frames else None

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:  # noqa: ARG002
        return ()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(batch), len(EXPRESSIONS)), np.float32)

    def close(self) -> None:
        """Nothing is held."""


def microseconds(work: Callable[[], object], frames: int) -> float:
    """Processor time of all threads for each frame."""
    began = time.process_time()
    work()
    return (time.process_time() - began) / frames * 1e6


def plain(frames: int) -> float:
    stages = Nothing(frames)
    classifier = Classifier(stages)

    def work() -> None:
        while True:
            began = clock()
            frame = stages.read()
            if frame is None:
                return
            captured = clock()
            faces = stages.detect(frame.image_bgr)
            detected = clock()
            expressions = classifier.classify(Detected(frame, faces))
            times = StageTimes(captured - began, detected - captured, 0.0)
            Reading(frame.sequence, frame.captured, clock(), (8, 8), faces, expressions, times)

    return microseconds(work, frames)


def workers(frames: int) -> float:
    stages, done = Nothing(frames), threading.Event()
    carrying = Workers(
        stages,
        stages,
        Classifier(stages),
        publish=lambda _: None,
        finish=lambda _: done.set(),
    )

    def work() -> None:
        carrying.start()
        done.wait()

    return microseconds(work, frames)


def published(frames: int) -> float:
    stages = Nothing(frames)

    async def take() -> None:
        async for _ in run(stages, stages, Classifier(stages)):
            pass

    return microseconds(lambda: asyncio.run(take()), frames)


def main(rounds: int = 9, frames: int = 20_000) -> None:
    cases = {
        "loop": lambda: plain(frames),
        "workers": lambda: workers(frames),
        "published": lambda: published(frames),
    }
    cost = in_turns(cases, rounds)
    how = (
        f"no-op stages, process time less that of a plain loop over them; {rounds} rounds of "
        f"{frames:,} frames in turns, one round discarded"
    )

    def beyond_the_loop(name: str) -> tuple[float, ...]:
        return tuple(a - b for a, b in zip(cost[name], cost["loop"], strict=True))

    report(
        "handover",
        Claim("hand-over by the workers", "<= 5", "us CPU a frame",
              beyond_the_loop("workers"), how),
        Claim("hand-over with publication through asyncio", "<= 25", "us CPU a frame",
              beyond_the_loop("published"), how),
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=20_000)
    main(**vars(parser.parse_args()))
