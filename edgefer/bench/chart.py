"""A bar chart of a report's rates, as a PNG."""

from __future__ import annotations

import math
from pathlib import Path

from edgefer.bench.measurement import Measurement
from edgefer.bench.report import Report
from edgefer.bench.statistics import Interval
from edgefer.errors import NotInstalled
from edgefer.files import replacing

INK, FAINT = "#222222", "#d9d9d9"
TOTAL, WRONG = "#0072b2", "#d55e00"


def check_installed() -> None:
    """Raises NotInstalled where matplotlib is not there: before minutes of measuring."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as exc:
        raise NotInstalled(
            "a chart needs matplotlib. Install it: pip install 'edgefer[charts]'"
        ) from exc


def bars(report: Report, path: Path) -> None:
    """Total rates with their intervals, the highest first; a row whose answers are wrong comes
    last, in another colour. Raises NotInstalled, and OutputError where it cannot be written."""
    check_installed()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    def order(m: Measurement) -> tuple[bool, float]:
        return (not m.ranked, -m.total_fps.mean)

    rows = sorted(report.engines, key=order)[::-1]  # the axis counts upwards
    figure = Figure(figsize=(7.2, 1.5 + 0.38 * len(rows)), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    names, rates = [m.engine.removesuffix(".onnx") for m in rows], [m.total_fps for m in rows]
    # An interval of few, unlike rounds may be endless: the bars set the scale, and it leaves it.
    most = 1.25 * max(rate.mean for rate in rates)
    reach = [[_arm(rate, rate.low, most) for rate in rates],
             [_arm(rate, rate.high, most) for rate in rates]]  # fmt: skip
    axes.barh(
        range(len(rows)),
        [rate.mean for rate in rates],
        xerr=reach,
        color=[TOTAL if m.ranked else WRONG for m in rows],
        ecolor=INK,
        capsize=3,
    )
    axes.set_xlim(0, most)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_yticks(range(len(rows)), names)
    axes.set_xlabel(
        ("faces" if report.first.mode == "engine" else "frames") + " a second, 95 % interval"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    unstable = sum(not m.stability.stable for m in rows)
    note = f"; {unstable} of {len(rows)} unstable" if unstable else ""
    figure.suptitle(f"{report.environment['cpu']}, {report.first.runtime}{note}", fontsize=9)
    with replacing(path) as file:
        figure.savefig(file, format="png")


def _arm(rate: Interval, end: float, most: float) -> float:
    """Of an error bar; none of one round, and beyond the scale where there is no end."""
    if math.isnan(end):
        return 0.0
    return min(abs(end - rate.mean), 2 * most)
