"""`edgefer-export card`."""

from __future__ import annotations

import argparse
from pathlib import Path

from edgefer.files import replacing
from edgefer_export.cli.options import Commands, add_data, command, rows_of


def add(commands: Commands) -> None:
    p = command(
        commands, "card", call, "Write the model card of an exported run; evaluates it anew."
    )
    p.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    p.add_argument("model", type=Path, metavar="FILE.onnx", help="the model exported from it")
    add_data(p)
    p.add_argument("-o", "--output", required=True, type=Path, metavar="CARD.md")


def call(args: argparse.Namespace) -> None:
    from edgefer_export.card import card as write
    from edgefer_export.runs import read_run

    run = read_run(args.folder)
    text = write(run, args.model, *rows_of(args, run))
    with replacing(args.output) as file:
        file.write(text.encode())
    print(args.output)
