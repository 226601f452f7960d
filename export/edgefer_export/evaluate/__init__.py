"""How right a model is, by which labels, on which rows, and how sure that figure is.

`answers` asks the model, `scores` and `intervals` count, `judge` puts one evaluation together,
`robustness` repeats it on changed pictures, `words`, `report`, `record` and `folder` tell it.
"""

from edgefer_export.evaluate.answers import BATCH, probabilities, shared_rows, tensors
from edgefer_export.evaluate.judge import (
    MAJORITY,
    PLURALITY,
    STANDARD,
    Calibration,
    Evaluation,
    evaluate,
    judge,
    refuse_empty,
)
from edgefer_export.evaluate.record import to_record
from edgefer_export.evaluate.report import (
    accuracy_table,
    calibration_table,
    confusion_table,
    recall_table,
    report,
)
from edgefer_export.evaluate.robustness import robustness
from edgefer_export.evaluate.scores import Score, score
from edgefer_export.evaluate.words import UNAVAILABLE, figure, in_words, percent, table

__all__ = [
    "BATCH",
    "MAJORITY",
    "PLURALITY",
    "STANDARD",
    "UNAVAILABLE",
    "Calibration",
    "Evaluation",
    "Score",
    "accuracy_table",
    "calibration_table",
    "confusion_table",
    "evaluate",
    "figure",
    "in_words",
    "judge",
    "percent",
    "probabilities",
    "recall_table",
    "refuse_empty",
    "report",
    "robustness",
    "score",
    "shared_rows",
    "table",
    "tensors",
    "to_record",
]
