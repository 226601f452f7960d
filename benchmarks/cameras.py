"""Several cameras on one device: requests joined into batches, against one after the other.

    python -m benchmarks.cameras [--rounds 5] [--seconds 1.5]

The device is emulated by sleeping, outside the interpreter's lock as a GPU computes: 4 ms for a
call and 0.5 ms for each face in it. All else is real: for each camera a pipeline of two workers,
which crop, prepare and decode, and take the next frame at once. Joined (`engines/shared.py`) and
one call after the other in order of arrival (a plain lock would be unfair besides) take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims import Claim, in_turns, report
from edgefer.classifier import Classifier
from edgefer.data import Box, Face, Frame, Image
from edgefer.engines.shared import SharedEngine
from edgefer.pipeline import run
from edgefer.protocols import Engine
from edgefer.spec import EXPRESSIONS, ModelSpec, Preprocessing
from edgefer.timing import clock, percentile
from edgefer.turns import FifoLock

CALL, FACE = 4e-3, 0.5e-3
"""Seconds of the emulated device, for a call and for each face in it."""
WORKERS = 2
CAMERAS = (1, 2, 4, 8)
CROWD = 20
"""Faces in each frame of the camera that floods."""
BLANK = np.zeros((96, 128, 3), np.uint8)
WHOLE = Face(Box(0, 0, 128, 96), 1.0)


class Emulated:
    """A device that keeps no core busy; whoever shares it must see to it that calls are single."""

    runtime, exclusive = "emulated", True
    spec = ModelSpec("emulated", EXPRESSIONS, Preprocessing(64, 64))

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        time.sleep(CALL + FACE * len(batch))
        return np.zeros((len(batch), len(EXPRESSIONS)), np.float32)

    def close(self) -> None:
        """Nothing is held."""


class OneByOne(Emulated):
    """The same for one call after the other, in order of arrival."""

    exclusive = False

    def __init__(self) -> None:
        self._lock = FifoLock()

    def infer(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with self._lock:
            return super().infer(batch)


class Camera:
    """A source of the same blank picture until `end`, and the detector that finds `faces` there."""

    name, exclusive, live = "emulated", False, False

    def __init__(self, faces: int, end: float) -> None:
        self.end = end
        self._faces, self._next = (WHOLE,) * faces, 0

    def read(self) -> Frame | None:
        n, now = self._next, clock()
        self._next += 1
        return Frame(BLANK, n, now) if now < self.end else None

    def detect(self, image_bgr: Image) -> tuple[Face, ...]:  # noqa: ARG002
        return self._faces

    def close(self) -> None:
        """Nothing is held."""


class Seen(NamedTuple):
    """Of one camera."""

    fps: float
    p99_ms: float
    """From capture to publication."""


def side_by_side(engine: Engine, faces: tuple[int, ...], seconds: float) -> list[Seen]:
    """A camera for each number of faces, all at once on one engine."""

    async def watch(camera: Camera) -> Seen:
        readings = run(camera, camera, Classifier(engine), workers=WORKERS)
        ages = [reading.age async for reading in readings if reading.published < camera.end]
        return Seen(len(ages) / seconds, percentile(ages, 99) * 1000)

    async def all_of_them() -> list[Seen]:
        end = clock() + seconds
        return await asyncio.gather(*(watch(Camera(n, end)) for n in faces))

    return asyncio.run(all_of_them())


class Series:
    """One scene, both ways, in the rounds of `in_turns`."""

    def __init__(self, faces: tuple[int, ...], seconds: float) -> None:
        self._faces, self._seconds = faces, seconds
        self.joined: list[list[Seen]] = []
        self.single: list[list[Seen]] = []

    def once(self) -> float:
        """A round; the total's ratio."""
        self.joined.append(side_by_side(SharedEngine(Emulated()), self._faces, self._seconds))
        self.single.append(side_by_side(OneByOne(), self._faces, self._seconds))
        return total(self.joined[-1]) / total(self.single[-1])

    def ratios(self, of: Callable[[list[Seen]], float]) -> tuple[float, ...]:
        """Joined over one by one; the first round is discarded."""
        return tuple(of(a) / of(b) for a, b in zip(self.joined, self.single, strict=True))[1:]

    def medians(self, of: Callable[[list[Seen]], float]) -> str:
        joined, single = (
            percentile([of(seen) for seen in way[1:]], 50) for way in (self.joined, self.single)
        )
        return f"{joined:.0f} against {single:.0f}"


def total(seen: list[Seen]) -> float:
    return sum(camera.fps for camera in seen)


def worst(seen: list[Seen]) -> float:
    return max(camera.p99_ms for camera in seen)


def evenness(seen: list[Seen]) -> float:
    rates = [camera.fps for camera in seen]
    return min(rates) / max(rates)


def main(rounds: int = 5, seconds: float = 1.5) -> None:
    series = {n: Series((1,) * n, seconds) for n in CAMERAS}
    flood = Series((1, CROWD), seconds)
    in_turns({str(n): one.once for n, one in series.items()} | {"flood": flood.once}, rounds)
    how = (
        f"device emulated by sleeping, {CALL * 1000:g} ms a call and {FACE * 1000:g} ms a face; "
        f"{WORKERS} workers a camera, at full rate; against one call after the other; {rounds} "
        f"rounds of {seconds:g} s in turns, one round discarded; medians: "
    )
    goals = {1: (1.0, 1.25), 2: (1.6, 0.8), 4: (2.5, 0.6), 8: (3.5, 0.4)}
    claims = []
    for n, one in series.items():
        name = f"{'one camera' if n == 1 else f'{n} cameras'} on one engine, joined / one by one"
        rate, age = goals[n]
        claims += [
            Claim(f"{name}: total FPS", f">= {rate}", "x", one.ratios(total),
                  f"{how}{one.medians(total)} FPS"),
            Claim(f"{name}: worst p99 age", f"<= {age}", "x", one.ratios(worst),
                  f"{how}{one.medians(worst)} ms"),
        ]  # fmt: skip
    most = max(CAMERAS)
    even = tuple(map(evenness, series[most].joined))[1:]
    name = f"1 face a frame beside {CROWD}, joined / one by one"
    report(
        "cameras",
        *claims,
        Claim(f"slowest of {most} cameras / fastest, joined", ">= 0.9", "x", even,
              f"{how}{series[most].medians(lambda seen: 100 * evenness(seen))} %"),
        Claim(f"{name}: FPS", ">= 1.4", "x", flood.ratios(lambda seen: seen[0].fps),
              f"{how}{flood.medians(lambda seen: seen[0].fps)} FPS"),
        Claim(f"{name}: p99 age", "<= 0.75", "x", flood.ratios(lambda seen: seen[0].p99_ms),
              f"{how}{flood.medians(lambda seen: seen[0].p99_ms)} ms"),
        Claim(f"{name}: FPS of the {CROWD}", ">= 0.9", "x",
              flood.ratios(lambda seen: seen[1].fps),
              f"{how}{flood.medians(lambda seen: seen[1].fps)} FPS"),
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    main(**vars(parser.parse_args()))
