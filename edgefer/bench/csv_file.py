"""A report for spreadsheets."""

from __future__ import annotations

import csv
import dataclasses
import io
import math

from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report

KINDS = ("n", "mean", "cv", "p50", "p90", "p95", "p99", "max")
AS_THEY_ARE = ("detection_fps", "classification_fps", "serial_fps", "overlap", "ceiling_fps",
               "efficiency", "roof_share", "cpu_percent", "others_percent",
               "lost_percent", "peak_rss_bytes")  # fmt: skip


def to_csv(report: Report) -> str:
    """One line for each engine; empty where nothing was measured."""
    file = io.StringIO()
    rows = [_row(report, m) for m in report.engines]
    out = csv.DictWriter(file, rows[0], lineterminator="\n")
    out.writeheader()
    for row in rows:
        out.writerow({name: "" if _missing(cell) else cell for name, cell in row.items()})
    return file.getvalue()


def _row(report: Report, m: Measurement) -> dict[str, object]:
    row: dict[str, object] = {
        "engine": m.engine,
        "rank": report.rank(m),
        "verdict": str(m.stability),
        "gate": {None: "unchecked", True: "passed", False: "failed"}[m.gate.passed],
        "unlike": ", ".join(report.unlike(m)),
    }
    for name in ("model_sha256", "network", "parameters", "macs", "precision", "input", "runtime",
                 "accuracy", "mode", "paced", "batch", "detector", "workers",
                 "threads"):  # fmt: skip
        row[name] = getattr(m, name)
    row["rounds"] = len(m.rounds)
    for name in ("frames", "faces", "faces_per_frame", "dropped", "detect_every", "still",
                 "deadline"):  # fmt: skip
        row[name] = getattr(m, name)
    row |= {f"frames_{look}": frames for look, frames in m.looks.items()}
    total = m.total_fps
    row |= {"total_fps": total.mean, "total_fps_low": total.low, "total_fps_high": total.high}
    row |= {name: getattr(m, name) for name in AS_THEY_ARE}
    for name, value in dataclasses.asdict(m.vitals).items():
        row[name] = "; ".join(value) or "none" if isinstance(value, tuple) else value
    for stage in m.latency_ms:
        for kind in KINDS:
            unit = "" if kind in ("n", "cv") else "_ms"
            row[f"{stage}_{kind}{unit}"] = getattr(m.latency_ms[stage], kind)
    return row


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
