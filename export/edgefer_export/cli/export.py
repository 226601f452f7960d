"""`edgefer-export export`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefer.errors import ConfigError
from edgefer_export.cli.options import Commands, add_data, command, split_of


def add(commands: Commands) -> None:
    p = command(
        commands, "export", call, "Write a run's averaged weights as ONNX, checked against torch."
    )
    p.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    add_data(p)
    p.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.onnx")


def call(args: argparse.Namespace) -> None:
    from edgefer_export.runs import read_run
    from edgefer_export.to_onnx import export as write

    run = read_run(args.folder)
    if args.output.suffix != ".onnx":
        raise ConfigError(f"-o is {args.output}; the file's name must end in .onnx")
    write(run, split_of(args, "public"), args.output)
    done = f"{run.epoch} of {run.recipe.epochs} epochs"
    print(f"{args.output}: {done}. Next: edgefer-export card {args.folder} {args.output} ...")
