"""`edgefer config`: show the settings, or check a file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edgefer.config import Config, load_config, to_toml


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "config",
        help="show the documented default configuration, or check a file",
        description="The configuration is one TOML file. An unknown key is an error that names "
        "the nearest known one.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="print every setting, its documentation and default")
    show.set_defaults(call=_show)
    check = actions.add_parser("check", help="read FILE and say whether it is right")
    check.add_argument("file", type=Path, metavar="FILE", help="a TOML file, as show prints it")
    check.set_defaults(call=_check)


def _show(_: argparse.Namespace) -> int:
    print(to_toml(Config()))
    return 0


def _check(args: argparse.Namespace) -> int:
    load_config(args.file)
    print(f"{args.file}: every key is known, and every value has the right type and range")
    return 0
