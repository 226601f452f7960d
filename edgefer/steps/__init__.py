"""Step by step: what the machine sees of one face, from the frame to the probabilities.

Nothing is computed here a second time: detector, preprocessing, engine and decoding are the
pipeline's own, run once over the picture; what passed between them is kept and drawn. Only the
feature maps come from a copy of the model (engines/onnx_taps.py).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from edgefer.classifier import Classifier
from edgefer.data import Detected, Expression, Face, Frame, Image
from edgefer.engines.onnx_taps import Inside, look_inside
from edgefer.errors import EdgeferError, UnknownName
from edgefer.preprocessing import normalise, placement, warp
from edgefer.protocols import Detector, Engine
from edgefer.spec import Plane, Preprocessing
from edgefer.steps import drawing
from edgefer.timing import clock

Array = NDArray[np.float32]
Values = Mapping[str, object]
"""Text, numbers, and tuples and tables of them: what JSON can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture of a step; its name chooses the caption, which its values fill."""

    name: str
    image: Image
    """(h, w, 3) uint8, blue-green-red."""
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One stage. `name` and `said` choose its sentences, which `values` fill."""

    name: str
    said: tuple[str, ...]
    values: Values = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """All stages of one face; where there is none, those up to the search."""

    faces: tuple[Face, ...]
    steps: tuple[Step, ...]


@runtime_checkable
class Shrinking(Protocol):
    """A detector that can show the picture it works on."""

    def working(self, image_bgr: Image) -> NDArray[np.uint8]: ...


def step_by_step(
    image_bgr: Image, index: int, detector: Detector, engine: Engine, model: Path
) -> Steps:
    """Every stage of face number `index`, from 0, as found in `image_bgr`, (H, W, 3) uint8.

    `model` is the file that `engine` runs. Detector and engine are used as by the pipeline's
    threads: where they own a device, give those that are shared. Raises UnknownName where there
    are faces, but not as many, and what detector and engine raise.
    """
    faces = detector.detect(image_bgr)
    seen = [_frame(image_bgr), *_working(image_bgr, detector)]
    if not faces:
        nothing = Picture("frame", drawing.fitted(image_bgr)[0])
        seen.append(Step("faces", ("none",), {"faces": 0, "detector": detector.name}, (nothing,)))
        return Steps((), tuple(seen))
    if not 0 <= index < len(faces):
        raise UnknownName("face", str(index), [str(n) for n in range(len(faces))])
    kept = _Kept(engine)
    # All faces, as the pipeline does: the answer of a batch may differ in its last bit.
    answers = Classifier(kept).classify(Detected(Frame(image_bgr, 0, clock()), faces))
    row, raw = kept.batch[index : index + 1], kept.answer[index]
    how, face, answer = engine.spec.preprocessing, faces[index], answers[index]
    crop = np.empty((how.height, how.width, 3), np.uint8)
    warp(image_bgr, placement(face, how), crop)
    inside, fault = _inside(model, row)
    seen += [
        _faces(image_bgr, faces, index),
        _crop(image_bgr, face, how, crop),
        *_planes(crop, row[0], how),
        _tensor(row[0], how),
        _maps(inside, fault, model),
        *_answer(raw, engine, answer),
        _evidence(inside, fault, model, crop, answer),
    ]
    return Steps(faces, tuple(seen))


class _Kept:
    """The engine, and what went into it and came out last."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.spec, self.exclusive, self.runtime = engine.spec, engine.exclusive, engine.runtime
        self.batch = self.answer = np.empty((0, 0), np.float32)

    def infer(self, batch: Array) -> Array:
        self.batch, self.answer = batch, self._engine.infer(batch)
        return self.answer

    def close(self) -> None:
        """The engine is its owner's."""


def _frame(image_bgr: Image) -> Step:
    height, width = image_bgr.shape[:2]
    shown = Picture("frame", drawing.fitted(image_bgr)[0])
    return Step("frame", ("size",), {"width": width, "height": height}, (shown,))


def _working(image_bgr: Image, detector: Detector) -> Iterator[Step]:
    inner = getattr(detector, "detector", detector)  # of TakingTurns; this needs no turn
    if not isinstance(inner, Shrinking):
        return
    small = inner.working(image_bgr)
    height, width = small.shape[:2]
    same = (height, width) == image_bgr.shape[:2]
    said = ("same" if same else "smaller", *(("equalised",) if small.ndim == 2 else ()))
    values = {"width": width, "height": height, "detector": detector.name}
    shown = drawing.colours(drawing.fitted(small)[0])
    yield Step("working", said, values, (Picture("working", shown),))


def _faces(image_bgr: Image, faces: tuple[Face, ...], index: int) -> Step:
    face = faces[index]
    said = ("many" if len(faces) > 1 else "one", "landmarks" if face.landmarks else "box")
    values: dict[str, object] = {
        "faces": len(faces),
        "number": index + 1,
        "score": face.score,
        "box": dataclasses.astuple(face.box),
    }
    if face.landmarks is not None:
        values["landmarks"] = face.landmarks
    return Step("faces", said, values, (Picture("boxes", drawing.boxes(image_bgr, faces, index)),))


