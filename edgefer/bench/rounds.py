"""One round of one engine, in a process of its own.

python -m edgefer.bench.rounds   a Job as JSON on stdin -> lines of JSON on stdout

A round has a process of its own, not an engine: how a process's memory happens to lie moves its
rate for as long as it lives, so rounds that shared one would agree with each other more than with
the next run. It warms up anew, its peak memory is its own, and no engine that waits for its turn
holds memory meanwhile.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from edgefer.bench.clip import Clip, PacedReplay, Replay, load_clip
from edgefer.bench.gate import Examined, examine
from edgefer.bench.warmup import Warmup
from edgefer.classifier import Classifier
from edgefer.config import Config
from edgefer.config_file import from_mapping, to_mapping
from edgefer.data import Box, Face, Look, Reading, StageTimes
from edgefer.detectors import open_detector
from edgefer.engines import open_engine
from edgefer.engines.trt_agreement import fixture
from edgefer.errors import ConfigError, EdgeferError
from edgefer.following import Following
from edgefer.pipeline import run
from edgefer.protocols import Detector, Engine
from edgefer.timing import clock
from edgefer.workers import default_workers

Mode = Literal["pipeline", "engine"]
MODES: tuple[Mode, ...] = get_args(Mode)

TOLD_EVERY = 0.25
"""Seconds between two words about progress."""

LOST = 300
"""Frames in a row, each too late to be published, after which a round gives up."""

LOOKS: tuple[Look, ...] = get_args(Look)

Tell = Callable[[dict[str, Any]], None]
"""Takes one line of JSON: {"event": "frames", "done": 12}, "counting" and "counted"."""


Dress = Callable[[Engine], Engine]


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure in one round."""

    config: Config
    """`engine.model` names the engine."""
    clip: str
    clip_frames: int
    warmup: int
    """Frames that are discarded at least."""
    frames: int
    """That are counted."""
    mode: Mode = "pipeline"
    paced: float = 0.0
    """Frames a second, as a camera gives them; 0 as fast as it goes."""
    batch: int = 1
    """Faces in one call, in the mode "engine"."""
    seconds: float = 0.0
    """Counts for so long instead of `frames`, where it is above 0."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one round brought: a value per counted frame, seconds where it is a time.

    In the mode "engine" a frame is one call of the engine, and only `classification` took time.
    """

    warmup: int
    settled: bool | None
    """Whether the rate stood still when counting began; None where that could not be told."""
    began: float
    """When the last discarded frame came out, on the clock that all processes share."""
    published: tuple[float, ...]
    """Since `began`."""
    capture: tuple[float, ...]
    detection: tuple[float, ...]
    classification: tuple[float, ...]
    """0 for a frame without a face."""
    age: tuple[float, ...]
    pictures: tuple[int, ...]
    """Which of the clip's."""
    looks: tuple[Look, ...]
    """Where its faces are from: searched for, followed, or those of a picture that is the same."""
    faces: int
    dropped: int
    detector: str
    workers: int
    exclusive: tuple[bool, bool]
    """Whether the detector, and the engine, lets one worker in at a time."""
    clip_sha256: str
    clip_bytes: int

    @property
    def likes(self) -> tuple[int, ...]:
        """Equal for frames that cost the same work: the same picture, its faces found alike."""
        each = zip(self.pictures, self.looks, strict=True)
        return tuple(picture * len(LOOKS) + LOOKS.index(look) for picture, look in each)


