"""Frames a second and their age, against faces in a frame and against cameras.

    python -m benchmarks.scaling [--rounds 5] [--frames 200] [--detector auto]

The real detector and classifier, on the processor, as fast as it goes. Faces: pictures of one size
whose cells hold drawn faces, so many in each, and one pipeline. Cameras: one face in each picture,
a pipeline for each camera, detector, engine and workers shared as the daemon shares them.

What a frame costs is processor time, which other work on the machine disturbs less than the clock.
The charge for a frame, and for each face in it, is the line of least squares through the costs:
at charge / charge of a face, as many faces cost as much as all the rest, and the curve bends.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing, closing
from dataclasses import asdict, dataclass

import cv2
import numpy as np

from benchmarks import claims
from benchmarks.claims import Claim, in_turns, report
from benchmarks.curves import Point, curves
from edgefer.bench.chart import check_installed
from edgefer.bench.clip import Clip, Replay
from edgefer.config import Config, DetectorConfig
from edgefer.daemon.models import Opened, open_models
from edgefer.data import Image
from edgefer.pipeline import run
from edgefer.sources.scene import Scene
from edgefer.timing import clock, percentile
from edgefer.workers import default_workers

FACES = (1, 2, 5, 10, 20)
CAMERAS = (1, 2, 4)
WIDTH, HEIGHT = 640, 480
COLUMNS, ROWS = 5, 4
PICTURES = 12
"""Of each clip, all different."""
SEED, FIRST, STEP = 3, 45, 4
"""The drawn scene, and which of its frames give a face: one person, all the time."""
ROOM = 1.7
"""Times the face's box that is cut out around it, so that the detector sees a head."""


def tiled(faces: int, seed: int = 0) -> Clip:
    """Pictures that hold so many drawn faces, each in a cell of its own."""
    rng = np.random.default_rng(seed)
    heads = _heads()
    images = []
    for _ in range(PICTURES):
        noise = rng.normal(0, 4, (HEIGHT, WIDTH, 1))
        image = np.clip(110 + noise, 0, 255).astype(np.uint8).repeat(3, axis=2)
        for cell in rng.permutation(COLUMNS * ROWS)[:faces]:
            row, column = divmod(int(cell), COLUMNS)
            y, x = row * HEIGHT // ROWS, column * WIDTH // COLUMNS
            head = heads[rng.integers(len(heads))]
            image[y : y + head.shape[0], x : x + head.shape[1]] = head
        images.append(image)
    return Clip(f"{faces} drawn faces in cells", tuple(images), "")


def _heads() -> list[Image]:
    """Faces with what is around them, each as large as a cell."""
    scene, size = Scene(SEED), (WIDTH // COLUMNS, HEIGHT // ROWS)
    heads: list[Image] = []
    for n in range(FIRST, FIRST + STEP * PICTURES, STEP):
        picture, (box,) = scene.draw(n), scene.truth(n)
        high = box.height * ROOM
        x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
        wide = high * size[0] / size[1]
        cut = cv2.getRectSubPix(picture, (round(wide), round(high)), (x, y))
        heads.append(cv2.resize(cut, size, interpolation=cv2.INTER_AREA).astype(np.uint8))
    return heads


class Case:
    """So many cameras with this clip."""

    def __init__(self, n: int, clip: Clip, cameras: int, models: Opened, frames: int) -> None:
        self.n = n
        self._clip, self._cameras, self._models, self._frames = clip, cameras, models, frames
        self._rounds: list[tuple[float, float, list[float], int]] = []

    def once(self) -> float:
        """A round; its processor milliseconds a frame."""
        began, began_cpu = clock(), time.process_time()
        ages, found = asyncio.run(self._all())
        spent, cpu = clock() - began, time.process_time() - began_cpu
        self._rounds.append((len(ages) / spent, cpu / len(ages) * 1000, ages, found))
        return cpu / len(ages) * 1000

    async def _all(self) -> tuple[list[float], int]:
        ages: list[float] = []
        found = 0

        async def watch() -> None:
            nonlocal found
            source = Replay(self._clip, self._frames // self._cameras)
            workers = max(1, default_workers() // self._cameras)
            models = self._models.detector, self._models.classifier
            async with aclosing(run(source, *models, workers=workers)) as readings:
                async for reading in readings:
                    ages.append(reading.age)
                    found += len(reading.faces)

        await asyncio.gather(*(watch() for _ in range(self._cameras)))
        return ages, found

    def point(self) -> Point:
        """Without the discarded round."""
        fps, cpu, ages, found = zip(*self._rounds[1:], strict=True)
        every = [age for some in ages for age in some]
        return Point(
            n=self.n,
            fps=percentile(fps, 50),
            p99_ms=percentile(every, 99) * 1000,
            frames=len(every),
            cpu_ms=percentile(cpu, 50),
            found=sum(found) / len(every),
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of processor time: `frame` + `face` x faces, by least squares."""

    frame: float
    face: float

    @property
    def knee(self) -> float:
        """Faces that cost as much as all the rest."""
        return self.frame / self.face


def cost(points: Sequence[Point]) -> Cost:
    face, frame = np.polyfit([p.found for p in points], [p.cpu_ms for p in points], 1)
    return Cost(float(frame), float(face))


def marginal(points: Sequence[Point], costs: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Of each round: what one of the last ten faces costs, over one of the first ten. `costs`:
    of each point, by round."""
    few, some, many = (points[place].found for place in (0, -2, -1))
    rounds = zip(costs[0], costs[-2], costs[-1], strict=True)
    return tuple(((c - b) / (many - some)) / ((b - a) / (some - few)) for a, b, c in rounds)


def main(rounds: int = 5, frames: int = 200, detector: str = "auto") -> None:
    check_installed()
    config = Config(detector=DetectorConfig(name=detector))
    with closing(open_models(config)) as models:
        faces = [Case(n, tiled(n), 1, models, frames) for n in FACES]
        cameras = [Case(n, tiled(1), n, models, frames) for n in CAMERAS]
        found = in_turns(
            {f"{case.n} faces": case.once for case in faces}
            | {f"{case.n} cameras": case.once for case in cameras},
            rounds,
        )
        how = (
            f"{models.detector.name}, {models.engine.spec.name}, {models.engine.runtime}, "
            f"{default_workers()} workers; {WIDTH}x{HEIGHT}; {rounds} rounds of {frames} frames in "
            "turns, one round discarded; processor time"
        )
    by_faces, by_cameras = ([case.point() for case in some] for some in (faces, cameras))
    charges = cost(by_faces)
    each = {n: found[f"{n} cameras"] for n in CAMERAS}
    most = CAMERAS[-1]
    report(
        "scaling",
        Claim(f"a face from {FACES[-2]} to {FACES[-1]} / from {FACES[0]} to {FACES[-2]}, cost",
              "<= 1.1", "x",
              marginal(by_faces, [found[f"{n} faces"] for n in FACES]), how),
        Claim(f"a frame of {most} cameras / of one, cost", "<= 1.1", "x",
              tuple(a / b for a, b in zip(each[most], each[1], strict=True)), how),
        how=how,
        workers=default_workers(),
        cost=asdict(charges) | {"knee": charges.knee},
        faces=[asdict(point) for point in by_faces],
        cameras=[asdict(point) for point in by_cameras],
    )  # fmt: skip
    curves(by_faces, by_cameras, charges.knee, claims.RESULTS / "scaling.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--detector", choices=["auto", "yunet", "haar"], default="auto")
    main(**vars(parser.parse_args()))
