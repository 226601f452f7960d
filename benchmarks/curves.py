"""The curves of `benchmarks.scaling`, as a PNG: rates above, ages below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.bench.chart import FAINT, INK, TOTAL, WRONG, check_installed
from edgefer.bench.provenance import environment
from edgefer.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Point:
    """What one case showed, over its rounds."""

    n: int
    """Faces in a frame, or cameras."""
    fps: float
    """Total, of all cameras; the median of the rounds."""
    p99_ms: float
    """Age, of all frames of all rounds."""
    frames: int
    cpu_ms: float
    """Processor time of a frame; the median of the rounds."""
    found: float
    """Faces found in a frame, the mean."""


def curves(faces: Sequence[Point], cameras: Sequence[Point], knee: float, path: Path) -> None:
    """`knee`: faces where the curve bends. Raises NotInstalled, and OutputError where it cannot
    be written."""
    check_installed()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2, sharex="col")
    for column, (points, what) in enumerate(((faces, "faces in a frame"), (cameras, "cameras"))):
        rate, age = panels[0][column], panels[1][column]
        at = [point.n for point in points]
        _curve(rate, at, [point.fps for point in points], TOTAL)
        _curve(age, at, [point.p99_ms for point in points], WRONG)
        age.set_xlabel(what)
        age.set_xticks(at)
    panels[0][0].set_ylabel("total FPS")
    panels[1][0].set_ylabel("p99 age, ms")
    for axes in (panels[0][0], panels[1][0]):
        axes.axvline(knee, color=INK, linewidth=0.8, linestyle=":")
    panels[0][0].annotate(
        f"{knee:.1f} faces cost as much\nas all the rest",
        (knee, 0.97),
        (6, 0),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        va="top",
        fontsize=7,
    )
    machine = environment()
    figure.suptitle(f"{machine['cpu']}, {machine['cores']} cores", fontsize=9)
    with replacing(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})


def _curve(axes: Axes, at: Sequence[int], values: Sequence[float], colour: str) -> None:
    axes.plot(at, values, marker="o", color=colour)
    axes.set_ylim(0, 1.12 * max(values))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=FAINT)
    axes.set_axisbelow(True)