@dataclass(slots=True)
class _Counting:
    """Adds frames up, discarding the first ones."""

    job: Job
    tell: Tell
    pictures: int
    warm: Warmup = field(init=False)
    began: float | None = None
    told: float = 0.0
    faces: int = 0
    dropped: int = 0
    last: int = 0
    too_late: int = 0
    """In a row."""
    rows: list[tuple[float, float, float, float, float, int, Look]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.warm = Warmup(self.job.warmup, self.pictures)

    def add(self, reading: Reading) -> bool:
        """Whether that was the last one."""
        job, out, self.too_late = self.job, reading.published, 0
        if self.began is None:
            if self.warm.over(out):
                self.began, self.last = out, reading.sequence
                self.tell({"event": "counting"})
            else:
                self.progress(out, 0.0)
            return False
        self.dropped += reading.sequence - self.last - 1
        self.last = reading.sequence
        self.faces += len(reading.faces)
        times = reading.times
        self.rows.append((out - self.began, times.capture, times.detection, times.classification,
                          reading.age, reading.sequence % self.pictures,
                          reading.look))  # fmt: skip
        passed = out - self.began
        over = passed >= job.seconds if job.seconds else len(self.rows) >= job.frames
        if over:
            self.tell({"event": "counted"})
        else:
            self.progress(out, passed / job.seconds if job.seconds else len(self.rows) / job.frames)
        return over

    def progress(self, out: float, share: float) -> None:
        """Of the frames that count; 0 while they are discarded."""
        if out - self.told >= TOLD_EVERY:
            self.told = out
            self.tell({"event": "progress", "share": share})

    def series(self, detector: str, workers: int, exclusive: tuple[bool, bool], clip: Clip | None
               ) -> Series:  # fmt: skip
        columns = tuple(zip(*self.rows, strict=True)) or ((),) * 7
        published, capture, detection, classification, age, pictures, looks = columns
        return Series(
            warmup=self.warm.frames, settled=self.warm.settled, began=self.began or 0.0,
            published=published, capture=capture, detection=detection,
            classification=classification, age=age, pictures=pictures,
            looks=looks, faces=self.faces, dropped=self.dropped, detector=detector, workers=workers,
            exclusive=exclusive, clip_sha256=clip.sha256 if clip else "",
            clip_bytes=clip.bytes if clip else 0,
        )  # fmt: skip


def play(clip: Clip, detector: Detector, engine: Engine, job: Job, tell: Tell) -> Series:
    """A clip through the pipeline, as `edgefer run` has it, until enough frames are counted.

    Raises ConfigError where LOST frames in a row are older than the deadline.
    """
    config, source = job.config, PacedReplay(clip, job.paced) if job.paced else Replay(clip)
    workers = config.pipeline.workers or default_workers()
    following = Following(config.pipeline, config.tracking, workers=workers, live=source.live)
    counting = _Counting(job, tell, len(clip.images))

    def late() -> None:
        counting.too_late += 1
        if counting.too_late >= LOST:
            source.close()

    async def frames() -> None:
        readings = run(source, detector, Classifier(engine), workers=workers, following=following,
                       deadline=config.pipeline.deadline, late=late)  # fmt: skip
        async with aclosing(readings):
            async for reading in readings:
                if counting.add(reading):
                    return
        raise ConfigError(
            f"{LOST} frames in a row were older than {config.pipeline.deadline:g} s: this machine "
            "does not reach such a --deadline"
        )

    asyncio.run(frames())
    return counting.series(detector.name, workers, (detector.exclusive, engine.exclusive), clip)


def call(engine: Engine, job: Job, tell: Tell) -> Series:
    """The engine alone, one call after the other by one thread, with `batch` drawn faces that are
    ready in memory. Its answer lies in host memory, so a device is done when it returns."""
    drawn = fixture(engine.spec)
    batch = drawn[[n % len(drawn) for n in range(job.batch)]]
    faces = (Face(Box(0, 0, 1, 1), 1.0),) * job.batch
    counting, n = _Counting(job, tell, 1), 0
    while True:
        began = clock()
        engine.infer(batch)
        ended = clock()
        times = StageTimes(0.0, 0.0, ended - began)
        if counting.add(Reading(n, began, ended, (0, 0), faces, (), times)):
            return counting.series("none", 1, (False, engine.exclusive), None)
        n += 1


def measure_round(job: Job, tell: Tell, dress: Dress) -> Series:
    """One round in this process."""
    with closing(dress(open_engine(job.config.engine))) as engine:
        if job.mode == "engine":
            return call(engine, job, tell)
        clip = load_clip(job.clip, job.clip_frames)
        with closing(open_detector(job.config.detector, job.config.engine.threads)) as detector:
            return play(clip, detector, engine, job, tell)


def to_json(job: Job) -> dict[str, Any]:
    """What `job_from_json` reads."""
    return dataclasses.asdict(job) | {"config": to_mapping(job.config)}


def job_from_json(fields: Mapping[str, Any]) -> Job:
    return Job(**{**fields, "config": from_mapping(dict(fields["config"]))})


def series_from_json(fields: Mapping[str, Any]) -> Series:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return Series(**values)


def main(dress: Dress = lambda engine: engine) -> None:
    """Answer the one request on stdin. `dress` may put something around the engine, such as a
    known delay: how the bench itself is checked (benchmarks/calibration.py)."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    request = json.load(sys.stdin)

    def tell(line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)

    try:
        job = job_from_json(request["job"])
        if request["do"] == "examine":
            found: Examined | Series = examine(job.config.engine, tuple(request["others"]))
        else:
            found = measure_round(job, tell, dress)
        tell({"event": "done", "result": dataclasses.asdict(found)})
    except EdgeferError as exc:
        tell({"event": "error", "error": str(exc), "exit_code": exc.exit_code})


def _end_with_the_parent() -> None:
    """A round that nobody waits for any more would take processor time from the next one: kill
    the group, however the parent ended, even while the engine runs."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # an error, here a reader that is gone, is always told
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
