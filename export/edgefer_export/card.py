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
from edgefer.errors import ModelError
from edgefer.files import sha256
from edgefer.spec import ModelSpec
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
from edgefer_export.parity import Parity, compare
from edgefer_export.runs import Run, read_metrics, refuse_other_rows
from edgefer_export.to_onnx import OPSET
from edgefer_export.torch_engine import TorchEngine, describe
from edgefer_export.zoo import NETWORKS


def card(run: Run, model: Path, training: Split, public: Split) -> str:
    """The card of `model`, exported from `run`, evaluated on `public` now.

    Raises ModelError where the file is not the run's model, ConfigError where the data are not
    those of the run.
    """
    refuse_other_rows(run, "train", training)
    refuse_other_rows(run, "validation", public)
    engine = OrtEngine(model)
    reference = describe(run)
    if (engine.spec.preprocessing, engine.spec.labels) != (
        reference.preprocessing,
        reference.labels,
    ):
        raise ModelError(
            f"{model} does not frame faces, or name them, as the run in {run.folder} does; export "
            "it again"
        )
    parity = compare(
        engine, TorchEngine(run.network, reference), public, engine.spec.precision or "fp32"
    )
    result = evaluate(engine, public)
    engine.close()
    return TEMPLATE.format(
        name=engine.spec.name,
        count=len(engine.spec.labels),
        model=table(("model", ""), about_model(model, engine.spec, parity)),
        network=about_network(run.recipe.network),
        training=table(("training", ""), about_training(run, training)),
        result=result,
        chosen=CHOSEN[run.recipe.keep],
        accuracy=accuracy_table(result),
        recall=recall_table(result),
        labels=STANDARD,
        confusion=confusion_table(result.standard),
        rights=FER2013_RIGHTS if result.dataset == "FER2013" else OTHER_RIGHTS,
        noise=about_noise(result),
        probabilities=about_probabilities(engine.spec, result),
        weakest=about_weakest(result.standard),
    )


def about_model(model: Path, spec: ModelSpec, parity: Parity) -> list[tuple[str, str]]:
    how = spec.preprocessing
    planes = f" ({', '.join(how.planes)})" if how.planes else ""
    return [
        ("file", f"`{model.name}`, {model.stat().st_size} bytes"),
        ("sha256", f"`{sha256(model)}`"),
        ("format", f"ONNX, opset {OPSET}, dynamic batch, output {spec.output}"),
        ("precision", f"{parity.precision}; input and output are float32"),
        ("input", f"{how.channels} x {how.height} x {how.width}, {how.colour}{planes}"),
        ("labels", ", ".join(spec.labels)),
        ("parameters", f"{spec.parameters} (Keras's count, before BatchNorm is folded)"),
        ("multiply-accumulates", f"{spec.macs} for one face"),
        ("compared with", f"{parity.reference} on {parity.rows} rows of the split below"),
        ("same most probable label", f"{100 * parity.agreement:.2f} %"),
        ("greatest difference", f"{parity.difference:.1e} in a probability"),
    ]


def about_network(name: str) -> str:
    """Where its layout comes from."""
    network = NETWORKS[name]
    told = f"The network is the zoo's `{name}`: {network.about}."
    if network.published is None:
        return f"{told} Source: {network.source}."
    difference = network.difference
    count = "matches" if difference == 0 else f"differs by {difference:+,} from"
    return (
        f"{told} It is a reconstruction that {count} the parameter count published in "
        f"{network.source}; it is not the authors' file, and their weights were not used."
    )


def about_training(run: Run, training: Split) -> list[tuple[str, str]]:
    recipe = run.recipe
    stages = ", then ".join(f"{stage.epochs} at {stage.size} px" for stage in recipe.stages)
    state = "" if run.epoch == recipe.epochs else ": UNFINISHED, the figures are a draft's"
    hours = sum(line.seconds for line in read_metrics(run.folder)) / 3600
    by_expression = zip(training.expressions, training.counts(), strict=True)
    rows = [
        ("recipe", f"{describe(run).recipe}, seed {recipe.seed}"),
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
    given = [
        (key, ", ".join(f"{k} {v}" for k, v in run.record[key].items()))
        for key in ("teacher", "weights")
        if key in run.record
    ]
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
CHOSEN = {"last": "no epoch was chosen by it", "best": "the epoch was chosen by it"}


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
    pairs = zip(of.recall, of.expressions, strict=True)
    known = [pair for pair in pairs if not math.isnan(pair[0])]
    recall, name = min(known)
    return f"{name}, of which it recognises {percent(recall)}"


def about_probabilities(spec: ModelSpec, result: Evaluation) -> str:
    if spec.temperature == 1:
        told = "Probabilities are not calibrated"
    else:
        told = (
            f"Logits are divided by a temperature of {spec.temperature:g}, fitted to the "
            f"{result.split} split, so that probabilities say how often they are right there"
        )
    if result.calibration is None:
        return f"{told}."
    error = 100 * result.calibration.before.error
    return f"{told}: the expected calibration error is {error:.1f} points on that split."


FER2013_RIGHTS = """\
FER2013 (Goodfellow et al., 2013): grey pictures of 48 x 48 px, found by a web search for a
research challenge. No licence from the holders of the rights in the pictures is known. The
weights are meant for research and evaluation; whoever wants to use them otherwise has to judge
that for themselves. No picture is shipped. FER+ votes (Barsoum et al., 2016) are under the MIT
licence."""
OTHER_RIGHTS = """\
What the licence of these data allows, and whether it covers weights trained on them, whoever
passes the model on has to find out. No picture is shipped."""

TEMPLATE = """\
# {name}: facial expressions, {count} labels

A label for how a face looks in one picture. **An expression label is not a felt emotion**, and
this model is no evidence of one.

{model}

{network}

## Accuracy

{result.dataset} {result.split}, {result.rows} rows, digest {result.digest}, on {result.runtime};
each picture whole, without a detector. In brackets: 95 % bootstrap intervals. This split was
watched during training, and {chosen}.

{accuracy}

{recall}

Confusion by {labels}, all rows:

{confusion}

## Training

{training}

## Data and rights

{rights}

## Limits

- The labels are noisy: {noise}
- Weakest by {labels}: {weakest}.
- Who is in the pictures, and who is under-represented, is not recorded: how accuracy differs by
  age, sex, skin colour or culture is unknown.
- Trained on single faces that fill the picture. Behind a detector, its misses and its crops come
  on top of the errors above.
- {probabilities}
- In the European Union, inferring emotions of people at work or in education is prohibited
  (Regulation (EU) 2024/1689, Article 5(1)(f)), medical and safety reasons excepted.
"""
