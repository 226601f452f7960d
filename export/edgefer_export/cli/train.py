"""`edgefer-export train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefer.errors import UnknownName
from edgefer_export.cli.options import Commands, add_data, add_threads, command
from edgefer_export.data import load_splits


def add(commands: Commands) -> None:
    p = command(commands, "train", call, "Train a recipe. Stop it at any time; --resume goes on.")
    p.add_argument("recipe", metavar="RECIPE", help="a name, such as lightweight, or FILE.toml")
    add_data(p)
    p.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    add_threads(p)
    p.set_defaults(when_stopped=how_to_resume)


def call(args: argparse.Namespace) -> None:
    import torch

    from edgefer_export.recipe import load_recipe
    from edgefer_export.train import train as run

    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = load_recipe(args.recipe)
    splits = load_splits(args.data)
    for name in ("train", "public"):
        if name not in splits:
            raise UnknownName(f"split in {args.data}", name, splits)
    training = splits["train"].faces()
    blank = len(splits["train"]) - len(training)
    print(
        f"training on {len(training)} rows"
        + (f"; {blank} near-blank ones dropped" if blank else "")
        + ("" if training.votes is not None else "; standard labels only, the file has no votes"),
        flush=True,
    )
    last = run(recipe, training, splits["public"], args.out, args.resume)
    print(f"done: {last}. Next: edgefer-export export {args.out} --data {args.data} -o FILE.onnx")


def how_to_resume(args: argparse.Namespace) -> str:
    return (
        f" Whole epochs are kept in {args.out}. Go on with: edgefer-export train {args.recipe} "
        f"--data {args.data} --out {args.out} --resume"
    )
