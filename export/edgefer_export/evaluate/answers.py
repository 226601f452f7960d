"""A model's answers to the pictures of a split.

What answers is what ships: an engine, and the same preprocessing as on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgefer.classifier import softmax
from edgefer.data import Box, Face
from edgefer.errors import InferenceError, SpecError
from edgefer.preprocessing import normalise, placement, warp
from edgefer.protocols import Engine
from edgefer.spec import ModelSpec, Preprocessing
from edgefer_export.data import Split

BATCH = 64


def probabilities(
    engine: Engine, split: Split, *, scale: float = 1.0, common: bool = False
) -> NDArray[np.float32]:
    """(N, K) in the order of the split's expressions, whatever the model's own order is.

    `scale` is how much larger than the picture the box is, see `tensors`. With `common`, what
    the model says beyond the split's expressions is left out, and the rest sums to 1 again.
    Raises SpecError where the model lacks one of the expressions, or has others without
    `common`; InferenceError where it answers nonsense.
    """
    spec = engine.spec
    columns = _columns(spec, split.expressions, common)
    parts = []
    for start in range(0, len(split), BATCH):
        images = split.images[start : start + BATCH]
        raw = engine.infer(tensors(images, spec.preprocessing, scale))
        parts.append(softmax(raw, spec.temperature) if spec.output == "logits" else raw)
    every = np.concatenate(parts)
    if not np.isfinite(every).all():
        raise InferenceError(f"{spec.name} answers values that are no numbers: it is broken")
    probs: NDArray[np.float32] = every[:, columns]
    if len(columns) < len(spec.labels):
        probs = probs / np.maximum(probs.sum(axis=1, keepdims=True), np.float32(1e-30))
    return probs


def mirrored_too(engine: Engine, split: Split, *, common: bool = False) -> NDArray[np.float32]:
    """(N, K): the mean of what it answers to each picture and to its mirror image."""
    mirrored = replace(split, images=np.ascontiguousarray(np.flip(split.images, axis=2)))
    both = (probabilities(engine, each, common=common) for each in (split, mirrored))
    mean: NDArray[np.float32] = sum(both, np.zeros((), np.float32)) / np.float32(2)
    return mean


def shared_rows(spec: ModelSpec, split: Split) -> Split:
    """The rows whose expression the model knows; SpecError where fewer than two are shared."""
    shared = tuple(name for name in split.expressions if name in spec.labels)
    if len(shared) < 2:
        raise SpecError(
            f"{_difference(spec, split.expressions)}. They share {len(shared)}; at least 2 are "
            "needed. Name the model's outputs as the data does: in its sidecar, NAME.onnx.toml"
        )
    return split.only(shared)


def tensors(
    images: NDArray[np.uint8], how: Preprocessing, scale: float = 1.0
) -> NDArray[np.float32]:
    """(N, H, W) grey or (N, H, W, 3) blue-green-red -> (N, C, h, w): each picture is the crop.

    `scale` makes the box of the face that much wider and higher than the picture about its
    centre, as a detector that frames faces more loosely (> 1) or tightly (< 1) does. Beyond the
    picture its edge pixels repeat: what was there is not known.
    """
    height, width = images.shape[1:3]
    dx, dy = (scale - 1) * width / 2, (scale - 1) * height / 2
    whole = Face(Box(-dx, -dy, width + dx, height + dy), score=1.0)
    affine = placement(whole, replace(how, margin=0.0))
    crops = np.empty((len(images), how.height, how.width, 3), np.uint8)
    colour = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
    for image, crop in zip(colour, crops, strict=True):
        warp(image, affine, crop)
    return normalise(crops, how)


def _columns(spec: ModelSpec, expressions: Sequence[str], common: bool) -> list[int]:
    """Which of the model's outputs is each expression."""
    missing = [name for name in expressions if name not in spec.labels]
    beyond = [name for name in spec.labels if name not in expressions]
    if missing or (beyond and not common):
        shared = len(expressions) - len(missing)
        raise SpecError(
            f"{_difference(spec, expressions)}. --common judges the {shared} that both have, or "
            "name the model's outputs as the data does: in its sidecar, NAME.onnx.toml"
        )
    return [spec.labels.index(name) for name in expressions]


def _difference(spec: ModelSpec, expressions: Sequence[str]) -> str:
    """What each side has that the other has not."""
    ours = [name for name in spec.labels if name not in expressions]
    theirs = [name for name in expressions if name not in spec.labels]
    parts = []
    if ours:
        parts.append(f"{spec.name} answers {', '.join(ours)}, of which the data have no label")
    if theirs:
        verb = "have the labels" if len(theirs) > 1 else "have the label"
        parts.append(f"the data {verb} {', '.join(theirs)}, which {spec.name} never answers")
    return "; ".join(parts)
