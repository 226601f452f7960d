"""The whole program on whole pictures: what the detector misses, the classifier cannot mend.

A folder holds pictures and `labels.csv`, one labelled face a line: picture, x1, y1, x2, y2
(pixels, half-open), expression. A line with a picture alone says that no face is in it; a
picture that no line names is not looked at.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefer.classifier import Classifier
from edgefer.data import Box, Detected, Face, Frame
from edgefer.errors import ConfigError, UnknownName
from edgefer.protocols import Detector, Engine
from edgefer.sources.images import read_image
from edgefer.timing import clock
from edgefer_export.evaluate.intervals import RESAMPLES, Interval, of_mean

LABELS = "labels.csv"
COLUMNS = ("picture", "x1", "y1", "x2", "y2", "expression")
MATCH_IOU = 0.4
"""Least overlap, intersection over union, of a labelled face with a detection that finds it."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One face that somebody marked."""

    box: Box
    expression: str


Scenes = Mapping[Path, tuple[Labelled, ...]]


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of one labelled face."""

    picture: str
    labelled: Labelled
    answer: str | None
    """None where the detector missed it."""
    iou: float
    """With the detection that found it; 0 where none did."""

    @property
    def right(self) -> bool:
        return self.answer == self.labelled.expression


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `n` faces, 0 to 1, and its 95 % interval; None of no faces."""

    value: float | None
    interval: Interval | None
    n: int


@dataclass(frozen=True, slots=True)
class SceneResult:
    """One detector and one model on labelled scenes."""

    detector: str
    model: str
    runtime: str
    folder: str
    scenes: int
    faces: tuple[Judged, ...]
    false_alarms: int
    """Detections that no labelled face matches."""
    found: Rate
    """Recall of the detector: of all labelled faces."""
    classified: Rate
    """Accuracy of the classifier: of the faces found."""
    end_to_end: Rate
    """Of all labelled faces; one that was missed is wrong."""
    resamples: int


def read_labels(folder: Path) -> dict[Path, tuple[Labelled, ...]]:
    """Pictures and the faces in them, in the order of the file.

    Raises ConfigError where the file is missing or a line of it cannot be meant.
    """
    path = folder / LABELS
    found: dict[Path, tuple[Labelled, ...]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(
                    f"{path} has no column {', '.join(missing)}; its first line must be "
                    f"{','.join(COLUMNS)}"
                )
            for line in reader:
                picture, face = _read_line(path, reader.line_num, line)
                found[picture] = found.get(picture, ()) + face
    except OSError as exc:
        raise ConfigError(
            f"cannot read {path}: {exc.strerror}. --scenes takes a folder of pictures with a "
            f"{LABELS}: {','.join(COLUMNS)}"
        ) from exc
    except (csv.Error, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not a csv file: {exc}") from exc
    if not found:
        raise ConfigError(f"{path} names no picture")
    return found


def _read_line(
    path: Path, number: int, line: Mapping[str, str | None]
) -> tuple[Path, tuple[Labelled, ...]]:
    name, *corners, expression = ((line[column] or "").strip() for column in COLUMNS)
    picture = path.parent / name
    if not name or not picture.is_file():
        raise ConfigError(f"{path}, line {number}: there is no picture {picture}")
    if not any(corners) and not expression:
        return picture, ()
    try:
        box = Box(*map(float, corners))
    except ValueError as exc:
        raise ConfigError(f"{path}, line {number}: {exc}; x1, y1, x2, y2 are pixels") from exc
    if not (box.x1 < box.x2 and box.y1 < box.y2 and np.isfinite(box.area)) or not expression:
        raise ConfigError(
            f"{path}, line {number}: a face needs x1 < x2, y1 < y2 and an expression; these are "
            f"{','.join(corners)} and {expression!r}"
        )
    return picture, (Labelled(box, expression),)


def evaluate(
    detector: Detector, engine: Engine, scenes: Scenes, resamples: int = RESAMPLES
) -> SceneResult:
    """Run both on every scene, as the device would.

    Raises UnknownName for a labelled expression that the model never answers, SourceError for a
    picture that cannot be read, and what detector and engine raise.
    """
    for face in (face for faces in scenes.values() for face in faces):
        if face.expression not in engine.spec.labels:
            raise UnknownName(
                f"expression of {engine.spec.name}", face.expression, engine.spec.labels
            )
    classifier = Classifier(engine)
    judged: list[Judged] = []
    false_alarms = 0
    for number, (picture, labelled) in enumerate(scenes.items()):
        frame = Frame(read_image(picture), number, clock())
        faces = detector.detect(frame.image_bgr)
        answers = [e.label for e in classifier.classify(Detected(frame, faces))]
        pairs = matched(labelled, faces)
        false_alarms += len(faces) - len(pairs)
        for i, marked in enumerate(labelled):
            at = pairs.get(i)
            answer = None if at is None else answers[at]
            iou = 0.0 if at is None else marked.box.iou(faces[at].box)
            judged.append(Judged(picture.name, marked, answer, iou))
    found = [face for face in judged if face.answer is not None]
    return SceneResult(
        detector=detector.name,
        model=engine.spec.name,
        runtime=engine.runtime,
        folder=next(iter(scenes)).parent.name,
        scenes=len(scenes),
        faces=tuple(judged),
        false_alarms=false_alarms,
        found=_rate([face.answer is not None for face in judged], resamples),
        classified=_rate([face.right for face in found], resamples),
        end_to_end=_rate([face.right for face in judged], resamples),
        resamples=resamples,
    )


def matched(labelled: tuple[Labelled, ...], faces: tuple[Face, ...]) -> dict[int, int]:
    """Number of a labelled face -> that of the detection that found it, each at most once; the
    pairs that overlap most go first."""
    overlaps = [
        (marked.box.iou(face.box), i, j)
        for i, marked in enumerate(labelled)
        for j, face in enumerate(faces)
    ]
    pairs: dict[int, int] = {}
    for iou, i, j in sorted(overlaps, key=lambda pair: -pair[0]):
        if iou >= MATCH_IOU and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _rate(right: list[bool], resamples: int) -> Rate:
    values = np.array(right, np.float64)
    if not len(values):
        return Rate(None, None, 0)
    return Rate(float(values.mean()), of_mean(values, None, resamples), len(values))
