"""How right a model is, by which labels, on which rows, and how sure that figure is.

`answers` asks the model, `scores` and `intervals` count, `evaluation` puts it all together,
`robustness` asks again with changed pictures; `words`, `tables`, `record` and `folder` tell it.
"""

from edgefer_export.evaluate.answers import mirrored_too, probabilities, shared_rows, tensors
from edgefer_export.evaluate.evaluation import (
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
from edgefer_export.evaluate.robustness import measure_robustness
from edgefer_export.evaluate.scores import Score, score
from edgefer_export.evaluate.tables import (
    accuracy_table,
    calibration_table,
    confusion_table,
    recall_table,
    report,
)
from edgefer_export.evaluate.words import UNAVAILABLE, figure, in_words, percent, table

__all__ = [
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
    "measure_robustness",
    "mirrored_too",
    "percent",
    "probabilities",
    "recall_table",
    "refuse_empty",
    "report",
    "score",
    "shared_rows",
    "table",
    "tensors",
    "to_record",
]
