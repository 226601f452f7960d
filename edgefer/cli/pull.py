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
    names = ", ".join(f"{name} ({model.origin})" for name, model in sorted(MODELS.items()))
    parser.add_argument("name", metavar="NAME", help=names)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="take it from FILE: no download"
    )
    where.add_argument("--url", metavar="URL", help="download it from another address")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    path = pull(args.name, model_folder(), source=args.source, url=args.url)
    model = MODELS[args.name]
    print(f"{path}\n{model.origin} ({model.licence})")
    return 0
