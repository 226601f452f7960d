"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from edgefer.errors import UnknownName
from edgefer_export.data import Split, load_splits

Commands = Any  # argparse's own type of what add_subparsers returns is private

DATA = "fer2013 npz, or the fer2013.csv of the 2013 challenge"


def command(commands: Commands, name: str, call: Any, about: str) -> argparse.ArgumentParser:
    """A command's own parser; `call` gets the parsed arguments."""
    sub: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    sub.set_defaults(call=call)
    return sub


def add_data(p: argparse.ArgumentParser) -> None:
    p.add_argument("--data", required=True, type=Path, metavar="FILE", help=DATA)


def add_threads(p: argparse.ArgumentParser) -> None:
    p.add_argument("--threads", type=positive, help="threads that compute [torch's choice; 1]")


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError(text)
    return value


positive.__name__ = "whole number above 0"  # argparse prints it: "invalid ... value: '0'"


def split_of(path: Path, name: str) -> Split:
    """One split of a data file; UnknownName where the file has no rows of it."""
    splits = load_splits(path)
    if name not in splits:
        raise UnknownName(f"split in {path}", name, splits)
    return splits[name]
