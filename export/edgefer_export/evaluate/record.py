"""One evaluation as plain values for JSON; null where the data do not say."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from edgefer.bench.provenance import command_line, environment
from edgefer_export.calibration import Reliability
from edgefer_export.evaluate.evaluation import Calibration, Evaluation
from edgefer_export.evaluate.intervals import LEVEL, SEED
from edgefer_export.evaluate.robustness import Variant, worst_framing
from edgefer_export.evaluate.scores import Score

SCHEMA = "edgefer.evaluation/1"


def to_record(result: Evaluation, variants: Sequence[Variant] = ()) -> dict[str, Any]:
    """What `--json` prints and `report.json` holds; `robustness` is null where not measured."""
    return {
        "schema": SCHEMA,
        "command": command_line(),
        "environment": environment(),
        "model": result.model,
        "runtime": result.runtime,
        "dataset": result.dataset,
        "split": result.split,
        "digest": result.digest,
        "rows": result.rows,
        "left_out": result.left_out,
        "expressions": result.expressions,
        "scores": {
            name: {"all": _score(every), "without_leak": _score(clean)}
            for name, every, clean in result.scores
        },
        "agreement_of_labels": result.agreement,
        "calibration": _calibration(result.calibration),
        "robustness": _robustness(variants) if variants else None,
        "bootstrap": {
            "resamples": result.resamples,
            "of": "groups" if result.grouped else "rows",
            "level": LEVEL,
            "seed": SEED,
        },
    }


def _score(of: Score | None) -> dict[str, Any] | None:
    if of is None or not of.n:
        return None
    at = of.intervals
    return {
        "n": of.n,
        "accuracy": of.accuracy,
        "macro_f1": of.macro_f1,
        "balanced_accuracy": of.balanced_accuracy,
        "top2": of.top2,
        "loss": of.loss,
        "precision": _named(of.expressions, of.precision),
        "recall": _named(of.expressions, of.recall),
        "f1": _named(of.expressions, of.f1),
        "confusion": of.confusion,
        "intervals": {
            "accuracy": at.accuracy,
            "macro_f1": at.macro_f1,
            "balanced_accuracy": at.balanced_accuracy,
            "top2": at.top2,
            "loss": at.loss,
            "recall": dict(zip(of.expressions, at.recall, strict=True)),
        },
    }


def _named(names: Sequence[str], values: Sequence[float]) -> dict[str, float | None]:
    return dict(zip(names, map(_number, values), strict=True))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _calibration(of: Calibration | None) -> dict[str, Any] | None:
    if of is None:
        return None

    def bins(found: Reliability) -> dict[str, Any]:
        return {
            "ece": _number(found.error),
            "counts": found.counts,
            "confidence": [_number(v) for v in found.confidence],
            "accuracy": [_number(v) for v in found.accuracy],
        }

    return {
        "temperature": of.temperature,
        "before": {**bins(of.before), "loss": of.loss_before},
        "after_cross_fitted": {**bins(of.after), "loss": of.loss_after},
    }


def _robustness(variants: Sequence[Variant]) -> dict[str, Any]:
    worst = worst_framing(variants)
    return {
        "variants": [dataclasses.asdict(variant) for variant in variants],
        "worst_framing": worst.name if worst else None,
    }
