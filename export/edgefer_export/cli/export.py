"""`edgefer-export export`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from edgefer.errors import ConfigError
from edgefer.spec import Precision
from edgefer_export.cli.options import Commands, add_data, command, rows_of


def add(commands: Commands) -> None:
    p = command(
        commands, "export", call, "Write a run's averaged weights as ONNX, checked against torch."
    )
    p.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    add_data(p)
    p.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.onnx")
    p.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="fp32",
        help="fp16 for TensorRT and GPUs, int8 for processors [%(default)s]",
    )


def call(args: argparse.Namespace) -> None:
    from edgefer_export.calibration import COLDEST, HOTTEST
    from edgefer_export.runs import read_run
    from edgefer_export.to_onnx import export as write

    run = read_run(args.folder)
    if args.output.suffix != ".onnx":
        raise ConfigError(f"-o is {args.output}; the file's name must end in .onnx")
    training, public = rows_of(args, run)
    written = write(run, public, args.output, args.precision, training)
    print(f"{args.output}: {args.output.stat().st_size:,} bytes, {written.parity.in_words()}")
    print(
        f"temperature {written.spec.temperature:g}, fitted to {len(public)} rows of {public.name}"
    )
    if not COLDEST < written.spec.temperature < HOTTEST:
        print(
            "that is as far as a temperature goes: its probabilities say nothing of how often it "
            "is right",
            file=sys.stderr,
        )
    if run.epoch < run.recipe.epochs:
        print(f"unfinished: {run.epoch} of {run.recipe.epochs} epochs")
    card = args.output.with_suffix(".md")
    print(f"Next: edgefer-export card {args.folder} {args.output} --data {args.data} -o {card}")
