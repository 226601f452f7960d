"""One evaluation as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill

from edgefer.tables import counted
from edgefer_export.evaluate.evaluation import (
    LABEL_SETS,
    STANDARD,
    Calibration,
    Evaluation,
)
from edgefer_export.evaluate.robustness import FRAMING, Variant, worst_framing
from edgefer_export.evaluate.scores import Score
from edgefer_export.evaluate.words import (
    UNAVAILABLE,
    between,
    percent,
    points,
    table,
)

WIDTH = 80
"""Of a terminal; tables of seven expressions fit it too."""


def accuracy_table(result: Evaluation) -> str:
    """Label sets down, with and without leaked rows across."""
    rows = [
        (name, *(cell for of in (every, clean) for cell in accuracy_cells(of)))
        for name, every, clean in known(result)
    ]
    return table(("accuracy by", "all rows", "n", "no copies", "n"), rows)


def accuracy_cells(of: Score | None) -> tuple[str, str]:
    """The figure with its interval, and its rows."""
    if of is None or not of.n:
        return UNAVAILABLE, "-"
    return percent(of.accuracy) + between(of.intervals.accuracy), str(of.n)


def known(result: Evaluation) -> list[tuple[str, Score | None, Score | None]]:
    """The label sets that the data have."""
    return [entry for entry in result.scores if entry[1] is not None]


def legend(result: Evaluation) -> str:
    """What the label sets are, and which the data have not."""
    there = [name for name, _, _ in known(result)]
    lines = [f"{name}: {about}." for name, about in LABEL_SETS.items() if name in there]
    absent = [name for name, score, _ in result.scores if score is None]
    if absent:
        lines.append(f"{' and '.join(absent)}: unavailable, the data hold no votes.")
    return " ".join(lines) + " No copies: rows whose picture does not stand in the training split."


def summary_table(result: Evaluation) -> str:
    """Figures down, label sets across, over all rows."""

    def share(value: Callable[[Score], float], name: str) -> Callable[[Score], str]:
        return lambda s: percent(value(s)) + between(getattr(s.intervals, name))

    def loss(s: Score) -> str:
        digits = 2 if s.loss < 10 else 1
        return f"{s.loss:.{digits}f}{between(s.intervals.loss, 1, digits)}"

    lines: tuple[tuple[str, Callable[[Score], str]], ...] = (
        ("accuracy", share(lambda s: s.accuracy, "accuracy")),
        ("macro F1", share(lambda s: s.macro_f1, "macro_f1")),
        ("balanced", share(lambda s: s.balanced_accuracy, "balanced_accuracy")),
        ("top 2", share(lambda s: s.top2, "top2")),
        ("NLL, nats", loss),
        ("rows", lambda s: str(s.n)),
    )
    rows = [
        (name, *(tell(s) if s and s.n else UNAVAILABLE for _, s, _ in known(result)))
        for name, tell in lines
    ]
    return table(("all rows", *(name for name, _, _ in known(result))), rows)


def recall_table(result: Evaluation) -> str:
    """Expressions down, label sets across, over all rows."""
    recalls = [score.recall if score else None for _, score, _ in known(result)]
    rows = [
        (name, *(percent(recall[i] if recall else None) for recall in recalls))
        for i, name in enumerate(result.expressions)
    ]
    return table(("recall of", *(name for name, _, _ in known(result))), rows)


def class_table(of: Score) -> str:
    """Expressions down; precision, recall with its interval, F1 and rows across."""
    rows = [
        (name, percent(p), percent(r) + between(at), percent(f1), str(sum(counts)))
        for name, p, r, at, f1, counts in zip(
            of.expressions,
            of.precision,
            of.recall,
            of.intervals.recall,
            of.f1,
            of.confusion,
            strict=True,
        )
    ]
    return table(("expression", "precision", "recall", "F1", "rows"), rows)


def confusion_table(of: Score) -> str:
    """Counts: the label down, the answer across."""
    rows = [(name, *map(str, row)) for name, row in zip(of.expressions, of.confusion, strict=True)]
    return table(("label \\ answer", *of.expressions), rows)


def shares_table(of: Score) -> str:
    """The same in % of each label's rows."""
    rows = [
        (name, *(f"{100 * count / sum(row):.0f}" if sum(row) else "-" for count in row))
        for name, row in zip(of.expressions, of.confusion, strict=True)
    ]
    return table(("label \\ answer", *of.expressions), rows)


