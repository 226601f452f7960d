"""`edgefer doctor`: what works on this machine, and the command that mends the rest."""

from __future__ import annotations

import argparse
from typing import Any

from edgefer.doctor import EXIT_PROBLEM, examine
from edgefer.doctor.machine import Machine


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "doctor",
        help="say what works on this machine, and how to mend the rest",
        description="Look at the device, its software, power, cameras and models, in less than "
        "ten seconds, and change nothing. A problem comes with the command that mends it; what "
        f"cannot be read is unavailable. The exit code is {EXIT_PROBLEM} where something is a "
        "problem. Where even edgefer does not start: python -m edgefer.doctor",
    )
    parser.add_argument("--json", action="store_true", help="the same as JSON (schema 1)")
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    examination = examine(Machine())
    print(examination.json() if args.json else examination.page())
    return examination.exit_code
