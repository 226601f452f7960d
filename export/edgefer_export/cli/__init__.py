"""The command line of the workstation side. Each command is a module with `add` and `call`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import edgefer_export
from edgefer.errors import EdgeferError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code: 0, an EdgeferError's own, 130 after Ctrl-C."""
    args = parser().parse_args(argv)
    args.words = list(sys.argv[1:] if argv is None else argv)
    try:
        args.call(args)
    except EdgeferError as exc:
        print(f"edgefer-export: {exc}", file=sys.stderr)
        return exc.exit_code
    except KeyboardInterrupt:
        print(f"edgefer-export: stopped.{args.when_stopped(args)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output left; Python would complain once more while flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands. Heavy imports wait for the command that needs them."""
    from edgefer_export.cli import (
        card,
        compare,
        data,
        evaluate,
        export,
        geometry,
        quantise,
        runs,
        train,
        zoo,
    )

    top = argparse.ArgumentParser(
        prog="edgefer-export", description="Train, evaluate and export edgefer's networks."
    )
    top.add_argument("--version", action="version", version=edgefer_export.__version__)
    top.set_defaults(when_stopped=lambda _: "")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for command in (data, train, runs, export, quantise, evaluate, compare, card, geometry, zoo):
        command.add(commands)
    return top
