"""`edgefer daemon`: what systemd starts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

PLACE = Path("/etc/edgefer/edgefer.toml")


def add(commands: Any) -> None:  # Any: argparse names no type for this
    parser = commands.add_parser(
        "daemon",
        help="run as a service: cameras in, events, metrics and health out",
        description="Run until SIGTERM. SIGHUP reads the configuration again. Parts that break "
        "are started again; what cannot be mended ends it with an error, for systemd to start "
        "it again (systemd/README.md). No frame leaves memory.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=PLACE,
        metavar="FILE",
        help=f"a TOML file, as edgefer config show prints it (default {PLACE})",
    )
    parser.set_defaults(call=call)


def call(args: argparse.Namespace) -> int:
    from edgefer.daemon.service import serve

    serve(args.config)
    return 0
