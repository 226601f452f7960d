"""The command line of the workstation side: parse, call, print."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import edgefer_export
from edgefer.errors import ConfigError, EdgeferError, UnknownName
from edgefer.files import replacing
from edgefer_export.data import Split, load_splits

DATA = "fer2013 npz, or the fer2013.csv of the 2013 challenge"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, an EdgeferError's own, 130 after Ctrl-C."""
    args = parser().parse_args(argv)
    command: Callable[[argparse.Namespace], None] = args.run
    try:
        command(args)
    except EdgeferError as exc:
        print(f"edgefer-export: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        print(f"edgefer-export: stopped.{args.when_stopped(args)}", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands. Heavy imports wait for the command that needs them."""
    top = argparse.ArgumentParser(
        prog="edgefer-export", description="Train, evaluate and export edgefer's networks."
    )
    top.add_argument("--version", action="version", version=edgefer_export.__version__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], about: str) -> Any:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(run=run, when_stopped=lambda _: "")
        return sub

    p = add("train", train, "Train a recipe. Stop it at any time; --resume goes on.")
    p.add_argument("recipe", metavar="RECIPE", help="a name, such as lightweight, or FILE.toml")
    _data(p)
    p.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder of the run")
    p.add_argument("--resume", action="store_true", help="go on after the last whole epoch")
    _threads(p)
    p.set_defaults(when_stopped=how_to_resume)

    p = add("export", export, "Write a run's averaged weights as ONNX, checked against torch.")
    p.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    _data(p)
    p.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.onnx")

    p = add("evaluate", evaluate, "Accuracy, recall and confusion of a model on one split.")
    p.add_argument("model", type=Path, metavar="MODEL", help="FILE.onnx, or the folder of a run")
    _data(p)
    p.add_argument("--split", default="public", help="train, public or private [%(default)s]")
    p.add_argument("--json", action="store_true", help="print JSON instead of tables")
    _threads(p)

    p = add("card", card, "Write the model card of an exported run; evaluates it anew.")
    p.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    p.add_argument("model", type=Path, metavar="FILE.onnx", help="the model exported from it")
    _data(p)
    p.add_argument("-o", "--output", required=True, type=Path, metavar="CARD.md")

    p = add("geometry", geometry, "Measure where faces stand in the training pictures.")
    p.add_argument("recipe", metavar="RECIPE", help="whose input size counts")
    _data(p)
    p.add_argument(
        "--yunet", type=Path, metavar="FILE", help="YuNet's model [the one in the model folder]"
    )
    p.add_argument("--rows", type=_positive, default=5000, help="pictures [%(default)s]")
    p.add_argument("--seed", type=int, default=0, help="of their choice [%(default)s]")

    add("zoo", zoo, "List the networks: parameters and multiply-accumulates.")
    return top


def _data(p: argparse.ArgumentParser) -> None:
    p.add_argument("--data", required=True, type=Path, metavar="FILE", help=DATA)


def _threads(p: argparse.ArgumentParser) -> None:
    p.add_argument("--threads", type=_positive, help="threads that compute [torch's choice; 1]")


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


_positive.__name__ = "whole number above 0"  # argparse prints it: "invalid ... value: '0'"


def split_of(path: Path, name: str) -> Split:
    """One split of a data file; UnknownName where the file has no rows of it."""
    splits = load_splits(path)
    if name not in splits:
        raise UnknownName(f"split in {path}", name, splits)
    return splits[name]


def train(args: argparse.Namespace) -> None:
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


def export(args: argparse.Namespace) -> None:
    from edgefer_export.runs import read_run
    from edgefer_export.to_onnx import export as write

    run = read_run(args.folder)
    if args.output.suffix != ".onnx":
        raise ConfigError(f"-o is {args.output}; the file's name must end in .onnx")
    write(run, split_of(args.data, "public"), args.output)
    done = f"{run.epoch} of {run.recipe.epochs} epochs"
    print(f"{args.output}: {done}. Next: edgefer-export card {args.folder} {args.output} ...")


def evaluate(args: argparse.Namespace) -> None:
    from edgefer.engines.ort import OrtEngine
    from edgefer.protocols import Engine
    from edgefer_export.evaluate import evaluate as judge
    from edgefer_export.evaluate import report, to_record

    engine: Engine
    if args.model.is_dir():
        import torch

        from edgefer_export.runs import read_run
        from edgefer_export.torch_engine import TorchEngine, describe

        if args.threads:
            torch.set_num_threads(args.threads)
        run = read_run(args.model)
        engine = TorchEngine(run.network, describe(run))
    else:
        engine = OrtEngine(args.model, args.threads or 1)
    result = judge(engine, split_of(args.data, args.split))
    print(json.dumps(to_record(result), indent=2) if args.json else report(result))


def card(args: argparse.Namespace) -> None:
    from edgefer_export.card import card as write
    from edgefer_export.runs import read_run

    run = read_run(args.folder)
    training, public = (split_of(args.data, name) for name in ("train", "public"))
    text = write(run, args.model, training.faces(), public)
    with replacing(args.output) as file:
        file.write(text.encode())
    print(args.output)


def geometry(args: argparse.Namespace) -> None:
    from edgefer.config import DetectorConfig
    from edgefer.detectors import open_detector
    from edgefer.detectors.haar import Haar
    from edgefer.detectors.yunet import YuNet
    from edgefer_export import geometry as g
    from edgefer_export.recipe import load_recipe

    config = DetectorConfig(name="yunet", size=g.CANVAS, min_score=g.MIN_SCORE)
    yunet = YuNet(args.yunet, config) if args.yunet else open_detector(config)
    recipe = load_recipe(args.recipe)
    pictures = g.sample(split_of(args.data, "train").faces(), args.rows, args.seed)
    found = g.measure(pictures, recipe.size, yunet, Haar(config))
    command = f"edgefer-export geometry {args.recipe} --rows {args.rows} --seed {args.seed}"
    print(g.to_toml(found, f"{command} (train split, digest {pictures.digest()})"))


def zoo(_: argparse.Namespace) -> None:
    from edgefer_export import measure
    from edgefer_export.evaluate import table
    from edgefer_export.zoo import NETWORKS, SIZE, build

    rows = []
    for name, about in NETWORKS.items():
        network = build(name)
        macs = measure.macs(network, (3, SIZE, SIZE))
        rows.append((name, f"{measure.parameters(network):,}", f"{macs / 1e6:.1f} M", about))
    print(table(("network", "parameters", f"MACs at {SIZE} px", ""), rows))


if __name__ == "__main__":
    sys.exit(main())
