"""`edgefer pull`: fetch a model from its public address into the model folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edgefer.config import model_folder
from edgefer.pull import MODELS, pull


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "pull",
        help="fetch a known model, checked by its SHA-256",
        description="Fetch a model from its public address, or take it from a file, check its "
        "SHA-256 and put it into the model folder. Nothing else in edgefer downloads anything.",
    )
    parser.add_argument("name", metavar="NAME", help=", ".join(sorted(MODELS)))
    parser.add_argument("--from", dest="source", type=Path, metavar="FILE", help="no download")
    parser.add_argument("--url", metavar="URL", help="another address for the same file")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    path = pull(args.name, model_folder(), source=args.source, url=args.url)
    model = MODELS[args.name]
    print(f"{path}\n{model.origin} ({model.licence})")
    return 0
