"""The process of a short bench.

python -m edgefer.web.short_bench MODEL DETECTOR DEVICE FILE   writes the result to FILE

On stdout, lines of JSON: {"left": 21.5}, the seconds that it still takes, and {"error": "..."}
where there is no result. SIGTERM ends it and what it began.
"""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgefer.bench.measure import measure
from edgefer.bench.provenance import environment
from edgefer.bench.report import Report
from edgefer.bench.rounds import Job
from edgefer.config import Config
from edgefer.errors import EdgeferError

ROUNDS, FRAMES, WARMUP = 3, 200, 50
"""As few as a verdict needs, and as short."""

CLIP, CLIP_FRAMES = "demo://?seed=3&start=40", 60
"""As `edgefer bench` has them."""


def short_job(model: str, detector: str, device: str) -> Job:
    """What is measured in each of ROUNDS."""
    default = Config()
    engine = dataclasses.replace(default.engine, model=model, device=device)
    config = dataclasses.replace(
        default, engine=engine, detector=dataclasses.replace(default.detector, name=detector)
    )
    return Job(config, CLIP, CLIP_FRAMES, WARMUP, FRAMES)


def command_of(job: Job) -> tuple[str, ...]:
    """What a person would type to measure the same."""
    engine, detector = job.config.engine, job.config.detector
    return ("edgefer", "bench", "--rounds", str(ROUNDS), "--frames", str(job.frames),
            "--warmup", str(job.warmup), "--engine", engine.model,
            "--detector", detector.name, "--device", engine.device)  # fmt: skip


def main(model: str, detector: str, device: str, file: str) -> None:
    # Raised wherever it is, so that the process of the round is ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    job = short_job(model, detector, device)

    def told(_: str, left: float | None) -> None:
        if left is not None:
            _tell(left=left)

    try:
        outcome = measure([job], ROUNDS, 0.0, told)
        if outcome.errors:
            raise outcome.errors[0]
        Report(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            argv=command_of(job),
            environment=environment(),
            clip={
                "url": CLIP,
                "frames": CLIP_FRAMES,
                "sha256": outcome.measurements[0].clip_sha256,
            },
            engines=outcome.measurements,
        ).write_json(Path(file))
    except EdgeferError as exc:
        _tell(error=str(exc))
        sys.exit(1)


def _tell(**line: Any) -> None:
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
