"""What became of labelled scenes, as Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

from edgefer.files import replacing
from edgefer_export.evaluate.folder import prepare
from edgefer_export.evaluate.words import between, percent, table
from edgefer_export.scenes import MATCH_IOU, Rate, SceneResult

MISSED = "missed"
FACES = ("picture", "x1", "y1", "x2", "y2", "expression", "answer", "iou")


def report(of: SceneResult) -> str:
    """Markdown."""
    rates = [
        ("faces found by the detector", _words(of.found)),
        ("answers right, of the faces found", _words(of.classified)),
        ("end to end: right, of all faces", _words(of.end_to_end)),
        ("false alarms", f"{of.false_alarms} in {of.scenes} pictures"),
    ]
    expressions = sorted({face.labelled.expression for face in of.faces})
    answers = sorted({face.answer for face in of.faces if face.answer is not None})
    pairs = Counter((face.labelled.expression, face.answer or MISSED) for face in of.faces)
    columns = [*answers, MISSED]
    confusion = [(e, *(str(pairs[e, a]) for a in columns)) for e in expressions]
    parts = [
        f"{of.detector}, then {of.model} on {of.runtime}: {of.scenes} pictures of {of.folder}, "
        f"{len(of.faces)} labelled faces",
        table(("whole pictures", ""), rates),
        f"A face is found where a detection overlaps it by {MATCH_IOU:g} (intersection over "
        "union); one that is not counts as wrong end to end. In brackets: 95 % intervals, "
        f"percentiles of {of.resamples} bootstrap resamples of faces.",
    ]
    if confusion:
        parts.append(table(("label \\ answer", *columns), confusion))
    return "\n\n".join(parts)


def to_record(of: SceneResult) -> dict[str, Any]:
    """What `--json` prints."""
    return {**dataclasses.asdict(of), "match_iou": MATCH_IOU}


def write(folder: Path, of: SceneResult) -> None:
    """report.md, report.json and faces.csv. Raises OutputError."""
    prepare(folder)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(FACES)
    for face in of.faces:
        box = face.labelled.box
        writer.writerow(
            (
                face.picture,
                *(f"{v:g}" for v in (box.x1, box.y1, box.x2, box.y2)),
                face.labelled.expression,
                face.answer or MISSED,
                f"{face.iou:.3f}",
            )
        )
    for name, content in (
        ("faces.csv", text.getvalue()),
        ("report.md", report(of) + "\n"),
        ("report.json", json.dumps(to_record(of), indent=2) + "\n"),
    ):
        with replacing(folder / name) as file:
            file.write(content.encode())


def _words(of: Rate) -> str:
    return f"{percent(of.value)}{between(of.interval)} (n {of.n})"
