"""The command line: parse, call, print. Each command is a module with `add` and `call`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from edgefer import __version__
from edgefer.errors import EdgeferError, OutputError

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
  3 measured, but unstable (bench --strict), 4 source, 5 model, 6 inference,
  7 output, 8 not installed, or a problem (doctor), 130 interrupted;
  of the daemon also 70 a part was stuck for good, 143 told twice to end

-v goes before the command: edgefer -v run"""


class Command(argparse.ArgumentParser):
    """Takes no abbreviations: a script's `--max` must not change its meaning with a new option."""

    def __init__(self, **options: Any) -> None:  # Any: argparse's own
        super().__init__(allow_abbrev=False, **options)

    # Any: argparse's own
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Refuses what is left over here, where the usage of this command is known: argparse lets
        the top parser do it."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left


COMMANDS = ("run", "daemon", "health", "bench", "compile", "inspect", "config", "pull", "doctor")
"""Each a module of this package, in the order of the help."""


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""What writing to stdout may meet; commands make an OutputError of it for all other files."""


def parser(command: str = "") -> argparse.ArgumentParser:
    """All commands and their options, or those of one: what the others import takes time."""
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
    for name in [command] if command in COMMANDS else COMMANDS:
        import_module(f"edgefer.cli.{name}").add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        # In here, so that Ctrl-C during a slow import is no traceback.
        args = parser(argv[0] if argv else "").parse_args(argv)
        # On a terminal, a line of log takes the place of the status line.
        clear = "\r\x1b[K" if sys.stderr.isatty() else ""
        logging.basicConfig(
            level=logging.INFO if args.verbose else logging.WARNING,
            format=clear + "%(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )
        code: int = args.call(args)
        if sys.stdout:  # None where it is closed
            sys.stdout.flush()  # in here, as a full disk is told only now
    except EdgeferError as exc:
        print(f"edgefer: error: {exc}", file=sys.stderr)
        return exc.exit_code
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:
        _drop_stdout()  # the reader of our output left
        return 0
    except OSError as exc:
        if exc.errno not in NO_ROOM:
            raise
        _drop_stdout()
        print(f"edgefer: error: cannot write the output: {exc.strerror}", file=sys.stderr)
        return OutputError.exit_code
    return code


def _drop_stdout() -> None:
    """Python would complain once more while flushing at the end."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
