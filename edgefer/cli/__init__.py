"""The command line: parse, call, print. Each command is a module with `add` and `call`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from edgefer import __version__
from edgefer.errors import EdgeferError

DESCRIPTION = """\
Facial-expression recognition at the edge: capture -> detect -> classify.

An expression is how a face looks; it is not what a person feels."""

EXAMPLES = """\
first steps:
  edgefer run                            a drawn scene: no camera, no download
  edgefer run v4l2:///dev/video0         a USB camera; Ctrl-C ends it
  edgefer run clip.mp4 --jsonl out.jsonl --save out.mp4
  edgefer bench                          how fast is this machine?
  edgefer pull yunet                     a better face detector (232 KB)
  edgefer doctor                         what works on this machine?
  edgefer health                         is its daemon well?

exit codes:
  0 done, 1 other (health: the daemon is not well), 2 usage or configuration,
  3 not installed, 4 source, 5 model, 6 inference, 7 output, 130 interrupted;
  of the daemon also 70 a part was stuck for good, 143 told twice to end

-v goes before the command: edgefer -v run"""


class Command(argparse.ArgumentParser):
    """Takes no abbreviations: a script's `--max` must not change its meaning with a new option."""

    def __init__(self, **options: Any) -> None:  # Any: argparse's own
        super().__init__(allow_abbrev=False, **options)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    # Imported here, inside what `main` catches: Ctrl-C during a slow import is no traceback.
    from edgefer.cli import bench, config, daemon, doctor, health, inspect, pull, run
    from edgefer.cli import compile as compile_

    top = argparse.ArgumentParser(
        prog="edgefer",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"edgefer {__version__}")
    top.add_argument("-v", "--verbose", action="store_true", help="log what happens, to stderr")
    commands = top.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Command
    )
    for command in (run, daemon, health, bench, compile_, inspect, config, pull, doctor):
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        args = parser().parse_args(argv)
        # On a terminal, a line of log takes the place of the status line.
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        logging.basicConfig(
            level=logging.INFO if args.verbose else logging.WARNING,
            format=clear + "%(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )
        code: int = args.call(args)
    except EdgeferError as exc:
        print(f"edgefer: error: {exc}", file=sys.stderr)
        return exc.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:
        # The reader of our output left; Python would complain once more while flushing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code