def _crop(image_bgr: Image, face: Face, how: Preprocessing, crop: Image) -> Step:
    affine = placement(face, how)
    aligned = how.landmarks is not None and face.landmarks is not None
    said = "landmarks" if aligned else "box" if how.landmarks is None else "instead"
    values = {
        "width": how.width,
        "height": how.height,
        "angle": math.degrees(math.atan2(affine[1, 0], affine[0, 0])),
        "scale": math.hypot(affine[0, 0], affine[1, 0]),
    }
    pictures = (
        Picture("placed", drawing.placed(image_bgr, face, affine, (how.width, how.height))),
        Picture("crop", drawing.enlarged(crop)),
    )
    return Step("crop", (said,), values, pictures)


def _planes(crop: Image, tensor: Array, how: Preprocessing) -> Iterator[Step]:
    """Grey, and what is made of it, read back from the tensor that the engine was given."""
    if how.colour != "grey":
        return
    plain = dataclasses.replace(how, channels=1, planes=None, mean=(0.0,), std=(1 / 255,))
    yield _plane("grey", normalise(crop[None], plain)[0, 0])
    for channel, name in enumerate(how.planes or ()):
        if name != "grey" and name not in (how.planes or ())[:channel]:
            yield _plane(name, (tensor[channel] * how.std[channel] + how.mean[channel]) * 255)


def _plane(name: Plane, values: Array) -> Step:
    """`values`, (h, w), are whole numbers from 0 to 255, but for rounding."""
    grey = np.rint(values).astype(np.uint8)
    spread = {"low": int(grey.min()), "high": int(grey.max())}
    return Step(name, ("said",), spread, (Picture(name, drawing.colours(drawing.enlarged(grey))),))


def _tensor(tensor: Array, how: Preprocessing) -> Step:
    same = all(np.array_equal(tensor[0], channel) for channel in tensor[1:])
    names = how.planes or {"grey": ("grey",) * how.channels, "rgb": ("red", "green", "blue"),
                           "bgr": ("blue", "green", "red")}[how.colour]  # fmt: skip
    pictures = []
    for name, channel in list(zip(names, tensor, strict=True))[: 1 if same else None]:
        low, high = float(channel.min()), float(channel.max())
        pictures.append(
            Picture(f"channel_{name}", drawing.about_zero(channel), {"low": low, "high": high})
        )
    values = {
        "channels": how.channels,
        "height": how.height,
        "width": how.width,
        "low": float(tensor.min()),
        "high": float(tensor.max()),
        "mean": how.mean,
        "std": how.std,
    }
    said = ("said", "same") if same and how.channels > 1 else ("said",)
    return Step("tensor", said, values, tuple(pictures))


def _inside(model: Path, row: Array) -> tuple[Inside | None, str]:
    """What the model computes in between; where that cannot be had, why."""
    if model.suffix != ".onnx":
        return None, ""
    try:
        return look_inside(model, row), ""
    except EdgeferError as exc:
        return None, str(exc).replace(str(model), model.name)  # where it lies is for its owner


def _missing(name: str, fault: str, model: Path) -> Step:
    if fault:
        return Step(name, ("fault",), {"model": model.name, "why": fault})
    return Step(name, ("plan",), {"model": model.name})


def _maps(inside: Inside | None, fault: str, model: Path) -> Step:
    if inside is None:
        return _missing("maps", fault, model)
    pictures = []
    for number, block in enumerate(inside.blocks, 1):
        image, shown, high = drawing.tiles(block.maps)
        channels, height, width = block.maps.shape
        values = {"number": number, "channels": channels, "shown": shown, "width": width,
                  "height": height, "high": high, "tensor": block.tensor}  # fmt: skip
        pictures.append(Picture("block" if shown == channels else "strongest", image, values))
    return Step("maps", ("said",), {"blocks": len(inside.blocks)}, tuple(pictures))


def _answer(raw: Array, engine: Engine, answer: Expression) -> Iterator[Step]:
    """From the engine's numbers to the probabilities."""
    spec, labels = engine.spec, answer.labels
    probabilities = {
        "probabilities": dict(zip(labels, answer.probs, strict=True)),
        "label": answer.label,
        "probability": answer.probability,
    }
    if spec.output == "probs":
        yield Step("probabilities", ("ready",), probabilities)
        return
    logits = dict(zip(labels, raw.tolist(), strict=True))
    highest = {"label": answer.label, "logit": logits[answer.label]}
    yield Step("logits", ("said",), {"logits": logits, **highest})
    divided = {label: logit / spec.temperature for label, logit in logits.items()}
    values = {"temperature": spec.temperature, "logits": divided}
    yield Step("temperature", ("one" if spec.temperature == 1 else "said",), values)
    yield Step("probabilities", ("softmax",), probabilities)


def _evidence(
    inside: Inside | None, fault: str, model: Path, crop: Image, answer: Expression
) -> Step:
    if inside is None:
        return _missing("evidence", fault, model)
    evidence = inside.evidence
    best = np.argsort(-np.array(answer.probs), kind="stable")[:2].tolist()
    end = float(abs(evidence.parts[best]).max()) or 1.0  # one scale for both
    pictures = tuple(
        Picture(
            "first" if place == 0 else "second",
            drawing.laid_over(crop, evidence.parts[label], end),
            {"label": answer.labels[label], "high": end},
        )
        for place, label in enumerate(best)
    )
    values = {
        "label": answer.label,
        "exact": evidence.exact,
        "places": evidence.parts.shape[1:],
    }
    return Step("evidence", ("exact" if evidence.exact else "lost",), values, pictures)
