"""The model card: what was trained, on what, how right it is, and what it must not be taken for.

Every figure comes from the run's folder, from the model file or from an evaluation made now.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import onnxruntime

import edgefer
import edgefer_export
from edgefer.engines.ort import OrtEngine
from edgefer.errors import ConfigError, ModelError
from edgefer.files import sha256
from edgefer.spec import EXPRESSIONS, ModelSpec
from edgefer_export.data import Split
from edgefer_export.evaluate import (
    MAJORITY,
    STANDARD,
    Evaluation,
    Score,
    accuracy_table,
    confusion_table,
    evaluate,
    percent,
    recall_table,
    table,
)
from edgefer_export.runs import Run, read_metrics
from edgefer_export.to_onnx import OPSET, compare
from edgefer_export.torch_engine import TorchEngine, describe


def card(run: Run, model: Path, training: Split, public: Split) -> str:
    """The card of `model`, exported from `run`, evaluated on `public` now.

    Raises ModelError where the file is not the run's model, ConfigError where the data are not
    those of the run.
    """
    for split in (training, public):
        recorded = run.record[split.name].get("digest")
        if recorded != split.digest():
            raise ConfigError(
                f"the {split.name} split has digest {split.digest()}, the run in {run.folder} "
                f"was made with {recorded}; give --data the same file"
            )
    engine = OrtEngine(model)
    reference = describe(run)
    if engine.spec.preprocessing != reference.preprocessing:
        raise ModelError(
            f"{model} does not frame faces as the run in {run.folder} does; export it again"
        )
    worst = compare(engine, TorchEngine(run.network, reference), public)
    result = evaluate(engine, public)
    return TEMPLATE.format(
        name=engine.spec.name,
        model=table(("model", ""), about_model(model, engine.spec, worst)),
        training=table(("training", ""), about_training(run, training)),
        result=result,
        accuracy=accuracy_table(result),
        recall=recall_table(result),
        labels=STANDARD,
        confusion=confusion_table(result.standard),
        noise=about_noise(result),
        weakest=about_weakest(result.standard),
    )


def about_model(model: Path, spec: ModelSpec, worst: float) -> list[tuple[str, str]]:
    how = spec.preprocessing
    return [
        ("file", f"`{model.name}`, {model.stat().st_size} bytes"),
        ("sha256", f"`{sha256(model)}`"),
        ("format", f"ONNX, opset {OPSET}, dynamic batch, output {spec.output}"),
        ("input", f"{how.channels} x {how.height} x {how.width}, {how.colour}"),
        ("labels", ", ".join(spec.labels)),
        ("parameters", f"{spec.parameters} (Keras's count, before BatchNorm is folded)"),
        ("multiply-accumulates", f"{spec.macs} for one face"),
        ("greatest difference from torch", f"{worst:.1e} in a probability"),
    ]


def about_training(run: Run, training: Split) -> list[tuple[str, str]]:
    recipe = run.recipe
    stages = ", then ".join(f"{stage.epochs} at {stage.size} px" for stage in recipe.stages)
    state = "" if run.epoch == recipe.epochs else ": UNFINISHED, the figures are a draft's"
    hours = sum(line.seconds for line in read_metrics(run.folder)) / 3600
    by_expression = zip(training.expressions, training.counts(), strict=True)
    rows = [
        ("recipe", f"{recipe.name}, seed {recipe.seed}"),
        ("epochs", f"{run.epoch} of {recipe.epochs} ({stages}){state}"),
        ("time", f"{hours:.2f} hours"),
        ("batch", str(recipe.batch)),
        ("optimizer", _settings(recipe.optimizer)),
        ("schedule", _settings(recipe.schedule)),
        ("weights", f"exponential average, decay {recipe.ema}; {CHOICES[recipe.keep]}"),
        ("target", _settings(recipe.target)),
        ("augmentation", _settings(recipe.augmentation)),
        ("rows", f"{len(training)}, digest {training.digest()}"),
        ("by expression", ", ".join(f"{name} {count}" for name, count in by_expression)),
        ("votes", "FER+" if training.votes is not None else "none in the data"),
    ]
    given = [(key, str(run.record[key])) for key in ("teacher", "weights") if key in run.record]
    return (
        rows
        + given
        + [
            ("trained with", f"torch {run.record['torch']}"),
            (
                "evaluated with",
                f"onnxruntime {onnxruntime.__version__}, edgefer {edgefer.__version__}, "
                f"edgefer-export {edgefer_export.__version__}",
            ),
        ]
    )


CHOICES = {
    "last": "the last epoch, none was chosen by accuracy",
    "best": "the epoch with the best validation accuracy",
}


def _settings(section: Any) -> str:
    """A section of the recipe in one line."""
    return ", ".join(f"{key} {value}" for key, value in dataclasses.asdict(section).items())


def about_noise(result: Evaluation) -> str:
    majority = result.score(MAJORITY)
    if majority is None or result.agreement is None:
        return "how far they agree with the FER+ votes is unavailable from these data."
    return (
        f"of the {majority.n} evaluated rows in which one expression has more than half of all "
        f"FER+ votes, the standard label agrees with it in {percent(result.agreement)}."
    )


def about_weakest(of: Score) -> str:
    known = [pair for pair in zip(of.recall, EXPRESSIONS, strict=True) if not math.isnan(pair[0])]
    recall, name = min(known)
    return f"{name}, of which it recognises {percent(recall)}"


TEMPLATE = """\
# {name}: facial expressions, seven labels

A label for how a face looks in one picture. **An expression label is not a felt emotion**, and
this model is no evidence of one.

{model}

The network is a reconstruction that matches the parameter count published in Robot, Lolowang,
Putro, "Lightweight Convolutional Neural Network Architecture For Facial Expression Recognition"
(2024); it is not the authors' file, and neither their weights nor their data were used.

## Accuracy

FER2013 {result.split}, {result.rows} rows, digest {result.digest}, on {result.runtime}; each
picture whole, without a detector. In brackets: 95 % bootstrap intervals. This split was watched during
training, though no epoch was chosen by it.

{accuracy}

{recall}

Confusion by {labels}, all rows:

{confusion}

## Training

{training}

## Data and rights

FER2013 (Goodfellow et al., 2013): grey pictures of 48 x 48 px, found by a web search for a
research challenge. No licence from the holders of the rights in the pictures is known. The
weights are meant for research and evaluation; whoever wants to use them otherwise has to judge
that for themselves. No picture is shipped. FER+ votes (Barsoum et al., 2016) are under the MIT
licence.

## Limits

- The labels are noisy: {noise}
- Weakest by {labels}: {weakest}.
- Who is in the pictures, and who is under-represented, is not recorded: how accuracy differs by
  age, sex, skin colour or culture is unknown.
- Trained on single faces that fill the picture. Behind a detector, its misses and its crops come
  on top of the errors above.
- Probabilities are not calibrated.
- In the European Union, inferring emotions of people at work or in education is prohibited
  (Regulation (EU) 2024/1689, Article 5(1)(f)), medical and safety reasons excepted.
"""
