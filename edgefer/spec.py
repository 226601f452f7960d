"""What a classifier expects and answers: the description that travels inside the model file.

A `ModelSpec` rides in an ONNX file's `metadata_props` (keys under `edgefer.`). A model
from elsewhere carries none: it gets a sidecar, `model.onnx.toml`, with the same fields.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from edgefer.errors import SpecError, UnknownName

Colour = Literal["grey", "rgb", "bgr"]
Plane = Literal["grey", "equalised", "clahe", "edges"]
"""What one channel of a grey tensor may hold; see `edgefer.preprocessing.planes`."""
OutputKind = Literal["logits", "probs"]
Precision = Literal["fp32", "fp16", "int8"]
Point = tuple[float, float]

METADATA_KEY = "edgefer.spec"

UNTRAINED = "untrained, speed only"
"""The `accuracy` of a model whose weights nobody trained."""

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""The seven expressions in FER2013's order: the order of models trained here.

A model's own `ModelSpec.labels` decides what its outputs mean; this is never assumed."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a face in a frame becomes a tensor; the same code runs in training and on the device."""

    width: int
    height: int
    channels: int = 3
    colour: Colour = "rgb"
    """`grey` with three channels is grey, three times over."""
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    """Per channel, for pixels scaled to 0..1: `(x / 255 - mean) / std`."""
    margin: float = 0.0
    """How much wider and higher than the detected box the square crop is, as a fraction."""
    landmarks: tuple[Point, ...] | None = None
    """Where right eye, left eye, nose, right and left mouth corner belong, in pixels of the
    tensor. The face is turned and scaled to fit; without landmarks the box is cropped."""
    planes: tuple[Plane, ...] | None = None
    """What each channel holds where the colour is grey; None is grey in each."""

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 1024 and 1 <= self.height <= 1024):
            raise SpecError(f"input size is {self.width}x{self.height}; 1 to 1024 px are possible")
        if self.colour not in get_args(Colour):
            raise UnknownName("colour", self.colour, get_args(Colour))
        if self.planes is not None:
            self._check_planes(self.planes)
        elif self.channels != 3 and not (self.channels == 1 and self.colour == "grey"):
            raise SpecError(
                f"{self.channels} channels of {self.colour}: 3, or 1 where the colour is grey, or "
                "as many as there are planes"
            )
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise SpecError(
                f"mean has {len(self.mean)} and std {len(self.std)} values for {self.channels} "
                "channels; give one per channel"
            )
        if min(self.std) <= 0:
            raise SpecError(f"std is {self.std}; every value must be above 0")
        if not -0.5 <= self.margin <= 2:
            raise SpecError(f"margin is {self.margin}; -0.5 to 2 is possible")
        if self.landmarks is not None and len(self.landmarks) != 5:
            raise SpecError(f"{len(self.landmarks)} landmarks; alignment takes 5")

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> Preprocessing:
        """From parsed JSON or TOML; raises SpecError or UnknownName."""
        pre = _known_fields(cls, fields, "preprocessing")
        try:
            for key in ("mean", "std"):
                if key in pre:
                    pre[key] = tuple(float(v) for v in pre[key])
            if pre.get("landmarks") is not None:
                pre["landmarks"] = tuple((float(x), float(y)) for x, y in pre["landmarks"])
            if pre.get("planes") is not None:
                pre["planes"] = tuple(pre["planes"])
            return cls(**pre)
        except (TypeError, ValueError, OverflowError) as exc:
            raise SpecError(f"the spec cannot be read: {exc}") from exc

    def _check_planes(self, planes: tuple[Plane, ...]) -> None:
        for plane in planes:
            if plane not in get_args(Plane):
                raise UnknownName("plane", plane, get_args(Plane))
        if self.colour != "grey":
            raise SpecError(f"planes {planes} of {self.colour}: they are made of grey only")
        if len(planes) != self.channels or not 1 <= len(planes) <= 4:
            raise SpecError(
                f"{len(planes)} planes for {self.channels} channels; give one per channel, 1 to 4"
            )


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything a program must know to use a classifier, and what to say about it."""

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    output: OutputKind = "logits"
    parameters: int | None = None
    """Trainable values plus BatchNorm statistics (Keras's count), before export folds them."""
    macs: int | None = None
    """Multiply-accumulates of one face."""
    accuracy: str = ""
    """A figure with its data and label set, in words; empty where none is known."""
    temperature: float = 1.0
    """Logits are divided by it before softmax, so that probabilities match how often they are
    right (Guo et al. 2017, "On Calibration of Modern Neural Networks"); 1 changes nothing."""
    precision: Precision | None = None
    """Of its arithmetic as exported; None where nobody said. Its input is float32 always."""
    recipe: str = ""
    """Name and sha of the recipe it was trained by; empty where unknown."""
    network: str = ""
    """Its name in the zoo; empty where unknown."""

    def __post_init__(self) -> None:
        if self.output not in get_args(OutputKind):
            raise UnknownName("output kind", self.output, get_args(OutputKind))
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise SpecError(f"labels are {self.labels}; two or more different names are needed")
        if self.precision is not None and self.precision not in get_args(Precision):
            raise UnknownName("precision", self.precision, get_args(Precision))
        if not 0 < self.temperature < math.inf:
            raise SpecError(f"temperature is {self.temperature}; a number above 0 is needed")
        if self.output == "probs" and self.temperature != 1:
            raise SpecError(
                f"temperature is {self.temperature}, but the output is 'probs': it divides logits. "
                "Leave it at 1"
            )

    def to_json(self) -> str:
        """The text that `from_json` reads back to an equal spec."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ModelSpec:
        """Raises SpecError where the text is not a spec.

        A field this version does not know is refused, as it may change what goes into the model
        or what its answer means. A field the text does not have stands at its default.
        """
        try:
            fields = json.loads(text)
        except ValueError as exc:
            raise SpecError(f"the model's metadata {METADATA_KEY!r} is not JSON: {exc}") from exc
        try:
            return cls.from_mapping(fields)
        except UnknownName as exc:
            raise SpecError(
                f"the model's description has an {exc}. A newer edgefer wrote it: update this one"
            ) from exc

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> ModelSpec:
        """Build a spec from parsed JSON or TOML; raises SpecError or UnknownName."""
        if not isinstance(fields, Mapping):
            raise SpecError(f"the spec is {fields!r}; it must be a table of named fields")
        flat = _known_fields(cls, fields, "model")
        raw = flat.get("preprocessing")
        if not isinstance(raw, Mapping):
            raise SpecError("the spec has no [preprocessing] table; it needs width and height")
        how = Preprocessing.from_mapping(raw)
        try:
            flat["labels"] = tuple(str(label) for label in flat.get("labels", ()))
            return cls(**{**flat, "preprocessing": how})
        except (TypeError, ValueError, OverflowError) as exc:
            raise SpecError(f"the spec cannot be read: {exc}") from exc


def _known_fields(kind: type, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = [field.name for field in dataclasses.fields(kind)]
    for key in given:
        if key not in known:
            raise UnknownName(f"{where} key", key, known)
    return dict(given)
