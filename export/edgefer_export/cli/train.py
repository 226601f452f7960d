"""`edgefer-export train`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.errors import ConfigError
from edgefer.files import sha256
from edgefer_export.cli.options import Commands, add_data, add_threads, command, splits_of

if TYPE_CHECKING:  # torch takes seconds, which `--help` need not spend
    from torch import Tensor

    from edgefer_export.data import Split
    from edgefer_export.recipe import Recipe
    from edgefer_export.targets import Distributions

VALIDATION = ("public", "validation")
"""Names of the split that is watched; the test split is never looked at."""

SHOWN = 3
"""Tensors that were not taken, by name."""


def add(commands: Commands) -> None:
    p = command(commands, "train", call, "Train a recipe. Stop it at any time; --resume goes on.")
    p.add_argument("recipe", metavar="RECIPE", help="a name, such as lightweight, or FILE.toml")
    add_data(p)
    p.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    p.add_argument("--network", metavar="NAME", help="another network than the recipe's")
    p.add_argument("--seed", type=int, help="another seed than the recipe's")
    p.add_argument(
        "--teacher", type=Path, metavar="MODEL", help="whose answers a recipe with a teacher takes"
    )
    p.add_argument(
        "--weights", type=Path, metavar="FILE.pth", help="a checkpoint to begin with (transfer)"
    )
    p.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1 [%(default)s]")
    p.add_argument(
        "--float32", action="store_true", help="no half precision, which old processors emulate"
    )
    add_threads(p)
    p.set_defaults(when_stopped=how_to_resume)


def call(args: argparse.Namespace) -> None:
    import torch

    from edgefer_export.recipe import load_recipe
    from edgefer_export.runs import refuse_existing
    from edgefer_export.train import machine
    from edgefer_export.train import train as run

    if args.threads:
        torch.set_num_threads(args.threads)
    refuse_existing(args.out, args.resume)
    machine(args.device, autocast=False)  # what is absent is said before the data are read
    autocast = False if args.float32 else None
    recipe = load_recipe(args.recipe, network=args.network, seed=args.seed, autocast=autocast)
    if recipe.target.teacher and not args.teacher:
        raise ConfigError(f"the recipe {recipe.name} learns from a teacher; give --teacher MODEL")
    training, validation = rows_of(args, recipe)
    given: dict[str, Any] = {}
    origin: dict[str, Any] = {}
    if args.teacher and recipe.target.teacher:
        origin["teacher"], given["teacher"] = ask(args.teacher, training, args.threads)
    if args.weights:
        origin["weights"], given["weights"] = transferred(args.weights, recipe)
    last = run(
        recipe,
        training,
        validation,
        args.out,
        resume=args.resume,
        device=args.device,
        origin=origin,
        **given,
    )
    print(f"done: {last}. Next: edgefer-export export {args.out} --data {args.data} -o FILE.onnx")


def how_to_resume(args: argparse.Namespace) -> str:
    if not (args.out / "last.pt").exists():
        return " No epoch was finished; nothing is kept."
    # The words as they were typed: whatever changed the recipe must be there again.
    words = [word for word in args.words if word != "--resume"]
    return (
        f" Whole epochs are kept in {args.out}. Go on with: edgefer-export {shlex.join(words)} "
        "--resume"
    )


def rows_of(args: argparse.Namespace, recipe: Recipe) -> tuple[Split, Split]:
    """What is trained on and what is watched, and a word about both."""
    from edgefer_export.data.grouping import split_by_group

    splits = {
        name: split.only(recipe.expressions)
        for name, split in splits_of(args, recipe.data.validation).items()
    }
    validation = next((splits[name] for name in VALIDATION if name in splits), None)
    if "train" not in splits:
        raise ConfigError(
            f"{args.data} has {', '.join(splits)}; training needs rows of a train split"
        )
    training = splits["train"].faces()
    blank = len(splits["train"]) - len(training)
    if validation is None:
        share = recipe.data.validation
        parts = split_by_group(training, {"train": 1 - share, "validation": share}, recipe.seed)
        training, validation = parts["train"], parts["validation"]
    print(
        f"training on {len(training)} rows"
        + (f"; {blank} near-blank ones dropped" if blank else "")
        + ("" if training.votes is not None else "; standard labels only, the data hold no votes")
        + f"; watching {len(validation)} rows of {validation.name}",
        flush=True,
    )
    absent = [name for name, n in zip(recipe.expressions, training.counts(), strict=True) if not n]
    if absent:
        print(f"no training rows of {', '.join(absent)}: it can never learn them", file=sys.stderr)
    return training, validation


def ask(model: Path, training: Split, threads: int | None) -> tuple[dict[str, str], Distributions]:
    """Which model the teacher is, and its answers."""
    from edgefer.engines import find_model
    from edgefer_export.evaluate import mirrored_too
    from edgefer_export.evaluate.models import open_model
    from edgefer_export.runs import CHECKPOINT

    engine = open_model(model, threads)
    print(f"asking {model} about {len(training)} pictures and their mirror images", flush=True)
    try:
        weights = model / CHECKPOINT if model.is_dir() else find_model(str(model))
        return {"name": engine.spec.name, "sha256": sha256(weights)}, mirrored_too(engine, training)
    finally:
        engine.close()


def transferred(path: Path, recipe: Recipe) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Which checkpoint it is, and its weights in a network of this recipe; what of the network
    it does not fit keeps its fresh weights, and is named."""
    from edgefer_export.runs import network_of
    from edgefer_export.zoo.weights import read_weights, transfer

    network = network_of(recipe)
    loaded, skipped = transfer(network, read_weights(path))
    own = len(network.state_dict())
    print(f"{path}: {len(loaded)} tensors taken of the {own} that the network has")
    for name, why in skipped[:SHOWN]:
        print(f"  {name} not: {why}")
    if len(skipped) > SHOWN:
        print(f"  and {len(skipped) - SHOWN} more")
    if len(loaded) < own / 4:
        raise ConfigError(f"{path} is of another network: give --network its name")
    return {"name": path.name, "sha256": sha256(path)}, dict(network.state_dict())
