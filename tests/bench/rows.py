"""Measurements made up for tests: of rates that are chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from edgefer.bench.gate import Gate
from edgefer.bench.measurement import Measurement, Round
from edgefer.bench.report import Report
from edgefer.bench.sampling import Sampler
from edgefer.bench.statistics import rate_interval, spread
from edgefer.bench.vitals import vitals_of

STEADY = (100.0, 101.0, 99.0, 100.5, 99.5)


def measurement(
    name: str = "a.onnx", rates: Sequence[float] = STEADY, **changed: Any
) -> Measurement:
    """A row that is stable and right unless `changed`; every round costs 10 ms of processor."""
    with Sampler() as sampler:
        pass
    sample = sampler.sampled.as_record()
    rounds = tuple(
        Round(50, True, 1000, 1000 / rate, rate, 2 * rate, 2 * rate, 10.0, 1000 / rate, 1.0, sample)
        for rate in rates
    )
    stages = ("capture", "detection", "classification", "age")
    row = Measurement(
        engine=name, model_sha256="0" * 64, parameters=21, parameters_from="file", macs=1_000_000,
        precision="fp32", input="8x8x3", runtime="onnxruntime 1 CPU", accuracy="", network="",
        gate=Gate(True, "the same"), roof_ms=None, mode="pipeline", paced=0.0, batch=0,
        detector="yunet 320", workers=2, threads=1, clip_sha256="1" * 64, frames=1000 * len(rates),
        faces=1000 * len(rates), dropped=0, detect_every=1, still=0.0, deadline=0.0,
        looks={"detect": 1000 * len(rates), "follow": 0, "still": 0},
        total_fps=rate_interval(rates), detection_fps=200.0, classification_fps=200.0,
        serial_fps=99.0, overlap=1.0, ceiling_fps=100.0, efficiency=1.0,
        latency_ms={stage: spread([0.01] * 1000) for stage in stages}, peak_rss_bytes=1 << 27,
        cpu_percent=150.0, others_percent=1.0,
        vitals=vitals_of([sampler.sampled], [1000]), verdict=(), rounds=rounds,
    )  # fmt: skip
    return dataclasses.replace(row, **changed)


def report(*rows: Measurement, **environment: object) -> Report:
    """Of one quiet machine, unless `environment` says otherwise."""
    host: dict[str, object] = {"device": "a board", "cpu": "a processor", "cores": 2}
    return Report(
        created="2026-01-01T00:00:00+00:00",
        argv=("edgefer", "bench"),
        environment={**host, **environment},
        clip={"url": "demo://", "frames": 60, "sha256": "1" * 64},
        engines=rows or (measurement(),),
    )
