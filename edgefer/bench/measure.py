"""One engine measured, in a process of its own so that its peak memory is its own.

python -m edgefer.bench.measure   a Job as JSON on stdin -> a Measurement as JSON on stdout
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefer.bench.clip import Clip, Replay, load_clip
from edgefer.classifier import Classifier
from edgefer.config import Config, EngineConfig
from edgefer.config_file import from_mapping, to_mapping
from edgefer.detectors import open_detector
from edgefer.engines import find_model, open_engine
from edgefer.engines.onnx_file import read_onnx
from edgefer.errors import EdgeferError
from edgefer.manifest import read_manifest, trusted_manifest
from edgefer.pipeline import default_workers, run
from edgefer.protocols import Detector, Engine
from edgefer.timing import Tally, ratio


@dataclass(frozen=True, slots=True)
class Job:
    """What to measure."""

    config: Config
    """`engine.model` names the engine."""
    clip: str
    clip_frames: int
    warmup: int
    """Frames that go through the pipeline first and are not counted."""
    frames: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured. Rates in frames a second, latencies in milliseconds."""

    engine: str
    model_sha256: str
    parameters: int | None
    """None where neither the description nor the file says."""
    parameters_from: str
    """"spec": as trained; "file": values stored in the file, BatchNorm folded or not."""
    macs: int | None
    precision: str
    input: str
    runtime: str
    accuracy: str
    detector: str
    workers: int
    warmup: int
    frames: int
    faces: int
    total_fps: float
    detection_fps: float
    classification_fps: float
    serial_fps: float
    overlap: float
    ceiling_fps: float
    efficiency: float
    latency_ms: dict[str, dict[str, float]]
    dropped: int
    peak_rss_bytes: int
    """Of the whole process less the clip it holds; an engine host's own process not counted."""
    clip_sha256: str

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Measurement:
        """From what `without_nan` made of it: JSON has no nan, so null stands for it."""
        kinds = {field.name: field.type for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            key: math.nan if value is None and kinds[key] == "float" else value
            for key, value in fields.items()
        }
        values["latency_ms"] = {
            stage: {p: math.nan if ms is None else ms for p, ms in spread.items()}
            for stage, spread in fields["latency_ms"].items()
        }
        return cls(**values)


def measure(job: Job) -> Measurement:
    """Measure in a child process. Raises what it raised, as EdgeferError with its exit code."""
    child = subprocess.run(
        [sys.executable, "-m", "edgefer.bench.measure"],
        input=json.dumps(dataclasses.asdict(job) | {"config": to_mapping(job.config)}),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is the parent's to answer: it kills the child
    )
    answer: dict[str, Any] = json.loads(child.stdout or "{}")
    if "measurement" in answer:
        return Measurement.from_json(answer["measurement"])
    error = EdgeferError(
        answer.get(
            "error",
            f"the process that measured {job.config.engine.model} ended with {child.returncode}; "
            "if that is -9, the machine ran out of memory",
        )
    )
    error.exit_code = answer.get("exit_code", 1)
    raise error


async def measure_here(job: Job) -> Measurement:
    """Measure in this process."""
    clip = load_clip(job.clip, job.clip_frames)
    path = find_model(job.config.engine.model)
    digest, precision, stored = facts_of(path, job.config.engine)
    with closing(open_detector(job.config.detector, job.config.engine.threads)) as detector, \
            closing(open_engine(job.config.engine)) as engine:  # fmt: skip
        workers = job.config.pipeline.workers or default_workers()
        tally, wall = await _play(clip, detector, engine, workers, job)
        rates = tally.rates(wall)
        ceiling = _ceiling(tally, rates.serial, workers, detector, engine)
        pre = engine.spec.preprocessing
        trained = engine.spec.parameters
        return Measurement(
            engine=path.name,
            model_sha256=digest,
            parameters=stored if trained is None else trained,
            parameters_from="file" if trained is None else "spec",
            macs=engine.spec.macs,
            precision=precision,
            input=f"{pre.width}x{pre.height}x{pre.channels}",
            runtime=engine.runtime,
            accuracy=engine.spec.accuracy,
            detector=detector.name,
            workers=workers,
            warmup=job.warmup,
            frames=tally.frames,
            faces=tally.faces,
            total_fps=rates.total,
            detection_fps=rates.detection,
            classification_fps=rates.classification,
            serial_fps=rates.serial,
            overlap=rates.overlap,
            ceiling_fps=ceiling,
            efficiency=ratio(rates.total, ceiling),
            latency_ms=tally.percentiles(),
            dropped=tally.dropped,
            peak_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - clip.bytes,
            clip_sha256=clip.sha256,
        )


def facts_of(path: Path, config: EngineConfig) -> tuple[str, str, int | None]:
    """Sha256 of the file, precision of its weights, and how many values it stores; a plan does
    not say the last, and its precision only in its manifest. Raises ModelError."""
    if path.suffix == ".onnx":
        file = read_onnx(path)
        return file.sha256, file.precision, file.stored
    manifest = trusted_manifest(path) if config.trust else read_manifest(path)
    return manifest.plan_sha256, manifest.precision, None


async def _play(
    clip: Clip, detector: Detector, engine: Engine, workers: int, job: Job
) -> tuple[Tally, float]:
    """The tally of the counted frames and the seconds in which they came out."""
    tally, began, ended = Tally(), math.nan, math.nan
    source = Replay(clip, job.warmup + job.frames)
    async for reading in run(source, detector, Classifier(engine), workers=workers):
        if reading.sequence < job.warmup:
            began = reading.published
        else:
            tally.add(reading)
            ended = reading.published
    return tally, ended - began


def _ceiling(
    tally: Tally, serial: float, workers: int, detector: Detector, engine: Engine
) -> float:
    """The best total that these stage times allow: no stage that owns a device is entered
    twice at once, and no more cores work than there are."""
    cores = min(workers, default_workers())
    capture, detection, classification = tally.mean_seconds()
    exclusive = [capture]
    exclusive += [detection] if detector.exclusive else []
    exclusive += [classification] if engine.exclusive else []
    return min(1 / max(exclusive), cores * serial)


def _main() -> None:
    fields = json.load(sys.stdin)
    try:
        job = Job(**{**fields, "config": from_mapping(fields["config"])})
        record = dataclasses.asdict(asyncio.run(measure_here(job)))
        answer: dict[str, Any] = {"measurement": without_nan(record)}
    except EdgeferError as exc:
        answer = {"error": str(exc), "exit_code": exc.exit_code}
    json.dump(answer, sys.stdout)


def without_nan(value: Any) -> Any:
    """The same JSON value with null where a figure could not be measured."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


if __name__ == "__main__":
    _main()
