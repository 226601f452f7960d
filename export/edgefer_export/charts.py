"""Pictures of figures: curves, a confusion matrix, a reliability diagram, each a PNG.

Matplotlib is used by its objects: `pyplot` would keep every figure and look for a display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgefer.errors import ConfigError
from edgefer.files import replacing
from edgefer_export.calibration import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 130
STEEP = 8
"""Times the median that the greatest value may be before the axis becomes logarithmic."""
INK, FAINT = "#222222", "#d9d9d9"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Told apart by colour-blind readers too: Okabe and Ito, "Color Universal Design", 2008."""

Curve = tuple[Sequence[float], Sequence[float]]


def lines(
    path: Path,
    title: str,
    x_label: str,
    y_label: str,
    series: Mapping[str, Curve],
    footer: str = "",
) -> None:
    """One line per name, (xs, ys) of equal length; a nan is a gap. Labels carry their units.

    Raises ConfigError where there is nothing to draw, OutputError where it cannot be written.
    """
    if not any(len(xs) for xs, _ in series.values()):
        raise ConfigError(f"{title}: there is nothing to draw")
    figure, axes = _sheet(7.2, 4.4)
    for number, (name, (xs, ys)) in enumerate(series.items()):
        axes.plot(
            xs,
            ys,
            color=COLOURS[number % len(COLOURS)],
            linestyle=("-", "--", ":")[number // len(COLOURS) % 3],
            linewidth=1.8,
            marker="o" if len(xs) < 15 else "",
            markersize=4,
            label=name,
        )
    heights = [y for _, ys in series.values() for y in ys if y == y]  # no nan
    if heights and min(heights) > 0 and max(heights) > STEEP * float(np.median(heights)):
        axes.set_yscale("log")  # one wild epoch would flatten all others
    axes.grid(color=FAINT, linewidth=0.6)
    _name(axes, title, x_label, y_label)
    _legend(axes)
    _write(figure, path, footer)


def confusion(
    path: Path,
    title: str,
    names: Sequence[str],
    counts: Sequence[Sequence[int]],
    footer: str = "",
) -> None:
    """Counts, the label down and the answer across; colour and per cent are of the label's row.

    Raises OutputError where it cannot be written.
    """
    cells = np.asarray(counts, dtype=np.int64)
    rows = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, rows, out=np.zeros(cells.shape), where=rows > 0)
    side = 1.6 + 0.85 * len(names)
    figure, axes = _sheet(side + 1.0, side)
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), share in np.ndenumerate(shares):
        known = rows[i, 0] > 0
        axes.text(
            j,
            i,
            f"{100 * share:.0f} %\n{cells[i, j]}" if known else "-",
            ha="center",
            va="center",
            fontsize=8.5,
            fontweight="bold" if i == j else "normal",
            color="white" if share > 0.5 else INK,
        )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(len(names)), [f"{n}\n(n {r})" for n, r in zip(names, rows[:, 0], strict=True)]
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(picture, ax=axes, fraction=0.045, pad=0.03)
    bar.set_label("share of the label's rows (%)", color=INK)
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1], labels=["0", "25", "50", "75", "100"])
    bar.outline.set_visible(False)
    _name(axes, title, "answer", "label")
    _write(figure, path, footer)


def reliability(path: Path, title: str, of: Mapping[str, Reliability], footer: str = "") -> None:
    """A panel per name: accuracy against probability, bin by bin, and how many rows each has.

    Raises OutputError where it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * len(of), 5.2), layout="constrained")
    panels = figure.subplots(
        2, len(of), sharex=True, sharey="row", squeeze=False, height_ratios=(4, 1)
    )
    for column, (name, found) in enumerate(of.items()):
        upper, lower = panels[0, column], panels[1, column]
        width = 1 / len(found.counts)
        middles = (np.arange(len(found.counts)) + 0.5) * width
        right = np.nan_to_num(np.array(found.accuracy))
        gap = np.nan_to_num(np.array(found.confidence)) - right
        upper.bar(middles, right, width, color=COLOURS[0], edgecolor="white", label="accuracy")
        for name_of, colour, part in (
            ("too sure by", "#f0b48a", np.maximum(gap, 0)),
            ("not sure enough by", COLOURS[4], np.minimum(gap, 0)),
        ):
            upper.bar(middles, part, width, right, color=colour, edgecolor="white", label=name_of)
        upper.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--", label="calibrated")
        upper.set(xlim=(0, 1), ylim=(0, 1))
        lower.bar(middles, found.counts, width, color="#999999", edgecolor="white")
        of_bins = f"ECE {100 * found.error:.1f} points, {len(found.counts)} bins"
        _name(upper, f"{name}\n{of_bins}", "", "accuracy (share right)" if column == 0 else "")
        _name(lower, "", "probability of the answer", "rows" if column == 0 else "")
        for axes in (upper, lower):
            axes.grid(color=FAINT, linewidth=0.6)
            axes.set_axisbelow(True)
    _legend(panels[0, 0])
    figure.suptitle(title, fontsize=11, color=INK)
    _write(figure, path, footer)


def _sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Width and height in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _name(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    axes.set_title(title, fontsize=11, color=INK)
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    axes.tick_params(colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8.5, framealpha=0.9, edgecolor=FAINT)


def _write(figure: Figure, path: Path, footer: str) -> None:
    """The same figures give the same bytes: no date and no version are written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    if footer:
        figure.text(0.0, -0.01, footer, fontsize=7, color="#666666", ha="left", va="top")
    with replacing(path) as file:
        figure.savefig(
            file,
            format="png",
            dpi=DPI,
            facecolor="white",
            bbox_inches="tight",
            pad_inches=0.12,
            metadata={"Software": None},
        )
