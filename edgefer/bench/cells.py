"""Single cells of the bench's tables: one figure of one engine, as few characters as it needs."""

from __future__ import annotations

import math

from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report
from edgefer.bench.statistics import ANY, ENDLESS, Interval, Spread
from edgefer.spec import UNTRAINED
from edgefer.tables import number

NAME = 20
"""Columns of an engine's name, marks included."""
UNLIKE, WRONG, BLANK = "†", "!", "°"
"""Not like for like with the first row; answers that are wrong; weights that nobody trained."""


def name(m: Measurement) -> str:
    return m.engine.removesuffix(".onnx")


def marked(report: Report, m: Measurement, width: int = 1000) -> str:
    """The name with its marks, cut so that a table stays within 80 columns."""
    marks = (
        (UNLIKE if report.unlike(m) else "")
        + ("" if m.ranked else WRONG)
        + (BLANK if m.accuracy == UNTRAINED else "")
    )
    whole, room = name(m), width - len(marks)
    return (whole if len(whole) <= room else whole[: room - 1] + "…") + marks


def rank(report: Report, m: Measurement) -> str:
    place = report.rank(m)
    return "-" if place is None else str(place)


def whole(m: Measurement) -> Spread:
    """Of a frame from beginning to end."""
    return m.latency_ms["age" if m.mode == "pipeline" else "classification"]


def rate(value: float) -> str:
    """Six columns at most, up to 99,999."""
    return number(value, 0 if value >= 999.95 else 1)


def ms(value: float | None) -> str:
    """Six columns at most, up to 99,999."""
    return number(value, 2 if value is None or value < 100 else 1 if value < 1000 else 0)


def endless(interval: Interval) -> bool:
    """Whether it says nothing of how high the rate may be."""
    return interval.high > ENDLESS * interval.mean


def between(interval: Interval) -> str:
    """Both ends; 20 columns at most, up to 99,999."""
    if math.isnan(interval.low):
        return "-"
    high = ANY if endless(interval) else f"{interval.high:,.1f}"
    return f"{interval.low:,.1f} to {high}"


def parameters(m: Measurement) -> str:
    if m.parameters is None:
        return "-"
    return f"{m.parameters:,}" + ("" if m.parameters_from == "spec" else "*")


def million_macs(m: Measurement) -> str:
    return number(None if m.macs is None else m.macs / 1e6)


def mib(m: Measurement) -> str:
    return number(None if m.peak_rss_bytes is None else m.peak_rss_bytes / 2**20, 0)


def share(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.0%}"


def vitals(m: Measurement) -> list[str]:
    """Watts, faces a joule, degrees at the start and at the end, MHz, throttled."""
    v = m.vitals
    return [
        number(v.watts, 2),
        number(v.inferences_per_joule),
        number(v.degrees_start),
        number(v.degrees_end),
        number(v.mhz, 0),
        "-" if v.throttling is None else "yes" if v.throttling else "no",
    ]
