"""One evaluation as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgefer.tables import counted
from edgefer_export.evaluate.evaluation import STANDARD, Calibration, Evaluation
from edgefer_export.evaluate.robustness import FRAMING, Variant, worst_framing
from edgefer_export.evaluate.scores import Score
from edgefer_export.evaluate.words import (
    UNAVAILABLE,
    between,
    figure,
    percent,
    points,
    table,
)


def accuracy_table(result: Evaluation) -> str:
    """Label sets down, with and without leaked rows across."""
    rows = [(name, figure(every), figure(clean)) for name, every, clean in result.scores]
    return table(("accuracy by", "all rows", "without copies of training pictures"), rows)


def summary_table(result: Evaluation) -> str:
    """Figures down, label sets across, over all rows."""

    def share(value: Callable[[Score], float], name: str) -> Callable[[Score], str]:
        return lambda s: percent(value(s)) + between(getattr(s.intervals, name))

    lines: tuple[tuple[str, Callable[[Score], str]], ...] = (
        ("accuracy", share(lambda s: s.accuracy, "accuracy")),
        ("macro F1", share(lambda s: s.macro_f1, "macro_f1")),
        ("balanced accuracy", share(lambda s: s.balanced_accuracy, "balanced_accuracy")),
        ("label among the top 2", share(lambda s: s.top2, "top2")),
        ("log-likelihood loss (nats)", lambda s: f"{s.loss:.3f}{between(s.intervals.loss, 1, 3)}"),
        ("rows", lambda s: str(s.n)),
    )
    rows = [
        (name, *(tell(s) if s and s.n else UNAVAILABLE for _, s, _ in result.scores))
        for name, tell in lines
    ]
    return table(("over all rows", *(name for name, _, _ in result.scores)), rows)


def recall_table(result: Evaluation) -> str:
    """Expressions down, label sets across, over all rows."""
    recalls = [score.recall if score else None for _, score, _ in result.scores]
    rows = [
        (name, *(percent(recall[i] if recall else None) for recall in recalls))
        for i, name in enumerate(result.expressions)
    ]
    return table(("recall of", *(name for name, _, _ in result.scores)), rows)


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
    """The same as shares of each label's rows."""
    rows = [
        (name, *(percent(count / sum(row) if sum(row) else None) for count in row))
        for name, row in zip(of.expressions, of.confusion, strict=True)
    ]
    return table(("label \\ answer", *of.expressions), rows)


def calibration_table(of: Calibration) -> str:
    """As the model is, and at a temperature, across."""
    bins = len(of.before.counts)
    rows = [
        (
            f"ECE, {bins} bins of equal width (points)",
            f"{100 * of.before.error:.1f}",
            f"{100 * of.after.error:.1f}",
        ),
        ("log-likelihood loss (nats)", f"{of.loss_before:.3f}", f"{of.loss_after:.3f}"),
    ]
    return table(("calibration", "as it is", "at a temperature, cross-fitted"), rows)


def robustness_table(variants: Sequence[Variant]) -> str:
    """Corruptions down."""
    rows = [(v.name, percent(v.accuracy), points(v.change, v.interval), v.about) for v in variants]
    return table(("pictures", "accuracy", "change (points)", "what is done"), rows)


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
        intervals_line(result),
        summary_table(result),
        f"By {STANDARD}, all rows:",
        class_table(result.standard),
        recall_table(result),
    ]
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
        "The same as shares of each label's rows:",
        shares_table(result.standard),
    ]
    return "\n\n".join(parts)


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
