"""A report for spreadsheets."""

from __future__ import annotations

import csv
import io
import math

from edgefer.bench.report import Report


def to_csv(report: Report) -> str:
    """One line for each engine; empty where nothing was measured."""
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    stages = list(report.first.latency_ms)
    kinds = ("n", "mean", "cv", "p50", "p90", "p95", "p99", "max")
    out.writerow([
        "engine", "rank", "verdict", "gate", "unlike", "model_sha256", "network", "parameters",
        "macs", "precision", "input", "runtime", "mode", "paced", "batch", "detector", "workers",
        "rounds", "frames", "faces", "dropped", "total_fps", "total_fps_low", "total_fps_high",
        "detection_fps", "classification_fps", "serial_fps", "overlap", "ceiling_fps",
        "efficiency", "roof_share", "cpu_percent", "others_percent", "peak_rss_bytes",
        *(f"{stage}_{kind}" + ("" if kind in ("n", "cv") else "_ms")
          for stage in stages for kind in kinds),
    ])  # fmt: skip
    for m in report.engines:
        total = m.total_fps
        spreads = [getattr(m.latency_ms[stage], kind) for stage in stages for kind in kinds]
        gate = {None: "unchecked", True: "passed", False: "failed"}[m.gate.passed]
        cells = [
            m.engine, report.rank(m), str(m.stability), gate, " ".join(report.unlike(m)),
            m.model_sha256, m.network, m.parameters, m.macs, m.precision, m.input, m.runtime,
            m.mode, m.paced, m.batch, m.detector, m.workers, len(m.rounds), m.frames, m.faces,
            m.dropped, total.mean, total.low, total.high, m.detection_fps, m.classification_fps,
            m.serial_fps, m.overlap, m.ceiling_fps, m.efficiency, m.roof_share, m.cpu_percent,
            m.others_percent, m.peak_rss_bytes, *spreads,
        ]  # fmt: skip
        out.writerow(["" if _missing(cell) else cell for cell in cells])
    return file.getvalue()


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
