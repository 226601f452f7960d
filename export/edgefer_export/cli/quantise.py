"""`edgefer-export quantise`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefer.errors import ConfigError
from edgefer_export.cli.options import Commands, add_data, command, splits_of
from edgefer_export.data import pick


def add(commands: Commands) -> None:
    p = command(
        commands,
        "quantise",
        call,
        "Write an fp32 model file in eight-bit integers, for processors, checked against itself.",
    )
    p.add_argument("model", type=Path, metavar="MODEL.onnx", help="as edgefer-export wrote it")
    add_data(p)
    p.add_argument("-o", "--output", required=True, type=Path, metavar="FILE.onnx")


def call(args: argparse.Namespace) -> None:
    from edgefer_export.to_onnx import quantise

    if args.output.suffix != ".onnx":
        raise ConfigError(f"-o is {args.output}; the file's name must end in .onnx")
    splits = splits_of(args)
    training, public = (pick(splits, name, args.data) for name in ("train", "public"))
    written = quantise(args.model, training, public, args.output)
    print(f"{args.output}: {args.output.stat().st_size:,} bytes, {written.parity.in_words()}")
    print(f"Next: edgefer bench --engine {args.model} --engine {args.output}")