def calibration_table(of: Calibration) -> str:
    """As the model is, and at a temperature, across."""
    bins = len(of.before.counts)
    rows = [
        (
            f"ECE, {bins} equal bins (points)",
            f"{100 * of.before.error:.1f}",
            f"{100 * of.after.error:.1f}",
        ),
        ("NLL, nats", f"{of.loss_before:.3f}", f"{of.loss_after:.3f}"),
    ]
    return table(("calibration", "as it is", "at a temperature"), rows)


def robustness_table(variants: Sequence[Variant]) -> str:
    """Corruptions down."""
    rows = [(v.name, percent(v.accuracy), points(v.change, v.interval)) for v in variants]
    return table(("pictures", "accuracy", "change (points)"), rows)


def framing_line(variants: Sequence[Variant]) -> str:
    """The largest fall among moderate crop scales, in words."""
    worst = worst_framing(variants)
    if worst is None:
        return f"Crop scales from {FRAMING[0]:g} to {FRAMING[1]:g}: {UNAVAILABLE}."
    return (
        f"Largest change at crop scales from {FRAMING[0]:g} to {FRAMING[1]:g}: "
        f"{points(worst.change, worst.interval)} points, {worst.name}."
    )


def report(result: Evaluation, variants: Sequence[Variant] = ()) -> str:
    """Everything about one evaluation, with robustness where it was measured."""
    parts = [
        title(result),
        accuracy_table(result),
        legend(result),
        intervals_line(result),
        summary_table(result),
        "Balanced: the mean recall of the expressions. Top 2: the label is among the two most "
        "probable. NLL: mean negative log-likelihood of the labels.",
        f"By {STANDARD}, all rows:",
        class_table(result.standard),
    ]
    if len(known(result)) > 1:  # of one label set it stands above
        parts.append(recall_table(result))
    if result.calibration is not None:
        parts += [
            calibration_table(result.calibration),
            f"By {STANDARD}, all rows. The temperature that fits them all is "
            f"{result.calibration.temperature:.3f} times the model's own; the figures are of "
            "halves of the rows, each at the temperature that fits the other half.",
        ]
    if variants:
        parts += [
            f"Robustness by {STANDARD}, all {result.rows} rows; the change is against the same "
            "rows unchanged:",
            robustness_table(variants),
            framing_line(variants),
        ]
    parts += [
        f"Confusion, {STANDARD}, all rows:",
        confusion_table(result.standard),
        "The same in % of each label's rows:",
        shares_table(result.standard),
    ]
    return "\n\n".join(part if part.startswith("|") else fill(part, WIDTH) for part in parts)


def title(result: Evaluation) -> str:
    """Which model, on what."""
    left_out = (
        f"; {counted(result.left_out, 'row')} left out, whose expression the model never answers; "
        f"answers are among {', '.join(result.expressions)}"
        if result.left_out
        else ""
    )
    return (
        f"{result.model} on {result.runtime}: {result.dataset} {result.split}, {result.rows} "
        f"rows, digest {result.digest}{left_out}"
    )


def intervals_line(result: Evaluation) -> str:
    """What the brackets hold."""
    drawn = "groups of rows that belong together" if result.grouped else "rows"
    return (
        f"In brackets: 95 % intervals, percentiles of {result.resamples} bootstrap resamples of "
        f"{drawn}. They hold the sampling error of these rows, nothing else."
    )
